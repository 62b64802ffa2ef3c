// The library's training step, gather to update, against a naive one in double precision over several steps.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "graph/naive_mlp.h"
#include "quench/model.h"
#include "quench/sgd.h"
#include "random_images.h"

using quench_test::NaiveLayer;
using quench_test::NaiveMlp;

namespace {

// Images of `side` squared pixels, normalised by numbers that are exact in float.
quench::ImageSet random_images(int count, int side, int classes) {
  return quench_test::random_images(count, side, side, classes, 1, {0.015625F, -1.5F});
}

// The largest difference of two tensors, relative to the largest element.
double difference(std::span<const float> found, const std::vector<double>& expected) {
  REQUIRE(found.size() >= expected.size());
  double scale = 1e-3, worst = 0;
  for (const double value : expected) scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double off = std::abs(static_cast<double>(found[i]) - expected[i]);
    worst = std::isnan(off) ? off : std::max(worst, off);
    if (std::isnan(worst)) break;
  }
  return worst / scale;
}

struct Setting {
  float momentum, dampening, weight_decay;
};

}  // namespace

TEST_CASE(
    "several steps of the MLP agree with naive double precision: loss, gradients, velocities and parameters") {
  constexpr int side = 7, classes = 10, steps = 5;
  // Rounding to 2^-24 in sums of some hundred terms, five steps of it: observed 1e-6; a wrong term shows at 1e-2.
  constexpr double tolerance = 1e-5;
  const quench::ImageSet images = random_images(200, side, classes);

  for (const Setting& setting :
       {Setting{0, 0, 0}, Setting{0, 0, 0.01F}, Setting{0.9F, 0, 0.01F}, Setting{0.5F, 0.25F, 0.1F}}) {
    CAPTURE(setting.momentum);
    CAPTURE(setting.dampening);
    CAPTURE(setting.weight_decay);
    quench::Graph graph;
    constexpr std::array<std::int64_t, 2> hidden{30, 20};
    const quench::Tensor logits = quench::mlp(graph.input({1, side, side}), hidden, classes);
    quench::Model model(graph, softmax_cross_entropy(logits), {.batch = 25, .seed = 3});
    const quench::SgdOptions options{.lr = 0.125F,
                                     .momentum = setting.momentum,
                                     .dampening = setting.dampening,
                                     .weight_decay = setting.weight_decay};
    quench::Sgd sgd(model.parameters(), options);

    constexpr std::array<std::size_t, 4> sizes{side * side, 30, 20, classes};
    NaiveMlp naive(sizes);
    const auto parameters = model.parameters().tensors;
    REQUIRE(parameters.size() == 6);
    for (std::size_t l = 0; l < naive.layers.size(); ++l) {
      std::copy_n(parameters[2 * l].value.begin(), naive.layers[l].weight.size(), naive.layers[l].weight.begin());
      std::copy_n(parameters[2 * l + 1].value.begin(), naive.layers[l].bias.size(), naive.layers[l].bias.begin());
    }

    const quench::Batches batches = images.shuffled({.batch = 25, .seed = 1});
    for (std::int64_t step = 0; step < steps; ++step) {
      CAPTURE(step);
      const quench::Batch batch = batches[step];
      std::vector<std::vector<double>> inputs;
      std::vector<std::int32_t> labels;
      for (const std::uint32_t index : batch.indices) {
        std::vector<double> input;
        for (const std::uint8_t pixel : images.image(index)) input.push_back(pixel * 0.015625 - 1.5);
        inputs.push_back(input);
        labels.push_back(images.labels()[index]);
      }

      const double loss = model.forward_backward(batch);
      CHECK(loss == doctest::Approx(naive.forward_backward(inputs, labels)).epsilon(tolerance));
      for (std::size_t l = 0; l < naive.layers.size(); ++l) {
        CHECK(difference(parameters[2 * l].gradient, naive.layers[l].weight_gradient) < tolerance);
        CHECK(difference(parameters[2 * l + 1].gradient, naive.layers[l].bias_gradient) < tolerance);
      }
      sgd.step();
      naive.update({options.lr, options.momentum, options.dampening, options.weight_decay});
      for (std::size_t l = 0; l < naive.layers.size(); ++l) {
        CHECK(difference(sgd.velocity(2 * l), naive.layers[l].weight_velocity) < tolerance);
        CHECK(difference(sgd.velocity(2 * l + 1), naive.layers[l].bias_velocity) < tolerance);
        CHECK(difference(parameters[2 * l].value, naive.layers[l].weight) < tolerance);
        CHECK(difference(parameters[2 * l + 1].value, naive.layers[l].bias) < tolerance);
      }
    }
  }
}
