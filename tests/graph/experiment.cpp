#include "graph/experiment.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include "graph/node.h"
#include "graph/op.h"
#include "graph/plan_state.h"

namespace quench_test {

using quench::Node;
using quench::Tensor;

namespace {

// Float values and gradients of these graphs are sums of at most some hundred terms near 1, each rounded to 2^-24
// of itself: an error of 2e-5 of the largest leaves room for cancellation, and any wrong term is far larger.
constexpr double tolerance = 2e-5;

double largest(const std::vector<double>& values) {
  double result = 1;
  for (const double value : values) result = std::max(result, std::abs(value));
  return result;
}

void check_close(std::span<const float> found, const std::vector<double>& expected, bool per_example,
                 std::int64_t lanes, std::int64_t live) {
  const double allowed = tolerance * largest(expected);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto n = static_cast<std::size_t>(live);
    const std::size_t at = per_example ? i / n * static_cast<std::size_t>(lanes) + i % n : i;
    // Negated, so that NaN is wrong.
    if (!(std::abs(static_cast<double>(found[at]) - expected[i]) <= allowed)) {
      if (wrong == 0) CHECK_MESSAGE(false, "element " << i << " is " << found[at] << ", expected " << expected[i]);
      ++wrong;
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

Experiment::Experiment(quench::Graph& graph, Tensor root, const quench::PlanOptions& options, std::int64_t live,
                       std::uint32_t seed)
    : plan(graph, root, options), graph_(graph), root_(root), keep_(options.keep), reference_(graph, live) {
  std::mt19937 random(seed);
  for (std::size_t id = 0; id < graph.nodes().size(); ++id) {
    if (graph.nodes()[id].kind == Node::Kind::computed) continue;
    // Odd multiples of 2^-20, exact in float; 0 is left out, as differences across the kink of a ReLU mean nothing.
    for (double& value : reference_.value(id))
      value = (2.0 * static_cast<double>(random() % 0x100000) - 0xFFFFF) * 0x1p-20;
  }
  plan.bind();
  plan.set_live(live);
  const std::int64_t classes = std::max<std::int64_t>(1, state_of(plan).classes);
  for (std::int32_t& label : reference_.labels()) {
    label = static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(classes));
  }
  load(plan);
}

void Experiment::load(quench::Plan& target) {
  const auto& nodes = graph_.nodes();
  const std::int64_t live = reference_.examples();
  for (std::size_t id = 0; id < nodes.size(); ++id) {
    if (nodes[id].kind == Node::Kind::computed || state_of(target).position_of.size() <= id ||
        state_of(target).position_of[id] == quench::none) {
      continue;
    }
    const std::vector<double>& values = reference_.value(id);
    if (nodes[id].kind == Node::Kind::parameter) {
      std::transform(values.begin(), values.end(), target.value(graph_.tensor(id)).begin(),
                     [](double value) { return static_cast<float>(value); });
    } else {
      const std::int64_t elements = quench::element_count(nodes[id].shape);
      std::vector<float> rows;
      for (std::int64_t n = 0; n < live; ++n) {
        for (std::int64_t e = 0; e < elements; ++e) {
          rows.push_back(static_cast<float>(values[static_cast<std::size_t>(e * live + n)]));
        }
      }
      target.set_input(graph_.tensor(id), rows);
    }
  }
  if (state_of(target).labels != quench::none) target.set_labels(reference_.labels());
}

void Experiment::check_value(Tensor tensor) {
  CAPTURE(tensor.id());
  check_close(plan.value(tensor), reference_.value(tensor), tensor.per_example(), plan.lanes(), plan.live());
}

void Experiment::check_gradient(std::size_t id) {
  const Tensor tensor = graph_.tensor(id);
  CAPTURE(id);
  const std::span<const float> found = plan.gradient(tensor);
  check_close(found, reference_.gradient(root_, id), tensor.per_example(), plan.lanes(), plan.live());
  if (!tensor.per_example()) return;
  const std::int64_t last = quench::padded(plan.live());
  bool dead_lanes_are_zero = true;
  for (std::size_t row = 0; row < found.size(); row += static_cast<std::size_t>(plan.lanes())) {
    for (std::int64_t n = plan.live(); n < last; ++n) {
      dead_lanes_are_zero = dead_lanes_are_zero && found[row + static_cast<std::size_t>(n)] == 0.0F;
    }
  }
  CHECK(dead_lanes_are_zero);
}

void Experiment::check() {
  CAPTURE(plan.live());
  reference_.run();
  const float root = plan.forward();
  CHECK(root == doctest::Approx(reference_.value(root_)[0]).epsilon(tolerance));
  for (const Tensor tensor : keep_) check_value(tensor);
  if (!state_of(plan).training) return;

  plan.backward();
  for (std::size_t p : state_of(plan).parameter_positions) check_gradient(state_of(plan).nodes[p].id);
  for (const Tensor tensor : keep_) {
    const Node& node = graph_.nodes()[static_cast<std::size_t>(tensor.id())];
    // A view has its source's gradient, which counts more than the paths through the view.
    if (node.op == nullptr || !node.op->view) check_gradient(static_cast<std::size_t>(tensor.id()));
  }
}

void check_gradients(quench::Graph& graph, Tensor root, std::vector<Tensor> keep) {
  std::uint32_t seed = 1;
  for (const std::int64_t live : {1, 5, 16, 17, 20}) {
    Experiment(graph, root, {.batch = 20, .keep = keep}, live, seed++).check();
  }
}

std::vector<std::uint32_t> bits(std::span<const float> values) {
  std::vector<std::uint32_t> result;
  for (const float value : values) result.push_back(std::bit_cast<std::uint32_t>(value));
  return result;
}

std::vector<std::uint32_t> gradient_bits(quench::Plan& plan) {
  std::vector<std::uint32_t> result;
  for (const quench::Parameter& parameter : plan.parameters()) {
    const auto more = bits(parameter.gradient);
    result.insert(result.end(), more.begin(), more.end());
  }
  return result;
}

}  // namespace quench_test
