// Every entry point that computes gives the same bits, whatever floating-point mode the host program has set.
#include "core/unusual_host.h"

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "quench/adam.h"
#include "quench/model.h"
#include "quench/plan.h"
#include "quench/sgd.h"

using quench::Graph;
using quench::Model;
using quench::Parameter;
using quench::Plan;
using quench::Tensor;
using quench_test::UnusualHost;

namespace {

/// The bits of all that a call gave. Many results of one kind, as rounding upwards changes only about every second.
class Results {
 public:
  void add(double value) { bits_.push_back(std::bit_cast<std::uint64_t>(value)); }
  void add(std::span<const float> values) {
    for (const float value : values) bits_.push_back(std::bit_cast<std::uint32_t>(value));
  }
  void add(std::span<Parameter> parameters) {
    for (const Parameter& parameter : parameters) {
      add(parameter.value);
      add(parameter.gradient);
    }
  }
  bool operator==(const Results&) const = default;

 private:
  std::vector<std::uint64_t> bits_;
};

/// What call(results) gives in the test's own mode, which is the contract's, and in an unusual one, each time after
/// prepare() in the test's own.
template <typename Prepare, typename Call>
void check_same_bits(const Prepare& prepare, const Call& call) {
  Results usual, unusual;
  prepare();
  call(usual);
  prepare();
  {
    const UnusualHost host;
    call(unusual);
    CHECK(UnusualHost::in_force());
  }
  CHECK(usual == unusual);
}

void nothing() {}

/// Exact in float, whatever the mode: odd multiples of 2^-16 below 1.
std::vector<float> random_values(std::size_t count) {
  std::mt19937 random(3);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(static_cast<int>(random() % 0x20000) - 0xFFFF) * 0x1p-16F;
  return values;
}

quench::ImageSet random_images(int count) {
  std::mt19937 random(7);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(count) * 20), labels(static_cast<std::size_t>(count));
  for (auto& pixel : pixels) pixel = static_cast<std::uint8_t>(random() % 256);
  for (auto& label : labels) label = static_cast<std::uint8_t>(random() % 10);
  quench::ImageSet images(1, 4, 5, 10, pixels, labels);
  images.set_normalization({1.0F / 128, -1.0F});
  return images;
}

struct Network {
  Graph graph;
  Tensor loss = softmax_cross_entropy(linear(linear_relu(flatten(graph.input({1, 4, 5})), 12), 10));
};

constexpr int largest = 40;  // examples of a batch

std::vector<std::uint32_t> all_indices() {
  std::vector<std::uint32_t> indices(largest);
  std::iota(indices.begin(), indices.end(), 0U);
  return indices;
}

}  // namespace

TEST_CASE("a plan's forward and backward give the same bits in a host's unusual floating-point mode") {
  Graph g;
  const Tensor x = g.input({20});
  const Tensor h = linear_relu(x, 12);
  const Tensor loss = softmax_cross_entropy(linear(h, 10)) + batch_mean(mean(h * h));
  Plan plan(g, loss, {.batch = largest, .keep = {h}});
  plan.bind();
  const auto load = [&](std::int64_t live) {
    for (const Parameter& parameter : plan.parameters()) {
      std::ranges::copy(random_values(parameter.value.size()), parameter.value.begin());
    }
    plan.set_live(live);
    plan.set_input(x, random_values(static_cast<std::size_t>(20 * live)));
    std::vector<std::int32_t> labels(static_cast<std::size_t>(live));
    for (std::size_t n = 0; n < labels.size(); ++n) labels[n] = static_cast<std::int32_t>(n % 10);
    plan.set_labels(labels);
  };
  for (const std::int64_t live : {3, 20, 37}) {
    load(live);
    const auto forward = [&](Results& results) {
      results.add(plan.forward());
      results.add(plan.value(h));
    };
    check_same_bits(nothing, forward);
    const auto backward = [&](Results& results) {
      plan.backward();
      results.add(plan.parameters());
    };
    check_same_bits([&] { plan.forward(); }, backward);
  }
}

TEST_CASE("a model's weights, losses, gradients and evaluations are the same bits in a host's unusual mode") {
  Network net;
  const quench::ImageSet images = random_images(largest);
  const std::vector<std::uint32_t> all = all_indices();
  std::vector<quench::ImageSet> sets;
  for (int count = 1; count <= largest; ++count) sets.push_back(random_images(count));
  const auto batch = [&](std::size_t count) { return quench::Batch{&images, std::span(all).first(count)}; };

  check_same_bits(nothing, [&](Results& results) {
    Model fresh(net.graph, net.loss);
    results.add(fresh.parameters().tensors);
  });
  Model model(net.graph, net.loss, {.batch = 16});
  check_same_bits(nothing, [&](Results& results) {
    for (std::size_t count = 1; count <= 16; ++count) {
      results.add(model.forward_backward(batch(count)));
      results.add(model.parameters().tensors);
    }
  });
  check_same_bits(nothing, [&](Results& results) {
    for (std::size_t count = 1; count <= 16; ++count) results.add(model.forward(batch(count)));
  });
  check_same_bits(nothing, [&](Results& results) {
    for (const quench::ImageSet& set : sets) {
      const quench::Evaluation evaluation = model.evaluate(set);
      results.add(evaluation.loss);
      results.add(evaluation.accuracy);
    }
  });
}

TEST_CASE("the optimiser's steps and norms are the same bits in a host's unusual mode") {
  // Several blocks a tensor and several tensors, whose sums are added up.
  Graph g;
  const Tensor a = g.parameter({90, 201}, "a"), b = g.parameter({3}, "b"), c = g.parameter({70, 170}, "c");
  const Tensor sum_of_a = sum(a), sum_of_b = sum(b), sum_of_c = sum(c);
  Plan plan(g, sum_of_a + sum_of_b + sum_of_c);
  plan.bind();
  // 1 - 0.1F is rounded.
  for (const quench::SgdOptions& options :
       {quench::SgdOptions{.lr = 0.1F, .momentum = 0.9F, .dampening = 0.1F, .weight_decay = 0.01F},
        quench::SgdOptions{.lr = 0.1F, .keep_velocity = false}}) {
    quench::Sgd sgd({plan.parameters(), nullptr}, options);
    const auto load = [&] {
      for (const Parameter& parameter : plan.parameters()) {
        std::ranges::copy(random_values(parameter.value.size()), parameter.value.begin());
        std::ranges::copy(random_values(parameter.value.size()), parameter.gradient.begin());
      }
      sgd.restart();
    };
    check_same_bits(load, [&](Results& results) {
      for (int step = 0; step < 10; ++step) {
        const quench::Observables& o = sgd.step();
        for (const double sum : {o.theta_g, o.g_g, o.v_v, o.v_g, o.theta_v, o.theta_theta}) results.add(sum);
        results.add(plan.parameters());
      }
    });
    // The steps have left values of full precision.
    check_same_bits(nothing, [&](Results& results) {
      const quench::Norms norms = sgd.norms();
      for (const double sum : {norms.theta_theta, norms.theta_v, norms.v_v}) results.add(sum);
    });
  }
}

TEST_CASE("Adam's steps are the same bits in a host's unusual mode") {
  Graph g;
  const Tensor a = g.parameter({90, 201}, "a"), b = g.parameter({3}, "b");
  const Tensor sum_of_a = sum(a), sum_of_b = sum(b);
  Plan plan(g, sum_of_a + sum_of_b);
  plan.bind();
  quench::Adam adam({plan.parameters(), nullptr}, {.lr = 0.01F, .weight_decay = 0.01F, .amsgrad = true});
  const auto load = [&] {
    for (const Parameter& parameter : plan.parameters()) {
      std::ranges::copy(random_values(parameter.value.size()), parameter.value.begin());
      std::ranges::copy(random_values(parameter.value.size()), parameter.gradient.begin());
    }
    adam.restart();
  };
  check_same_bits(load, [&](Results& results) {
    for (int step = 0; step < 10; ++step) {
      const quench::Observables& o = adam.step();
      for (const double sum : {o.theta_g, o.g_g, o.theta_theta, o.drift, o.theta_d, o.d_d}) results.add(sum);
      results.add(plan.parameters());
    }
    adam.set_steps(1000);
    adam.step();
    results.add(plan.parameters());
  });
}
