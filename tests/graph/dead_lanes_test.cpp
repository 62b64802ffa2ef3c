// Lanes without an example hold zeros, and what is computed from them. Whatever that is, it reaches no result.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <span>
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

/// The same of a graph that pools such values.
std::vector<float> gradients_of_pools(int batch) {
  Graph graph;
  const Tensor x = graph.input({1, 4, 4});
  const Tensor b = graph.parameter({1, 4, 4}, "b");
  const Tensor h = x + b;
  const Tensor y = h * h;
  const Tensor z = y * y;
  const Tensor largest = max_pool2d(z + b, 2, 1);
  const Tensor pooled = average_pool2d(largest, 2, 1);
  Plan plan(graph, sum(batch_mean(sum(pooled))), {.batch = batch});
  plan.bind();
  for (float& value : plan.value(b)) value = 1e10F;
  plan.set_input(x, std::vector<float>(static_cast<std::size_t>(16 * batch), -1e10F));
  CHECK(std::isfinite(plan.forward()));
  plan.backward();
  const std::span<const float> gradient = plan.parameters()[0].gradient;
  return {gradient.begin(), gradient.end()};
}

/// The gradient of the weights of a convolution of such values; live ones are 0.
std::vector<float> gradients_of_convolution(int batch, int stride) {
  Graph graph;
  const Tensor x = graph.input({1, 4, 4});
  const Tensor b = graph.parameter({1, 4, 4}, "b");
  const Tensor h = x + b;
  const Tensor y = h * h;
  const Tensor convolved = conv2d(y * y, 2, {.kernel = 3, .stride = stride, .padding = 1}, "conv");
  Plan plan(graph, sum(batch_mean(sum(convolved))), {.batch = batch});
  plan.bind();
  for (float& value : plan.value(b)) value = 1e10F;
  plan.set_input(x, std::vector<float>(static_cast<std::size_t>(16 * batch), -1e10F));
  CHECK(std::isfinite(plan.forward()));
  plan.backward();
  REQUIRE(plan.parameters()[1].name == "conv.weight");
  const std::span<const float> gradient = plan.parameters()[1].gradient;
  return {gradient.begin(), gradient.end()};
}

}  // namespace

TEST_CASE("an overflow in dead lanes leaves the gradients of shared tensors alone") {
  const std::vector<float> without = gradients(16);
  REQUIRE(without.size() == 6);
  for (const int batch : {1, 2, 15, 17}) CHECK(gradients(batch) == without);
  const std::vector<float> pooled = gradients_of_pools(16);
  for (const int batch : {1, 2, 15, 17}) CHECK(gradients_of_pools(batch) == pooled);
  for (const int stride : {1, 2}) {
    for (const int batch : {1, 4, 8, 9, 12, 15, 16, 17, 28}) {
      INFO("stride " << stride << ", batch " << batch);
      CHECK(gradients_of_convolution(batch, stride) == std::vector<float>(18, 0.0F));
    }
  }
}
