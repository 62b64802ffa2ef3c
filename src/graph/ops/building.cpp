#include "graph/ops/building.h"

#include <utility>

#include "quench/error.h"

namespace quench {

void refuse(const Op& op, const std::string& problem) { throw Error(std::string(op.name) + ": " + problem); }

void check_arguments(const Op& op, std::initializer_list<Tensor> arguments) {
  for (const Tensor tensor : arguments) {
    if (tensor == Tensor{}) refuse(op, "an argument is an empty Tensor");
    if (&tensor.graph() != &arguments.begin()->graph()) {
      refuse(op, "the arguments belong to different graphs, expected one");
    }
  }
}

Tensor append(const Op& op, std::initializer_list<Tensor> inputs, Shape shape, bool per_example,
              const Windows& windows) {
  Node node;
  node.op = &op;
  for (const Tensor input : inputs) node.inputs.push_back(static_cast<std::size_t>(input.id()));
  node.shape = std::move(shape);
  node.per_example = per_example;
  node.windows = windows;
  return inputs.begin()->graph().append(std::move(node));
}

Tensor append_elementwise(const Op& op, Tensor a, Tensor b) {
  check_arguments(op, {a, b});
  if (a.shape() != b.shape()) {
    refuse(op, "shapes " + to_string(a.shape()) + " and " + to_string(b.shape()) + ", expected equal shapes");
  }
  return append(op, {a, b}, a.shape(), a.per_example() || b.per_example());
}

}  // namespace quench
