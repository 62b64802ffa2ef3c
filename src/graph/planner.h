// Decides, before anything runs, which nodes run, which gradients exist and where everything lies.
#pragma once

#include "graph/plan_state.h"
#include "quench/plan.h"

namespace quench {

/// Fills all of a new State but the memory. Throws Error as Plan's constructor does.
///
/// Time is counted in steps: with n nodes, node p runs forward at step p and backward at step 2n - 1 - p. A value
/// lives from its own forward step to its last reader's, a gradient from its first contribution to the backward
/// step of the node it belongs to. Parameters, their gradients, inputs and labels live always; kept tensors to the
/// end.
void make_plan(const Graph& graph, Tensor root, const PlanOptions& options, PlanState& state);

}  // namespace quench
