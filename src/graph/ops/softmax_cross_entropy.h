// What a model asks of its loss beyond the graph's float: which node it is, and the exact sum behind the mean.
#pragma once

#include <cstddef>

#include "graph/node.h"
#include "quench/plan.h"

namespace quench {

bool is_softmax_cross_entropy(const Node& node);

/// The sum over the live examples of -log softmax(logits)[label], in double, of the node at `position`. To be read
/// after forward() and before backward().
double cross_entropy_sum(const PlanState& state, std::size_t position);

}  // namespace quench
