// y = x <= 0 ? 0 : x. The derivative is taken from y, so that x need not be kept.
#include "graph/ops/blocks.h"
#include "graph/ops/building.h"

namespace quench {

namespace {

void forward(const Context& c) {
  const float* x = c.input(0);
  float* y = c.output();
  for_each_piece(c.executor(), c.output_block(),
                 [&](const kernels::Block& piece, std::int64_t at) { c.table().relu(piece, x + at, y + at); });
}

void backward(const Context& c) {
  const float* y = c.output();
  const float* dy = c.output_gradient();
  float* dx = c.input_gradient(0);
  const bool accumulate = c.accumulate(0);
  for_each_piece(c.executor(), c.output_block(), [&](const kernels::Block& piece, std::int64_t at) {
    c.table().relu_backward(piece, y + at, dy + at, dx + at, accumulate);
  });
}

constexpr Op relu_op{
    .name = "relu",
    .forward = forward,
    .backward = backward,
    .in_place = true,
    .backward_reads_output = true,
};

}  // namespace

Tensor relu(Tensor x) {
  check_arguments(relu_op, {x});
  return append(relu_op, {x}, x.shape(), x.per_example());
}

}  // namespace quench
