// The gradient over a whole set: against naive averages and differences in double, on any number of threads.
#include "quench/full_gradient.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "allocation_counter.h"
#include "graph/experiment.h"
#include "graph/node.h"
#include "graph/reference.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "quench/sgd.h"
#include "random_images.h"

using quench::Error;
using quench::FullGradient;
using quench::Graph;
using quench::ImageSet;
using quench::Model;
using quench::Tensor;
using quench_test::random_images;

namespace {

constexpr double decay = 0.01;
constexpr double lambda = static_cast<double>(0.01F);

/// A network for images of 5 x 4 and 10 classes.
struct Network {
  Graph graph;
  Tensor loss{softmax_cross_entropy(quench::mlp(graph.input({1, 5, 4}), std::array<std::int64_t, 1>{12}, 10))};
};

/// The gradient of f by central differences in double, tensor by tensor, and f itself.
struct Differences {
  std::vector<std::vector<double>> gradient;
  double f = 0;
};
Differences differences(Graph& graph, Tensor loss, Model& model, const ImageSet& images) {
  quench_test::Reference reference(graph, images.size());
  const auto count = static_cast<std::size_t>(images.size());
  for (std::size_t n = 0; n < count; ++n) {
    reference.labels()[n] = images.labels()[n];
    for (std::size_t e = 0; e < static_cast<std::size_t>(images.features()); ++e) {
      const auto byte = static_cast<float>(images.image(static_cast<std::int64_t>(n))[e]);
      reference.value(graph.tensor(0))[e * count + n] =
          static_cast<double>(std::fma(byte, images.normalization().scale, images.normalization().shift));
    }
  }
  const auto tensors = model.parameters().tensors;
  std::vector<std::size_t> ids;
  for (std::size_t id = 0; id < graph.nodes().size(); ++id) {
    if (graph.nodes()[id].kind == quench::Node::Kind::parameter) ids.push_back(id);
  }
  for (std::size_t t = 0; t < ids.size(); ++t) {
    reference.value(ids[t]).assign(tensors[t].value.begin(), tensors[t].value.end());
  }
  reference.run();
  Differences d;
  d.f = reference.value(loss)[0];
  for (std::size_t t = 0; t < ids.size(); ++t) {
    d.gradient.push_back(reference.gradient(loss, ids[t]));
    for (std::size_t i = 0; i < d.gradient[t].size(); ++i) {
      const auto theta = static_cast<double>(tensors[t].value[i]);
      d.gradient[t][i] += lambda * theta;
      d.f += lambda / 2 * theta * theta;
    }
  }
  return d;
}

void check_against_differences(Graph& graph, Tensor loss, Model& model, const ImageSet& images) {
  FullGradient full(model);
  const double f = full.measure(images, decay);
  const Differences expected = differences(graph, loss, model, images);
  CHECK(std::abs(f - expected.f) < 1e-6 * expected.f);
  REQUIRE(full.tensors() == expected.gradient.size());
  double squares = 0;
  for (std::size_t t = 0; t < full.tensors(); ++t) {
    REQUIRE(full.tensor(t).size() == expected.gradient[t].size());
    double wrong = 0, largest = 0;
    for (std::size_t i = 0; i < full.tensor(t).size(); ++i) {
      wrong = std::max(wrong, std::abs(full.tensor(t)[i] - expected.gradient[t][i]));
      largest = std::max(largest, std::abs(expected.gradient[t][i]));
      squares += expected.gradient[t][i] * expected.gradient[t][i];
    }
    CAPTURE(t);
    CHECK(largest > 0);
    CHECK(wrong < 2e-6 * std::max(largest, 0.1));
  }
  CHECK(full.squared_norm() == doctest::Approx(squares).epsilon(1e-5));
}

}  // namespace

TEST_CASE("the full gradient is that of f by differences in double, L2 included, also with a partial last batch") {
  for (const int count : {32, 37, 5}) {  // 32 lanes a batch: whole, partial, and one that is partial only
    CAPTURE(count);
    const ImageSet images = random_images(count, 5, 4, 10);
    Network net;
    Model model(net.graph, net.loss, {.batch = 20, .seed = 3});
    check_against_differences(net.graph, net.loss, model, images);
  }
}

TEST_CASE("the full gradient of a convolutional network is that of differences in double") {
  const ImageSet images = random_images(18, 8, 8, 10, 7, {1.0F / 128, -1.0F}, 1);
  Graph graph;
  const Tensor loss = softmax_cross_entropy(
      linear(flatten(max_pool2d(conv2d_relu(graph.input({1, 8, 8}), 3, {.kernel = 3, .padding = 1}), 2)), 10));
  Model model(graph, loss, {.batch = 16, .seed = 5});
  check_against_differences(graph, loss, model, images);
}

TEST_CASE("the full gradient is the average of the batches' gradients, weighted by their examples") {
  const ImageSet images = random_images(83, 5, 4, 10);
  Network net;
  Model model(net.graph, net.loss, {.batch = 16, .seed = 3});
  std::vector<std::vector<double>> sums;
  for (const quench::Parameter& p : model.parameters().tensors) sums.emplace_back(p.value.size());
  double loss = 0, theta_theta = 0;
  for (const quench::Batch& batch : images.in_order(16)) {  // 83 = 5 x 16 + 3
    const auto weight = static_cast<double>(batch.indices.size());
    loss += weight * model.forward_backward(batch);
    for (std::size_t t = 0; t < sums.size(); ++t) {
      for (std::size_t i = 0; i < sums[t].size(); ++i) {
        sums[t][i] += weight * static_cast<double>(model.parameters().tensors[t].gradient[i]);
      }
    }
  }
  FullGradient full(model);
  const double f = full.measure(images, decay);
  double squares = 0, dot = 0;
  std::vector<float> padded(256, 1.0F);
  for (std::size_t t = 0; t < sums.size(); ++t) {
    for (std::size_t i = 0; i < sums[t].size(); ++i) {
      const auto theta = static_cast<double>(model.parameters().tensors[t].value[i]);
      const double g = sums[t][i] / 83 + lambda * theta;
      CHECK(full.tensor(t)[i] == g);
      theta_theta += theta * theta;
      squares += g * g;
      dot += g;
    }
  }
  CHECK(f == doctest::Approx(loss / 83 + lambda / 2 * theta_theta).epsilon(1e-14));
  CHECK(full.squared_norm() == doctest::Approx(squares).epsilon(1e-13));
  double dots = 0;
  for (std::size_t t = 0; t < full.tensors(); ++t) dots += full.dot(t, padded);
  CHECK(dots == doctest::Approx(dot).epsilon(1e-12));
}

TEST_CASE("in two parts: the gradient of all is that of the whole set, the other that of a set of the part alone") {
  const ImageSet images = random_images(83, 5, 4, 10);
  Network net;
  Model model(net.graph, net.loss, {.batch = 16, .seed = 3});
  const quench::Batches epoch = images.shuffled({.batch = 20, .seed = 4});
  FullGradient whole(model), full(model), rest(model), alone(model);
  const double f = whole.measure(images, decay);
  for (const int step : {0, 1, 3, 4}) {  // the last leaves the 3 images of a dropped batch
    CAPTURE(step);
    const quench::Batch before = epoch.before(step), from = epoch.from(step);
    CHECK(full.measure(before, from, decay, rest) == doctest::Approx(f).epsilon(1e-7));
    std::vector<std::uint8_t> pixels, labels;
    for (const std::uint32_t i : from.indices) {
      pixels.insert(pixels.end(), images.image(i).begin(), images.image(i).end());
      labels.push_back(images.labels()[i]);
    }
    ImageSet part(1, 5, 4, 10, pixels, labels);
    part.set_normalization(images.normalization());
    alone.measure(part, decay);
    for (std::size_t t = 0; t < full.tensors(); ++t) {
      const auto is_near = [](double a, double b) { return std::abs(a - b) < 1e-7; };
      CHECK(std::equal(full.tensor(t).begin(), full.tensor(t).end(), whole.tensor(t).begin(), is_near));
      CHECK(std::equal(rest.tensor(t).begin(), rest.tensor(t).end(), alone.tensor(t).begin()));
      CHECK(full.dot(t, rest.tensor(t)) ==
            doctest::Approx(full.dot(t, std::vector<float>(rest.tensor(t).begin(), rest.tensor(t).end())))
                .epsilon(1e-5));
    }
    if (step == 0) CHECK(full.squared_norm() == rest.squared_norm());
    if (step > 0) CHECK(std::abs(full.squared_norm() / rest.squared_norm() - 1) > 1e-3);
  }
  const quench::test::AllocationCounter counter;
  full.measure(epoch.before(2), epoch.from(2), decay, rest);
  CHECK(counter.count() == 0);

  const ImageSet other = random_images(83, 5, 4, 10);
  Model second(net.graph, net.loss, {.batch = 16});
  FullGradient of_second(second);
  const quench::Batch none{&images, {}};
  CHECK_THROWS_WITH_AS(full.measure(epoch.before(2), none, decay, rest),
                       "the part to measure the gradient of has no images, expected at least 1", Error);
  CHECK_THROWS_WITH_AS(full.measure({&other, {}}, epoch.from(2), decay, rest),
                       "a part of another set of images, expected the same set", Error);
  CHECK_THROWS_WITH_AS(full.measure(epoch.before(2), epoch.from(2), decay, full),
                       doctest::Contains("in the same place"), Error);
  CHECK_THROWS_WITH_AS(full.measure(epoch.before(2), epoch.from(2), decay, of_second),
                       doctest::Contains("of another model"), Error);
  CHECK_THROWS_AS(full.measure(epoch.before(2), epoch.from(2), -1, rest), Error);
}

TEST_CASE("threads change no bit of the full gradient, and parameters stay as they are") {
  const ImageSet images = random_images(250, 28, 28, 10);
  std::optional<std::vector<double>> expected;
  for (const int threads : {1, 2, 3}) {
    quench::ThreadPool pool(threads);
    Graph graph;
    Model model(graph, softmax_cross_entropy(quench::mlp(graph.input({1, 28, 28}))),
                {.batch = 100, .executor = &pool});
    const auto before = quench_test::bits(model.parameters().tensors[0].value);
    FullGradient full(model);
    std::vector<double> all{full.measure(images, decay), full.squared_norm()};
    for (std::size_t t = 0; t < full.tensors(); ++t) {
      all.insert(all.end(), full.tensor(t).begin(), full.tensor(t).end());
    }
    if (!expected) expected = all;
    CHECK(all == *expected);
    CHECK(quench_test::bits(model.parameters().tensors[0].value) == before);
  }
}

TEST_CASE("measuring again allocates nothing and gives the same") {
  const ImageSet images = random_images(40, 5, 4, 10);
  quench::ThreadPool pool(3);
  Network net;
  Model model(net.graph, net.loss, {.batch = 16, .executor = &pool});
  FullGradient full(model);
  const double first = full.measure(images, decay), norm = full.squared_norm();
  const quench::test::AllocationCounter counter;
  const double second = full.measure(images, decay);
  const double second_norm = full.squared_norm();
  const std::int64_t count = counter.count();
  CHECK(count == 0);
  CHECK(second == first);
  CHECK(second_norm == norm);
}

TEST_CASE("the full gradient refuses what has no gradient") {
  const ImageSet images = random_images(4, 5, 4, 10);
  Network net;
  Model inference(net.graph, net.loss, {.batch = 4, .training = false});
  CHECK_THROWS_WITH_AS(FullGradient{inference}, doctest::Contains("has no gradient"), Error);
  Model model(net.graph, net.loss, {.batch = 4});
  FullGradient full(model);
  CHECK(full.squared_norm() == 0);
  CHECK_THROWS_WITH_AS(full.measure(ImageSet(), decay),
                       "the set to measure the gradient of has no images, expected at least 1", Error);
  CHECK_THROWS_WITH_AS(full.measure(images, -0.5),
                       "weight_decay is -0.500000, expected a finite number of at least 0", Error);
  CHECK_THROWS_AS(full.measure(images, std::numeric_limits<double>::quiet_NaN()), Error);
  const std::vector<float> few(239);
  CHECK_THROWS_WITH_AS(full.dot(0, few), "a vector of 239 values, expected the 240 of tensor 0", Error);
}
