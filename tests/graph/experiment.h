// The same graph with the same numbers in the library's float and in the reference's double.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/reference.h"
#include "quench/graph.h"
#include "quench/plan.h"

namespace quench_test {

/// A bound plan whose inputs, parameters and labels are drawn at random, values in (-1, 1), and a Reference with
/// the same numbers.
class Experiment {
 public:
  Experiment(quench::Graph& graph, quench::Tensor root, const quench::PlanOptions& options, std::int64_t live,
             std::uint32_t seed);

  /// Runs both and compares, with doctest's CHECK: the values of the root and the kept tensors, the gradients of
  /// the parameters and the kept tensors with central differences; dead lanes of gradients must be exactly 0.
  void check();

  /// Copies the numbers into another plan of the same graph.
  void load(quench::Plan& plan);

  quench::Plan plan;

 private:
  void check_value(quench::Tensor tensor);
  void check_gradient(std::size_t id);

  quench::Graph& graph_;
  quench::Tensor root_;
  std::vector<quench::Tensor> keep_;
  Reference reference_;
};

/// Experiment(...).check() for the whole batch and for parts of it.
void check_gradients(quench::Graph& graph, quench::Tensor root, std::vector<quench::Tensor> keep = {});

/// The bits of floats, so that -0 and +0 differ.
std::vector<std::uint32_t> bits(std::span<const float> values);

/// All parameters' gradients one after the other, as bits.
std::vector<std::uint32_t> gradient_bits(quench::Plan& plan);

}  // namespace quench_test
