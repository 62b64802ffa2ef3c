#include "convolution_work.h"

#include <algorithm>

namespace quench::bench {
namespace {

/// Pairs of an output and a tap along one axis, those inside the image.
std::int64_t taps_inside(const kernels::Convolution& c, std::int64_t inputs, std::int64_t outputs) {
  std::int64_t pairs = 0;
  for (std::int64_t i = 0; i < outputs; ++i) {
    const std::int64_t first = i * c.stride - c.padding;
    pairs += std::max<std::int64_t>(0, std::min(first + c.kernel, inputs) - std::max<std::int64_t>(first, 0));
  }
  return pairs;
}

double floats(std::int64_t count) { return static_cast<double>(count) * sizeof(float); }

}  // namespace

std::int64_t ConvolutionLayer::inputs() const { return c.in_channels * c.in_rows * c.in_columns * c.lanes; }
std::int64_t ConvolutionLayer::weights() const { return c.out_channels * c.in_channels * c.taps(); }
std::int64_t ConvolutionLayer::outputs() const {
  const std::int64_t size = pooled() ? window : 1;
  return c.out_channels * (c.out_rows() / size) * (c.out_columns() / size) * c.lanes;
}

Work ConvolutionLayer::products() const {
  const auto channels = static_cast<double>(2 * c.out_channels * c.in_channels * c.live);
  Work work;
  work.flops = channels * static_cast<double>(c.out_rows() * c.out_columns() * c.taps());
  work.inside = channels * static_cast<double>(taps_inside(c, c.in_rows, c.out_rows()) *
                                               taps_inside(c, c.in_columns, c.out_columns()));
  return work;
}

/// Of reading dy, and y and which element of each window it was where that decides who gets it.
double ConvolutionLayer::gradient_bytes() const {
  return floats(outputs()) * (window > 0 ? 2 : 1) + (pooled() ? static_cast<double>(outputs()) : 0);
}

Work ConvolutionLayer::forward() const {
  Work work = products();
  work.bytes =
      floats(inputs() + weights() + c.out_channels + outputs()) + (pooled() ? static_cast<double>(outputs()) : 0);
  return work;
}

Work ConvolutionLayer::input_gradient() const {
  Work work = products();
  work.bytes = gradient_bytes() + floats(weights() + inputs());
  return work;
}

Work ConvolutionLayer::weight_gradient() const {
  Work work = products();
  work.bytes = gradient_bytes() + floats(inputs() + weights());
  return work;
}

Work ConvolutionLayer::bias_gradient() const {
  Work work;
  work.flops = static_cast<double>(c.out_channels * c.out_rows() * c.out_columns() * c.live);
  work.bytes = gradient_bytes() + floats(c.out_channels);
  return work;
}

Work ConvolutionLayer::weight_and_bias_gradient() const {
  Work work = weight_gradient();
  work.bytes += floats(c.out_channels);
  return work;
}

}  // namespace quench::bench
