// What the builder functions of the operations share: checks of their arguments, and appending the node.
#pragma once

#include <initializer_list>
#include <string>

#include "graph/node.h"
#include "graph/op.h"
#include "quench/graph.h"

namespace quench {

/// Throws Error, beginning with the operation's name, unless all arguments are tensors of one graph.
void check_arguments(const Op& op, std::initializer_list<Tensor> arguments);

/// Throws Error("<operation>: <problem>").
[[noreturn]] void refuse(const Op& op, const std::string& problem);

/// Appends a node computed from `inputs`, which check_arguments has accepted.
Tensor append(const Op& op, std::initializer_list<Tensor> inputs, Shape shape, bool per_example,
              const Windows& windows = {});

/// The shape rule of add and multiply: equal shapes; the result is per-example when an operand is.
Tensor append_elementwise(const Op& op, Tensor a, Tensor b);

}  // namespace quench
