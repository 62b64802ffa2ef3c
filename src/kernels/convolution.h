// Convolutions of images with the batch innermost, forward and backward, spread over threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"
#include "quench/executor.h"

namespace quench::kernels {

/// The extents of a convolution: x [in_channels][in_rows][in_columns][lanes] gives y [out_channels][out_rows()]
/// [out_columns()][lanes] with weights [out_channels][in_channels][kernel][kernel], of which the first `live` lanes
/// count; both are computed up to the next multiple of 16.
///   y[o][i][j] = bias[o] + sum over (c, ky, kx) of w[o][c][ky][kx] x[c][stride i + ky - padding][stride j + kx -
///   padding]
/// over the taps that lie inside the image, as one chain of fused multiply-adds in this order.
struct Convolution {
  std::int64_t in_channels, in_rows, in_columns, out_channels;
  std::int64_t kernel, stride, padding;
  std::int64_t lanes, live;

  std::int64_t out_rows() const { return (in_rows + 2 * padding - kernel) / stride + 1; }
  std::int64_t out_columns() const { return (in_columns + 2 * padding - kernel) / stride + 1; }
  std::int64_t taps() const { return kernel * kernel; }
};

/// y = convolution(x), or its ReLU.
void convolve(const Convolution& c, const float* x, const float* w, const float* bias, bool relu, float* y,
              Executor& executor);

/// The largest window of the fused pooling.
inline constexpr std::int64_t largest_fused_window = 4;
/// y = max pooling of relu(convolution(x)) over windows of window x window that do not overlap, [out_channels]
/// [out_rows() / window][out_columns() / window][lanes], and at the same place in index which element of the window
/// it was, window * row + column; index may be null.
void convolve_relu_max_pool(const Convolution& c, const float* x, const float* w, const float* bias,
                            std::int64_t window, float* y, std::uint8_t* index, Executor& executor);

/// The gradient of a convolution's output: dy itself; with y, the gradient dy behind its ReLU, whose result y is;
/// with index too, the gradient dy behind convolve_relu_max_pool() with results y and index.
struct OutputGradient {
  const float* dy = nullptr;
  const float* y = nullptr;
  const std::uint8_t* index = nullptr;
  std::int64_t window = 1;
};

/// dx (+)= the sum over (o, ky, kx) of w[o][c][ky][kx] dy[o][...], one chain an element that starts from 0 or dx.
/// workspace: convolution_input_gradient_workspace() bytes, 64-byte aligned.
void convolution_input_gradient(const Convolution& c, const OutputGradient& gradient, const float* w, float* dx,
                                bool accumulate, void* workspace, Executor& executor);
std::uint64_t convolution_input_gradient_workspace(const Convolution& c, bool plain);

/// dw (+)= sum over examples and positions of dy x, db (+)= that of dy. 16 partial sums each: the examples in
/// groups of 16, of a group all positions in the order (row, column), lane = example mod 16; then the tree of
/// kernels.h. At stride 1 a last group of r < 9 examples has rows of m floats for each position, m the next power
/// of two: float f of a row goes to lane f mod 16, in order. Taps outside the image are left out. dw or db may be
/// null. workspace: convolution_weight_gradient_workspace() bytes, 64-byte aligned.
void convolution_weight_gradient(const Convolution& c, const OutputGradient& gradient, const float* x, float* dw,
                                 float* db, bool accumulate_w, bool accumulate_b, void* workspace,
                                 Executor& executor);
std::uint64_t convolution_weight_gradient_workspace(const Convolution& c);

}  // namespace quench::kernels
