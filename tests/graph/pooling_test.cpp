// Pools as operations of a graph: the bits of naive loops over one example after the other, on any number of
// threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "graph/experiment.h"
#include "graph/node.h"
#include "graph/plan_state.h"
#include "kernels/naive_pooling.h"
#include "quench/executor.h"
#include "quench/graph.h"
#include "quench/plan.h"

using namespace quench;
using quench_test::bits;
using quench_test::NaivePool;

namespace {

/// Image c of example n of a per-example tensor.
std::vector<float> image(std::span<const float> values, std::int64_t lanes, std::int64_t elements, std::int64_t c,
                         std::int64_t n) {
  std::vector<float> result;
  for (std::int64_t i = 0; i < elements; ++i) {
    result.push_back(values[static_cast<std::size_t>((c * elements + i) * lanes + n)]);
  }
  return result;
}

/// Two pools of the same images, so that the gradient of one is added to that of the other; compares all that they
/// compute with naive loops, and returns it.
std::vector<std::uint32_t> check(Shape shape, NaivePool first, NaivePool second, int batch, int live, int threads) {
  ThreadPool pool(threads);
  Graph g;
  const Tensor x = g.input(shape);
  const Tensor largest = max_pool2d(x, first.window, first.stride);
  const Tensor average = average_pool2d(x, second.window, second.stride);
  const Tensor by_largest = batch_mean(sum(largest * g.input(largest.shape(), "weights of maxima")));
  const Tensor by_average = batch_mean(sum(average * g.input(average.shape(), "weights of averages")));
  Plan plan(g, by_largest + by_average, {.batch = batch, .keep = {x, largest, average}, .executor = &pool});
  plan.bind();
  plan.set_live(live);
  std::mt19937 random(7);
  for (std::size_t id = 0; id < g.nodes().size(); ++id) {
    const Node& node = g.nodes()[id];
    if (node.kind != Node::Kind::input) continue;
    std::vector<float> values(static_cast<std::size_t>(element_count(node.shape) * live));
    // Few different numbers: many are equal.
    for (float& value : values) value = static_cast<float>(static_cast<int>(random() % 64) - 32) / 16.0F;
    plan.set_input(g.tensor(id), values);
  }
  plan.forward();
  plan.backward();

  const std::int64_t lanes = plan.lanes(), elements = shape[1] * shape[2];
  const auto size = [](const NaivePool& p) { return static_cast<std::int64_t>(p.y_size()); };
  std::vector<std::uint32_t> all;
  int wrong = 0;
  for (std::int64_t c = 0; c < shape[0]; ++c) {
    for (std::int64_t n = 0; n < live; ++n) {
      const std::vector<float> pixels = image(plan.value(x), lanes, elements, c, n);
      std::vector<std::int64_t> places;
      const std::vector<float> maxima = first.maximum(pixels, places);
      wrong += bits(image(plan.value(largest), lanes, size(first), c, n)) != bits(maxima);
      wrong += bits(image(plan.value(average), lanes, size(second), c, n)) != bits(second.average(pixels));
      // Backward comes to the average first.
      const std::vector<float> stored =
          second.gradient(image(plan.gradient(average), lanes, size(second), c, n), {});
      const std::vector<float> dx =
          first.gradient(image(plan.gradient(largest), lanes, size(first), c, n), places, stored);
      const std::vector<float> found = image(plan.gradient(x), lanes, elements, c, n);
      wrong += bits(found) != bits(dx);
      const std::vector<std::uint32_t> found_bits = bits(found);
      all.insert(all.end(), found_bits.begin(), found_bits.end());
    }
  }
  CHECK(wrong == 0);
  return all;
}

}  // namespace

TEST_CASE("pools have the bits of naive loops for every number of examples and of threads") {
  // Small images make one chunk, large ones are cut within a channel.
  const Shape shapes[] = {{1, 1, 1}, {3, 5, 4}, {1, 37, 20}, {3, 17, 19}, {20, 8, 8}};
  int i = 0;
  for (const Shape& shape : shapes) {
    for (const int live : {1, 15, 16, 17, 100}) {
      CAPTURE(to_string(shape));
      CAPTURE(live);
      const std::int64_t side = std::min(shape[1], shape[2]);
      const auto pool = [&](std::int64_t window, std::int64_t stride) {
        return NaivePool{.rows = shape[1], .columns = shape[2], .window = std::min(window, side), .stride = stride};
      };
      const NaivePool first = pool(1 + i % 3, 1 + i % 2), second = pool(2 + i % 4, 1 + i % 5);
      ++i;
      const std::vector<std::uint32_t> one = check(shape, first, second, live, live, 1);
      for (const int threads : {2, 3, 7}) CHECK(check(shape, first, second, live, live, threads) == one);
      CHECK(check(shape, first, second, 112, live, 3).size() == one.size());
    }
  }
}

TEST_CASE("a window of more than 256 elements pools a whole image") {
  const NaivePool whole{.rows = 18, .columns = 18, .window = 18, .stride = 18};
  const NaivePool most{.rows = 18, .columns = 18, .window = 17, .stride = 1};
  check({2, 18, 18}, whole, most, 17, 17, 2);
  check({2, 18, 18}, most, whole, 17, 17, 2);
}

TEST_CASE("places of maxima are kept where a gradient needs them, a byte each, and nothing else is") {
  Graph g;
  const Tensor x = g.input({2, 6, 6});
  const Tensor constant = max_pool2d(x, 2);
  const Tensor variable = max_pool2d(x * g.parameter({2, 6, 6}, "p"), 2);
  Plan plan(g, batch_mean(sum(constant * variable)), {.batch = 20});
  const auto saved = [](Plan& of, Tensor t) {
    const PlanState& state = state_of(of);
    return state.nodes[state.position_of[static_cast<std::size_t>(t.id())]].saved;
  };
  CHECK(saved(plan, constant) == none);
  REQUIRE(saved(plan, variable) != none);
  CHECK(state_of(plan).buffers[saved(plan, variable)].bytes == 2 * 3 * 3 * 32);
  Plan inference(g, batch_mean(sum(constant * variable)), {.batch = 20, .training = false});
  CHECK(saved(inference, variable) == none);
}
