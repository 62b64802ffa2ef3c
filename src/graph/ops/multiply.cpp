// y = a b, element by element; a shared operand beside a per-example one is used for every example.
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
      c.table().multiply(piece, a + at, b + at, y + at, false);
    });
    return;
  }
  const float* x = c.input(a_per_example ? 0 : 1);
  const float* shared = c.input(a_per_example ? 1 : 0);
  for_each_rows(c.executor(), block, [&](const kernels::Block& rows, std::int64_t row) {
    const std::int64_t at = row * block.stride;
    c.table().multiply_rows(rows, x + at, shared + row, y + at, false);
  });
}

// The gradient of operand i is dy times the other operand, summed over the examples when operand i is shared.
void backward_one(const Context& c, std::size_t i) {
  const kernels::Block block = c.output_block();
  const float* dy = c.output_gradient();
  const float* other = c.input(1 - i);
  float* dx = c.input_gradient(i);
  const bool accumulate = c.accumulate(i);
  const bool per_example = c.node().per_example;
  if (c.input_node(i).per_example != per_example) {
    for_each_rows(c.executor(), block, [&](const kernels::Block& rows, std::int64_t row) {
      const std::int64_t at = row * block.stride;
      c.table().row_dots(rows, c.live(), dy + at, other + at, dx + row, accumulate);
    });
  } else if (c.input_node(1 - i).per_example != per_example) {
    for_each_rows(c.executor(), block, [&](const kernels::Block& rows, std::int64_t row) {
      const std::int64_t at = row * block.stride;
      c.table().multiply_rows(rows, dy + at, other + row, dx + at, accumulate);
    });
  } else {
    for_each_piece(c.executor(), block, [&](const kernels::Block& piece, std::int64_t at) {
      c.table().multiply(piece, dy + at, other + at, dx + at, accumulate);
    });
  }
}

void backward(const Context& c) {
  for (std::size_t i = 0; i < 2; ++i) {
    if (c.wanted(i)) backward_one(c, i);
  }
}

constexpr Op multiply_op{
    .name = "multiply",
    .forward = forward,
    .backward = backward,
    .in_place = true,
    .backward_reads_input = [](std::size_t i, std::uint32_t wanted) { return (wanted >> (1 - i) & 1U) != 0; },
};

}  // namespace

Tensor multiply(Tensor a, Tensor b) { return append_elementwise(multiply_op, a, b); }

}  // namespace quench
