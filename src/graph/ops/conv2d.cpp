// Convolutions, alone, with their ReLU, and with ReLU and max pooling. Images are [channels][rows][columns][lanes].
#include <algorithm>

#include "graph/arena.h"
#include "graph/ops/building.h"
#include "kernels/convolution.h"

namespace quench {

namespace {

// The inputs of the node.
constexpr std::size_t x = 0, weight = 1, bias = 2;

/// Extents are below 2^33 then: no product of theirs with a few others overflows.
constexpr std::int64_t most_padding = std::int64_t{1} << 31;

enum class Behind { nothing, relu, max_pool };

kernels::Convolution geometry(const Context& c) {
  const Shape& in = c.input_node(x).shape;
  const Shape& weights = c.input_node(weight).shape;
  const Windows& windows = c.node().windows;
  return {in[0], in[1], in[2], weights[0], windows.size, windows.stride, windows.padding, c.lanes(), c.live()};
}

template <Behind behind>
void forward(const Context& c) {
  const kernels::Convolution g = geometry(c);
  if constexpr (behind == Behind::max_pool) {
    kernels::convolve_relu_max_pool(g, c.input(x), c.input(weight), c.input(bias), c.node().windows.pool,
                                    c.output(), static_cast<std::uint8_t*>(c.saved()), c.executor());
  } else {
    kernels::convolve(g, c.input(x), c.input(weight), c.input(bias), behind == Behind::relu, c.output(),
                      c.executor());
  }
}

template <Behind behind>
void backward(const Context& c) {
  const kernels::Convolution g = geometry(c);
  kernels::OutputGradient gradient{.dy = c.output_gradient()};
  if (behind != Behind::nothing) gradient.y = c.output();
  if (behind == Behind::max_pool) {
    gradient.index = static_cast<const std::uint8_t*>(c.saved());
    gradient.window = c.node().windows.pool;
  }
  if (c.wanted(x)) {
    kernels::convolution_input_gradient(g, gradient, c.input(weight), c.input_gradient(x), c.accumulate(x),
                                        c.workspace(), c.executor());
    c.end_of("input gradient");
  }
  if (c.wanted(weight) || c.wanted(bias)) {
    kernels::convolution_weight_gradient(g, gradient, c.input(x), c.input_gradient(weight), c.input_gradient(bias),
                                         c.accumulate(weight), c.accumulate(bias), c.workspace(), c.executor());
    c.end_of("weight gradient");
  }
}

template <Behind behind>
std::uint64_t backward_workspace(const Context& c) {
  const kernels::Convolution g = geometry(c);
  std::uint64_t bytes = 0;
  if (c.wanted(x)) bytes = kernels::convolution_input_gradient_workspace(g, behind == Behind::nothing);
  if (c.wanted(weight) || c.wanted(bias)) {
    bytes = std::max(bytes, kernels::convolution_weight_gradient_workspace(g));
  }
  return bytes;
}

bool backward_reads_input(std::size_t i, std::uint32_t wanted) {
  const std::uint32_t other = i == x ? 1U << weight : 1U << x;
  return i != bias && (wanted & other) != 0;
}

template <Behind behind>
constexpr Op make_op(const char* name) {
  Op op{
      .name = name,
      .forward = forward<behind>,
      .backward = backward<behind>,
      .backward_reads_output = behind != Behind::nothing,
      .backward_reads_input = backward_reads_input,
      .backward_workspace = backward_workspace<behind>,
  };
  if (behind == Behind::max_pool) {
    // Where maxima were, where somebody will ask.
    op.saved_bytes = [](const Context& c) -> std::uint64_t {
      if (!c.wanted(x) && !c.wanted(weight) && !c.wanted(bias)) return 0;
      return static_cast<std::uint64_t>(c.output_elements()) * static_cast<std::uint64_t>(c.lanes());
    };
  }
  return op;
}

constexpr Op conv2d_op = make_op<Behind::nothing>("conv2d");
constexpr Op conv2d_relu_op = make_op<Behind::relu>("conv2d_relu");
constexpr Op conv2d_relu_max_pool2d_op = make_op<Behind::max_pool>("conv2d_relu_max_pool2d");

/// What a layer brings into the graph.
struct Layer {
  Shape weights, output;
  Windows windows;
};

/// Checks all that could be refused before the graph changes: half a layer would stay in it. pool: the window of
/// the pooling behind the convolution, 1 for none.
Layer check_layer(const Op& op, Tensor input, std::int64_t out_channels, const Conv2d& options, std::int64_t pool) {
  check_arguments(op, {input});
  if (!input.per_example()) {
    refuse(op, "the input, of shape " + to_string(input.shape()) + ", is shared, expected per-example");
  }
  if (input.shape().size() != 3) {
    refuse(op, "the input has shape " + to_string(input.shape()) + ", expected [channels, rows, columns]");
  }
  if (out_channels < 1) refuse(op, std::to_string(out_channels) + " output channels, expected at least 1");
  if (options.kernel < 1) refuse(op, "a kernel of " + std::to_string(options.kernel) + ", expected at least 1");
  if (options.stride < 1) refuse(op, "a stride of " + std::to_string(options.stride) + ", expected at least 1");
  if (options.padding < 0 || options.padding > most_padding) {
    refuse(op,
           "a padding of " + std::to_string(options.padding) + ", expected 0 .. " + std::to_string(most_padding));
  }
  const Shape weights{out_channels, input.shape()[0], options.kernel, options.kernel};
  check_shape(weights, op.name);
  const std::int64_t largest = std::max(input.shape()[1], input.shape()[2]) + 2 * options.padding;
  // The same outputs, and no product of it overflows.
  const std::int64_t stride = std::min(options.stride, std::max<std::int64_t>(1, largest - options.kernel + 1));
  Shape shape{out_channels};
  for (const std::int64_t extent : {input.shape()[1], input.shape()[2]}) {
    if (extent + 2 * options.padding < options.kernel) {
      refuse(op, "a kernel of " + std::to_string(options.kernel) + " with a padding of " +
                     std::to_string(options.padding) + " for an image of shape " + to_string(input.shape()) +
                     ", expected one that fits");
    }
    shape.push_back((extent + 2 * options.padding - options.kernel) / stride + 1);
  }
  if (pool < 1) refuse(op, "windows of " + std::to_string(pool) + ", expected at least 1");
  if (std::min(shape[1], shape[2]) < pool) {
    refuse(op, "windows of " + std::to_string(pool) + " to pool an image of shape " + to_string(shape) +
                   ", expected windows that fit");
  }
  shape[1] /= pool;
  shape[2] /= pool;
  check_shape(shape, op.name);
  return {weights, shape, {.size = options.kernel, .stride = stride, .padding = options.padding, .pool = pool}};
}

Tensor build(const Op& op, Tensor input, std::int64_t out_channels, const Conv2d& options, std::int64_t pool,
             std::string name) {
  const Layer layer = check_layer(op, input, out_channels, options, pool);
  Graph& graph = input.graph();
  if (name.empty()) name = graph.next_name("conv");
  graph.check_parameter_name(name + ".weight");
  graph.check_parameter_name(name + ".bias");
  const Tensor w = graph.parameter(layer.weights, name + ".weight", Init::xavier_uniform);
  const Tensor b = graph.parameter({out_channels}, name + ".bias");
  return append(op, {input, w, b}, layer.output, true, layer.windows);
}

}  // namespace

Tensor conv2d(Tensor input, std::int64_t out_channels, Conv2d options, std::string name) {
  return build(conv2d_op, input, out_channels, options, 1, std::move(name));
}

Tensor conv2d_relu(Tensor input, std::int64_t out_channels, Conv2d options, std::string name) {
  return build(conv2d_relu_op, input, out_channels, options, 1, std::move(name));
}

Tensor conv2d_relu_max_pool2d(Tensor input, std::int64_t out_channels, Conv2d options, std::int64_t window,
                              std::string name) {
  if (window < 2 || window > kernels::largest_fused_window || options.stride > kernels::largest_fused_window) {
    check_layer(conv2d_relu_max_pool2d_op, input, out_channels, options, window);
    return max_pool2d(conv2d_relu(input, out_channels, options, std::move(name)), window);
  }
  return build(conv2d_relu_max_pool2d_op, input, out_channels, options, window, std::move(name));
}

}  // namespace quench
