// What the passes of a convolution do.
#pragma once

#include <cstdint>

#include "kernels/convolution.h"
#include "work.h"

namespace quench::bench {

/// A convolution and what is fused behind it.
struct ConvolutionLayer {
  kernels::Convolution c;
  std::int64_t window = 0;  ///< 0: nothing is behind it; 1: ReLU; else ReLU and max pooling of window x window

  bool pooled() const { return window > 1; }
  /// Elements of x, the weights, and y with what is behind it, in memory: of lanes, not of examples alone.
  std::int64_t inputs() const;
  std::int64_t weights() const;
  std::int64_t outputs() const;

  // Nominal operations are those of all taps of all examples. Bytes are those of all lanes that are computed.
  Work forward() const;
  Work input_gradient() const;
  Work weight_gradient() const;
  /// One addition for each output of the convolution.
  Work bias_gradient() const;
  /// Both in one call, as the operation asks for them. Additions for the bias are not counted.
  Work weight_and_bias_gradient() const;

 private:
  Work products() const;
  double gradient_bytes() const;
};

}  // namespace quench::bench
