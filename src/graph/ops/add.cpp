// y = a + b; a shared operand beside a per-example one is added for every example.
#include "graph/ops/blocks.h"
#include "graph/ops/building.h"

namespace quench {

namespace {

void forward(const Context& c) {
  const kernels::Block block = c.output_block();
  float* y = c.output();
  const bool a_per_example = c.input_node(0).per_example;
  if (a_per_example == c.input_node(1).per_example) {
    const float* a = c.input(0);
    const float* b = c.input(1);
    for_each_piece(c.executor(), block, [&](const kernels::Block& piece, std::int64_t at) {
      c.table().add(piece, a + at, b + at, y + at);
    });
    return;
  }
  const float* x = c.input(a_per_example ? 0 : 1);
  const float* shared = c.input(a_per_example ? 1 : 0);
  for_each_rows(c.executor(), block, [&](const kernels::Block& rows, std::int64_t row) {
    const std::int64_t at = row * block.stride;
    c.table().add_rows(rows, x + at, shared + row, y + at);
  });
}

void backward_one(const Context& c, std::size_t i) {
  const kernels::Block block = c.output_block();
  const float* dy = c.output_gradient();
  float* dx = c.input_gradient(i);
  const bool accumulate = c.accumulate(i);
  if (c.input_node(i).per_example != c.node().per_example) {
    for_each_rows(c.executor(), block, [&](const kernels::Block& rows, std::int64_t row) {
      c.table().row_sums(rows, c.live(), dy + row * block.stride, dx + row, accumulate);
    });
  } else if (dx != dy) {  // in place there is nothing to do
    for_each_piece(c.executor(), block, [&](const kernels::Block& piece, std::int64_t at) {
      c.table().copy(piece, dy + at, dx + at, accumulate);
    });
  }
}

void backward(const Context& c) {
  for (std::size_t i = 0; i < 2; ++i) {
    if (c.wanted(i)) backward_one(c, i);
  }
}

constexpr Op add_op{.name = "add", .forward = forward, .backward = backward, .in_place = true};

}  // namespace

Tensor add(Tensor a, Tensor b) { return append_elementwise(add_op, a, b); }

}  // namespace quench
