// y[e] = (x[e][0] + x[e][1] + ...) / live over the live examples.
#include "graph/ops/blocks.h"
#include "graph/ops/building.h"

namespace quench {

namespace {

void forward(const Context& c) {
  const kernels::Block block = c.input_block(0);
  const float* x = c.input(0);
  float* y = c.output();
  for_each_rows(c.executor(), block, [&](const kernels::Block& rows, std::int64_t row) {
    c.table().row_means(rows, c.live(), x + row * block.stride, y + row);
  });
}

void backward(const Context& c) {
  const kernels::Block block = c.input_block(0);
  const float* dy = c.output_gradient();
  float* dx = c.input_gradient(0);
  const bool accumulate = c.accumulate(0);
  for_each_rows(c.executor(), block, [&](const kernels::Block& rows, std::int64_t row) {
    c.table().spread_column(rows, dy + row, static_cast<float>(c.live()), c.live(), dx + row * block.stride,
                            accumulate);
  });
}

constexpr Op batch_mean_op{.name = "batch_mean", .forward = forward, .backward = backward};

}  // namespace

Tensor batch_mean(Tensor x) {
  check_arguments(batch_mean_op, {x});
  if (!x.per_example()) {
    refuse(batch_mean_op, "the input, of shape " + to_string(x.shape()) + ", is shared, expected per-example");
  }
  return append(batch_mean_op, {x}, x.shape(), false);
}

}  // namespace quench
