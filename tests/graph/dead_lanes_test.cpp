// Lanes without an example hold zeros, and what is computed from them. Whatever that is, it reaches no result.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "quench/graph.h"
#include "quench/plan.h"

using namespace quench;

namespace {

/// Gradients of the parameters of a graph in which an example of zeros overflows and the live ones do not.
std::vector<float> gradients(int batch) {
  Graph graph;
  const Tensor x = graph.input({3});
  const Tensor b = graph.parameter({3}, "b");
  const Tensor w = graph.parameter({3}, "w");
  const Tensor h = x + b;  // 0 for live examples, 1e10 in dead lanes
  const Tensor y = h * h;
  const Tensor z = y * y;  // infinite in dead lanes
  const Tensor weighted = z * w;
  const Tensor shifted = relu(weighted) + b;
  Plan plan(graph, sum(batch_mean(sum(shifted))), {.batch = batch});
  plan.bind();
  for (float& value : plan.value(b)) value = 1e10F;
  for (float& value : plan.value(w)) value = 1.0F;
  plan.set_input(x, std::vector<float>(static_cast<std::size_t>(3 * batch), -1e10F));
  CHECK(std::isfinite(plan.forward()));
  plan.backward();
  std::vector<float> all;
  for (const Parameter& p : plan.parameters()) all.insert(all.end(), p.gradient.begin(), p.gradient.end());
  return all;
}

}  // namespace

TEST_CASE("an overflow in dead lanes leaves the gradients of shared tensors alone") {
  const std::vector<float> without = gradients(16);
  REQUIRE(without.size() == 6);
  for (const int batch : {1, 2, 15, 17}) CHECK(gradients(batch) == without);
}
