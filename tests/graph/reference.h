// An independent, naive interpreter of graphs in double precision, and gradients by central differences.
#pragma once

#include <cstddef>
#include <cstdint>
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
  /// How much of a node depends on one element: nothing, the values of that element's example, or all of it.
  enum class Change { nothing, example, everything };
  std::vector<Change> changes_from(std::size_t id) const;
  // Examples first .. last - 1 of a node; a shared one is computed whole, in the place of example 0.
  void compute(std::size_t id, std::int64_t first, std::int64_t last);
  // Computes again, after an element of some node was changed, what depends on it.
  void update(const std::vector<Change>& changes, std::int64_t example);

  const quench::Graph& graph_;
  std::int64_t examples_;
  std::vector<std::vector<double>> values_;
  std::vector<std::int32_t> labels_;
};

}  // namespace quench_test
