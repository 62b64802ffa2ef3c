// An independent, naive interpreter of graphs in double precision, and gradients by central differences.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "quench/graph.h"

namespace quench_test {

/// Evaluates every node of a graph for `examples` examples, one element after the other.
class Reference {
 public:
  Reference(const quench::Graph& graph, std::int64_t examples);

  /// The value of a node: of a shared one [element], of a per-example one [element][example]. Those of inputs and
  /// parameters are to be filled in.
  std::vector<double>& value(std::size_t id) { return values_[id]; }
  std::vector<double>& value(quench::Tensor tensor) { return value(static_cast<std::size_t>(tensor.id())); }
  std::vector<std::int32_t>& labels() { return labels_; }
  std::int64_t examples() const { return examples_; }

  /// Computes all nodes from inputs, parameters and labels.
  void run();

  /// d root / d value(id)[i] for all i of any node. Errors: the truncation of differences over
  /// +-2^-17 and the rounding of the root divided by 2^-16, both about 1e-10 where values and derivatives are
  /// near 1.
  std::vector<double> gradient(quench::Tensor root, std::size_t id);

 private:
  void compute(std::size_t id);
  // The root where one element of one node is moved, as soon as it is computed.
  double moved(std::size_t id, std::size_t element, double move, quench::Tensor root);

  const quench::Graph& graph_;
  std::int64_t examples_;
  std::vector<std::vector<double>> values_;
  std::vector<std::int32_t> labels_;

  static constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();
  std::size_t moved_node_ = nowhere;
  std::size_t moved_element_ = 0;
  double move_ = 0;
};

}  // namespace quench_test
