// y = W x + b, and relu(W x + b) in the same pass. Activations are [features][lanes], W is [out][in]:
//   y = W x + b          [out, lanes] = [out, in] [in, lanes]
//   dW = dy x^T          [out, in] = [out, examples] [examples, in]
//   db = sum of dy over the examples
//   dx = W^T dy          [in, lanes] = [in, out] [out, lanes]
#include <algorithm>

#include "graph/arena.h"
#include "graph/ops/blocks.h"
#include "graph/ops/building.h"
#include "kernels/gemm.h"

namespace quench {

namespace {

// The inputs of the node.
constexpr std::size_t x = 0, weight = 1, bias = 2;

kernels::Start start(const Context& c, std::size_t input) {
  return c.accumulate(input) ? kernels::Start::accumulate : kernels::Start::zero;
}

kernels::Gemm output_product(const Context& c, bool relu) {
  const std::int64_t in = c.input_elements(x);
  kernels::Gemm g;
  g.m = c.output_elements();
  g.n = c.live();
  g.k = in;
  g.a = c.input(weight);
  g.a_stride = in;
  g.b = c.input(x);
  g.b_stride = c.lanes();
  g.c = c.output();
  g.c_stride = c.lanes();
  g.start = kernels::Start::bias;
  g.bias = c.input(bias);
  g.relu = relu;
  g.lanes = true;
  return g;
}

// One chain over the live examples. Inputs of the graph are there example-major; activations are transposed.
kernels::Gemm weight_gradient(const Context& c, const float* dy) {
  const bool example_major = c.has_example_major_input(x);
  kernels::Gemm g;
  g.m = c.output_elements();
  g.n = c.input_elements(x);
  g.k = c.live();
  g.a = dy;
  g.a_stride = c.lanes();
  g.b = example_major ? c.example_major_input(x) : c.input(x);
  g.b_stride = example_major ? c.example_major_stride(x) : c.lanes();
  g.b_transposed = !example_major;
  g.c = c.input_gradient(weight);
  g.c_stride = g.n;
  g.start = start(c, weight);
  return g;
}

kernels::Gemm input_gradient(const Context& c, const float* dy) {
  kernels::Gemm g;
  g.m = c.input_elements(x);
  g.n = c.live();
  g.k = c.output_elements();
  g.a = c.input(weight);
  g.a_stride = g.m;
  g.a_transposed = true;
  g.b = dy;
  g.b_stride = c.lanes();
  g.c = c.input_gradient(x);
  g.c_stride = c.lanes();
  g.start = start(c, x);
  g.lanes = true;
  return g;
}

template <bool relu>
void forward(const Context& c) {
  const kernels::Gemm product = output_product(c, relu);
  if (const kernels::Images* images = c.images(x)) {
    kernels::product_of_images(product, *images, c.executor());
  } else {
    kernels::gemm(product, c.workspace(), c.executor());
  }
}

/// dW, to where it is wanted: to an optimiser piece by piece, or to memory.
void compute_weight_gradient(const Context& c, const float* dy, void* workspace) {
  const ParameterSink taker = c.sink(weight);
  const kernels::PieceSink sink = taker.pieces();
  kernels::gemm_pieces(weight_gradient(c, dy), c.images(x), taker ? &sink : nullptr, workspace, c.executor());
}

// Scratch of backward: dy behind the ReLU where the output's gradient must be left as it is, then the products'.
template <bool relu>
std::uint64_t masked_bytes(const Context& c) {
  if (!relu || c.output_gradient_is_scratch()) return 0;
  return float_bytes(c.output_elements() * c.lanes());
}

template <bool relu>
std::uint64_t backward_workspace(const Context& c) {
  std::uint64_t product = 0;
  if (c.wanted(weight)) product = kernels::gemm_pieces_workspace_bytes(weight_gradient(c, nullptr));
  if (c.wanted(x))
    product = std::max<std::uint64_t>(product, kernels::gemm_workspace_bytes(input_gradient(c, nullptr)));
  return masked_bytes<relu>(c) + product;
}

template <bool relu>
void backward(const Context& c) {
  const kernels::Block block = c.output_block();
  const kernels::Table& table = c.table();
  float* dy = c.output_gradient();
  float* db = c.input_gradient(bias);
  auto* product_workspace = static_cast<std::byte*>(c.workspace()) + masked_bytes<relu>(c);
  if constexpr (relu) {
    float* masked = c.output_gradient_is_scratch() ? dy : static_cast<float*>(c.workspace());
    const float* y = c.output();
    for_each_rows(c.executor(), block, [&](const kernels::Block& rows, std::int64_t row) {
      const std::int64_t at = row * block.stride;
      table.relu_backward_sum(rows, c.live(), y + at, dy + at, masked + at, db + row, c.accumulate(bias));
    });
    dy = masked;
  } else {
    for_each_rows(c.executor(), block, [&](const kernels::Block& rows, std::int64_t row) {
      table.row_sums(rows, c.live(), dy + row * block.stride, db + row, c.accumulate(bias));
    });
  }
  c.end_of("bias gradient");
  if (c.wanted(x)) {
    kernels::gemm(input_gradient(c, dy), product_workspace, c.executor());
    c.end_of("input gradient");
  }
  if (c.wanted(weight)) {
    compute_weight_gradient(c, dy, product_workspace);
    c.end_of("weight gradient");
  }
}

bool reads_images(const Context& c) { return kernels::suits_images(output_product(c, false)); }

bool backward_reads_input(std::size_t i, std::uint32_t wanted) {
  const std::uint32_t other = i == x ? 1U << weight : 1U << x;
  return i != bias && (wanted & other) != 0;
}

template <bool relu>
constexpr Op make_op(const char* name) {
  return {
      .name = name,
      .forward = forward<relu>,
      .backward = backward<relu>,
      .backward_reads_output = relu,
      .backward_reads_input = backward_reads_input,
      .wants_example_major = true,
      .reads_images = reads_images,
      .feeds_sink = weight,
      .forward_workspace = [](const Context& c) -> std::uint64_t {
        return kernels::gemm_workspace_bytes(output_product(c, relu));
      },
      .backward_workspace = backward_workspace<relu>,
  };
}

constexpr Op linear_op = make_op<false>("linear");
constexpr Op linear_relu_op = make_op<true>("linear_relu");

Tensor build(const Op& op, Tensor input, std::int64_t out_features, std::string name) {
  check_arguments(op, {input});
  if (!input.per_example()) {
    refuse(op, "the input, of shape " + to_string(input.shape()) + ", is shared, expected per-example");
  }
  if (input.shape().size() != 1) {
    refuse(op, "the input has shape " + to_string(input.shape()) + ", expected one dimension: flatten it first");
  }
  if (out_features < 1) refuse(op, std::to_string(out_features) + " output features, expected at least 1");
  // All that could be refused is checked before the graph changes: half a layer would stay in it.
  const std::int64_t in_features = input.shape()[0];
  check_shape({out_features, in_features}, op.name);
  Graph& graph = input.graph();
  if (name.empty()) name = graph.next_name("fc");
  graph.check_parameter_name(name + ".weight");
  graph.check_parameter_name(name + ".bias");
  const Tensor w = graph.parameter({out_features, in_features}, name + ".weight", Init::xavier_uniform);
  const Tensor b = graph.parameter({out_features}, name + ".bias");
  return append(op, {input, w, b}, {out_features}, true);
}

}  // namespace

Tensor linear(Tensor input, std::int64_t out_features, std::string name) {
  return build(linear_op, input, out_features, std::move(name));
}

Tensor linear_relu(Tensor input, std::int64_t out_features, std::string name) {
  return build(linear_relu_op, input, out_features, std::move(name));
}

}  // namespace quench
