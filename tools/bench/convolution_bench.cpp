// Convolutions alone, each pass by itself: those of the CNN as it runs them, and others, so that no shape is slow
// unseen.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "bench.h"
#include "buffer.h"
#include "convolution_work.h"
#include "quench/error.h"
#include "workload.h"

namespace quench::bench {
namespace {

struct Shape {
  std::int64_t kernel, stride, padding;
  std::int64_t in_channels, out_channels;
  std::int64_t extent;  // rows and columns of the input
  std::int64_t examples;
  std::int64_t window;  // as ConvolutionLayer has it
};

constexpr Shape of_cnn[] = {
    {5, 1, 2, 3, 16, 32, batch_size, 2},
    {5, 1, 2, 16, 20, 16, batch_size, 2},
    {5, 1, 2, 20, 20, 8, batch_size, 2},
};

/// Among them first layers (of 1 and 3 channels), layers between channels alone, shortcuts and patches that make
/// the image smaller, few examples, at a stride too, odd extents, channels that no tile divides, and a kernel as
/// large as the image.
constexpr Shape others[] = {
    {1, 1, 0, 64, 64, 16, 100, 1}, {1, 2, 0, 32, 64, 28, 32, 0}, {2, 2, 0, 16, 32, 32, 100, 1},
    {3, 1, 1, 1, 8, 28, 128, 2},   {3, 1, 1, 3, 64, 32, 32, 1},  {3, 1, 1, 64, 64, 16, 32, 1},
    {3, 1, 1, 32, 32, 16, 8, 1},   {3, 1, 1, 32, 17, 14, 1, 0},  {3, 2, 1, 17, 17, 33, 100, 1},
    {3, 3, 0, 16, 17, 31, 100, 0}, {4, 2, 1, 8, 16, 64, 16, 1},  {5, 1, 0, 17, 17, 14, 100, 3},
    {5, 1, 2, 1, 16, 28, 100, 2},  {7, 1, 3, 8, 8, 7, 128, 0},   {7, 2, 3, 3, 64, 64, 32, 1},
    {11, 3, 2, 3, 32, 64, 16, 2},  {3, 2, 1, 32, 32, 32, 1, 1},
};

ConvolutionLayer layer_of(const Shape& s) {
  return {{s.in_channels, s.extent, s.extent, s.out_channels, s.kernel, s.stride, s.padding,
           kernels::padded(s.examples), s.examples},
          s.window};
}

/// "5x5/1+2 16>20 16x16 N100": kernel, stride and padding, channels, the image, examples.
std::string describe(const Shape& s) {
  const auto square = [](std::int64_t extent) { return std::to_string(extent) + "x" + std::to_string(extent); };
  std::string text = square(s.kernel) + "/" + std::to_string(s.stride) + "+" + std::to_string(s.padding);
  text += " " + std::to_string(s.in_channels) + ">" + std::to_string(s.out_channels);
  text += " " + square(s.extent) + " N" + std::to_string(s.examples);
  return text;
}

std::string describe_fused(const Shape& s) {
  return s.window == 0 ? "" : s.window == 1 ? " relu" : " pool" + std::to_string(s.window);
}

double dot(const Buffer& a, const Buffer& b, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(a.data()[i]) * b.data()[i];
  return sum;
}

/// A layer, its operands and its results.
class Operands {
 public:
  explicit Operands(const ConvolutionLayer& layer, Executor& executor)
      : layer_(layer),
        executor_(executor),
        x_(layer.inputs(), 1),
        w_(layer.weights(), 2),
        bias_(layer.c.out_channels, 3),
        y_(layer.outputs(), 4),
        dy_(layer.outputs(), 5),
        dx_(layer.inputs(), 6),
        dw_(layer.weights(), 7),
        db_(layer.c.out_channels, 8),
        index_(static_cast<std::size_t>(layer.outputs())),
        workspace_(static_cast<std::int64_t>(
            std::max(kernels::convolution_input_gradient_workspace(layer.c, layer.window == 0),
                     kernels::convolution_weight_gradient_workspace(layer.c)) /
            sizeof(float))) {
    clear_dead_lanes(x_, layer.inputs());
    clear_dead_lanes(dy_, layer.outputs());
  }

  void forward() {
    if (layer_.pooled()) {
      kernels::convolve_relu_max_pool(layer_.c, x_.data(), w_.data(), bias_.data(), layer_.window, y_.data(),
                                      index_.data(), executor_);
    } else {
      kernels::convolve(layer_.c, x_.data(), w_.data(), bias_.data(), layer_.window > 0, y_.data(), executor_);
    }
  }
  void input_gradient() {
    kernels::convolution_input_gradient(layer_.c, gradient(), w_.data(), dx_.data(), false, workspace_.data(),
                                        executor_);
  }
  void weight_gradient(bool of_weights, bool of_bias) {
    kernels::convolution_weight_gradient(layer_.c, gradient(), x_.data(), of_weights ? dw_.data() : nullptr,
                                         of_bias ? db_.data() : nullptr, false, false, workspace_.data(),
                                         executor_);
  }

  /// Runs all passes and compares them: y is linear in x and in the weights but for the bias, so that dx.x and dw.w
  /// both are dy.y - db.bias, where y is not 0 behind the ReLU. Throws Error when they are not.
  void check(const std::string& name) {
    forward();
    input_gradient();
    weight_gradient(true, true);
    double sum = 0, size = 0;
    const std::int64_t lanes = layer_.c.lanes;
    for (std::int64_t i = 0; i < layer_.outputs(); ++i) {
      if (i % lanes >= layer_.c.live) continue;
      const double product = static_cast<double>(dy_.data()[i]) * y_.data()[i];
      sum += product;
      size += std::fabs(product);
    }
    const double of_bias = dot(db_, bias_, layer_.c.out_channels);
    const auto close = [&](double a) { return std::fabs(a + of_bias - sum) <= 1e-5 * size; };
    if (!close(dot(dx_, x_, layer_.inputs())) || !close(dot(dw_, w_, layer_.weights()))) {
      throw Error(name + ": its passes contradict each other");
    }
  }

 private:
  kernels::OutputGradient gradient() const {
    kernels::OutputGradient g{.dy = dy_.data()};
    if (layer_.window > 0) g.y = y_.data();
    if (layer_.pooled()) {
      g.index = index_.data();
      g.window = layer_.window;
    }
    return g;
  }
  void clear_dead_lanes(Buffer& buffer, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (i % layer_.c.lanes >= layer_.c.live) buffer.data()[i] = 0;
    }
  }

  ConvolutionLayer layer_;
  Executor& executor_;
  Buffer x_, w_, bias_, y_, dy_, dx_, dw_, db_;
  std::vector<std::uint8_t> index_;
  Buffer workspace_;
};

/// Which calls are measured beside forward, and the gradients of weights and biases apart.
struct Calls {
  bool input_gradient;
  bool weight_and_bias;  ///< these two gradients in one call
};

void measure(Bench& bench, const std::string& name, const Shape& shape, Calls calls, int threads) {
  const ConvolutionLayer layer = layer_of(shape);
  ThreadPool pool(threads);
  Operands operands(layer, pool);
  operands.check(name);
  Peak peak = bench.peak(threads);
  const auto add = [&](const char* pass, const Work& work, const std::function<void()>& call) {
    bench.add(name + " " + pass, threads, time_calls(bench.effort(), peak, call), work);
  };
  add("forward", layer.forward(), [&] { operands.forward(); });
  if (calls.input_gradient) add("input gradient", layer.input_gradient(), [&] { operands.input_gradient(); });
  add("weight gradient", layer.weight_gradient(), [&] { operands.weight_gradient(true, false); });
  add("bias gradient", layer.bias_gradient(), [&] { operands.weight_gradient(false, true); });
  if (!calls.weight_and_bias) return;
  add("weight + bias gradient", layer.weight_and_bias_gradient(), [&] { operands.weight_gradient(true, true); });
}

}  // namespace

void add_convolution_cases(Cases& cases) {
  int number = 0;
  for (const Shape& shape : of_cnn) {
    const Calls calls = {.input_gradient = number++ > 0, .weight_and_bias = true};  // conv1 reads images
    const std::string name = "cnn conv" + std::to_string(number);
    cases.push_back({name + ": " + describe(shape), name, Case::Threads::ends,
                     [=](Bench& bench, int threads) { measure(bench, name, shape, calls, threads); }, true});
  }
  for (const Shape& shape : others) {
    const std::string name = "conv " + describe(shape) + describe_fused(shape);
    cases.push_back({name, name, Case::Threads::one,
                     [=](Bench& bench, int) {
                       measure(bench, name, shape, {true, false}, 1);
                     },
                     true});
  }
}

}  // namespace quench::bench
