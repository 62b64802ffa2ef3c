// c = a b with a shared left operand [m, k].
//
// A per-example right operand is float[k][n][lanes]: for each of its n columns a matrix [k, lanes] with rows n *
// lanes apart, multiplied on its own:
//   c_j = a b_j          [m, lanes] = [m, k] [k, lanes]
//   da = sum of dc_j b_j^T       one chain over j and, within it, the live examples
//   db_j = a^T dc_j
// A shared right operand is a plain matrix.
#include <algorithm>

#include "graph/ops/building.h"
#include "kernels/gemm.h"

namespace quench {

namespace {

struct Extents {
  std::int64_t m, n, k;
};

Extents extents(const Context& c) {
  const Shape& a = c.input_node(0).shape;
  return {a[0], c.input_elements(1) / a[1], a[1]};
}

bool per_example(const Context& c) { return c.node().per_example; }

// How many products one call makes, and column j of a per-example tensor (the whole of a shared one for j = 0).
std::int64_t slices(const Context& c) { return per_example(c) ? extents(c).n : 1; }

template <typename Float>
Float* slice(const Context& c, Float* tensor, std::int64_t j) {
  return tensor == nullptr ? nullptr : tensor + j * c.lanes();
}

// Floats between the rows of b and c, and the columns of one product.
std::int64_t row_stride(const Context& c) { return per_example(c) ? extents(c).n * c.lanes() : extents(c).n; }
std::int64_t columns(const Context& c) { return per_example(c) ? c.live() : extents(c).n; }

kernels::Start start(const Context& c, std::size_t input) {
  return c.accumulate(input) ? kernels::Start::accumulate : kernels::Start::zero;
}

kernels::Gemm output_product(const Context& c, std::int64_t j) {
  const auto [m, n, k] = extents(c);
  kernels::Gemm g;
  g.m = m;
  g.n = columns(c);
  g.k = k;
  g.a = c.input(0);
  g.a_stride = k;
  g.b = slice(c, c.input(1), j);
  g.b_stride = row_stride(c);
  g.c = slice(c, c.output(), j);
  g.c_stride = row_stride(c);
  g.lanes = per_example(c);
  return g;
}

kernels::Gemm left_gradient(const Context& c, std::int64_t j) {
  const auto [m, n, k] = extents(c);
  kernels::Gemm g;
  g.m = m;
  g.n = k;
  g.k = columns(c);
  g.a = slice(c, c.output_gradient(), j);
  g.a_stride = row_stride(c);
  g.b = slice(c, c.input(1), j);
  g.b_stride = row_stride(c);
  g.b_transposed = true;
  g.c = c.input_gradient(0);
  g.c_stride = k;
  g.start = j > 0 ? kernels::Start::accumulate : start(c, 0);
  return g;
}

kernels::Gemm right_gradient(const Context& c, std::int64_t j) {
  const auto [m, n, k] = extents(c);
  kernels::Gemm g;
  g.m = k;
  g.n = columns(c);
  g.k = m;
  g.a = c.input(0);
  g.a_stride = k;
  g.a_transposed = true;
  g.b = slice(c, c.output_gradient(), j);
  g.b_stride = row_stride(c);
  g.c = slice(c, c.input_gradient(1), j);
  g.c_stride = row_stride(c);
  g.start = start(c, 1);
  g.lanes = per_example(c);
  return g;
}

void forward(const Context& c) {
  for (std::int64_t j = 0; j < slices(c); ++j) kernels::gemm(output_product(c, j), c.workspace(), c.executor());
}

void backward(const Context& c) {
  for (std::int64_t j = 0; j < slices(c); ++j) {
    if (c.wanted(0)) kernels::gemm(left_gradient(c, j), c.workspace(), c.executor());
    if (c.wanted(1)) kernels::gemm(right_gradient(c, j), c.workspace(), c.executor());
  }
}

std::uint64_t backward_workspace(const Context& c) {
  std::uint64_t bytes = 0;
  if (c.wanted(0)) bytes = kernels::gemm_workspace_bytes(left_gradient(c, 0));
  if (c.wanted(1)) bytes = std::max<std::uint64_t>(bytes, kernels::gemm_workspace_bytes(right_gradient(c, 0)));
  return bytes;
}

constexpr Op matmul_op{
    .name = "matmul",
    .forward = forward,
    .backward = backward,
    .backward_reads_input = [](std::size_t i, std::uint32_t wanted) { return (wanted >> (1 - i) & 1U) != 0; },
    .forward_workspace = [](const Context& c) -> std::uint64_t {
      return kernels::gemm_workspace_bytes(output_product(c, 0));
    },
    .backward_workspace = backward_workspace,
};

}  // namespace

Tensor matmul(Tensor a, Tensor b) {
  const Op& op = matmul_op;
  check_arguments(op, {a, b});
  if (a.per_example()) {
    refuse(op, "the left operand, of shape " + to_string(a.shape()) + ", is per-example, expected shared");
  }
  if (a.shape().size() != 2) {
    refuse(op, "the left operand has shape " + to_string(a.shape()) + ", expected two dimensions");
  }
  const std::size_t dimensions = b.shape().size();
  if (dimensions != 2 && !(b.per_example() && dimensions == 1)) {
    refuse(op, "the right operand has shape " + to_string(b.shape()) + ", expected " +
                   (b.per_example() ? "one or two dimensions" : "two dimensions"));
  }
  if (a.shape()[1] != b.shape()[0]) {
    refuse(op,
           "shapes " + to_string(a.shape()) + " and " + to_string(b.shape()) + ", expected equal inner extents");
  }
  Shape shape = b.shape();
  shape[0] = a.shape()[0];
  return append(op, {a, b}, std::move(shape), b.per_example());
}

}  // namespace quench
