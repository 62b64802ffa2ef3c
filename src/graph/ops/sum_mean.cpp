// sum and mean: y = (x_1 + x_2 + ...) / divisor over the elements of each example, or of a shared tensor.
#include "graph/ops/building.h"

namespace quench {

namespace {

float one(const Context&) { return 1.0F; }
float elements(const Context& c) { return static_cast<float>(c.input_elements(0)); }

template <float (*divisor)(const Context&)>
void forward(const Context& c) {
  if (c.node().per_example) {
    c.table().column_sums(c.input_block(0), c.input(0), divisor(c), c.output());
  } else {
    *c.output() = c.table().sum(c.input(0), c.input_elements(0)) / divisor(c);
  }
}

template <float (*divisor)(const Context&)>
void backward(const Context& c) {
  if (c.node().per_example) {
    c.table().spread_row(c.input_block(0), c.output_gradient(), divisor(c), c.input_gradient(0), c.accumulate(0));
  } else {
    // The one row of a shared tensor has the place of its elements in lanes.
    c.table().spread_column(c.input_block(0), c.output_gradient(), divisor(c), c.input_elements(0),
                            c.input_gradient(0), c.accumulate(0));
  }
}

constexpr Op sum_op{.name = "sum", .forward = forward<one>, .backward = backward<one>};
constexpr Op mean_op{.name = "mean", .forward = forward<elements>, .backward = backward<elements>};

Tensor reduce(const Op& op, Tensor x) {
  check_arguments(op, {x});
  return append(op, {x}, {1}, x.per_example());
}

}  // namespace

Tensor sum(Tensor x) { return reduce(sum_op, x); }
Tensor mean(Tensor x) { return reduce(mean_op, x); }

}  // namespace quench
