// reshape and flatten: another shape for the same memory, values and gradients alike.
#include "graph/ops/building.h"

namespace quench {

namespace {

constexpr Op reshape_op{.name = "reshape", .view = true};

}  // namespace

Tensor reshape(Tensor x, Shape shape) {
  check_arguments(reshape_op, {x});
  check_shape(shape, reshape_op.name);  // first, as only then is the count known to fit
  const std::int64_t from = element_count(x.shape());
  if (const std::int64_t to = element_count(shape); to != from) {
    refuse(reshape_op, "shape " + to_string(x.shape()) + " has " + std::to_string(from) + " elements and " +
                           to_string(shape) + " has " + std::to_string(to) + ", expected equal counts");
  }
  return append(reshape_op, {x}, std::move(shape), x.per_example());
}

Tensor flatten(Tensor x) {
  check_arguments(reshape_op, {x});
  return reshape(x, {element_count(x.shape())});
}

}  // namespace quench
