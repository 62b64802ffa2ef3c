// The weight gradient of a convolution: for each weight a sum over all positions of all examples.
//
// 16 partial sums a weight, one a lane; a tile keeps those of R channels and T neighbouring taps in registers and
// walks over the positions of some rows: a position loads R vectors of dy and T of x and does R x T fused
// multiply-adds. dy is a copy that fits the nearest cache, vectors one behind the other in the order in which they
// are read, made by the caller (convolution_weights.cpp); x lies where it is, or is copied likewise.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

/// The largest tile. With 16 registers of 8 (AVX2) 2 x 5 sums, 2 of dy and 1 of x; the parts of a vector of 16 are
/// walked one after the other.
constexpr int most_tap_channels = QUENCH_AVX512 || QUENCH_NEON ? 4 : 2;
constexpr int most_taps = QUENCH_PLAIN ? 1 : 5;

/// A step is an output, or a vector of a flat row.
QUENCH_INLINE int64_t steps_of_row(const TapSums& g) { return (g.outputs * g.per_position + lanes - 1) / lanes; }

/// Which steps of a row have all of T taps from `tap` on inside the image: first .. last. Of flat rows those whose
/// lanes all do, and all hold outputs.
struct InnerSteps {
  int64_t first, last;

  InnerSteps(const TapSums& g, int64_t tap, int64_t taps, int64_t steps) {
    const int64_t at = g.first + tap;  // what the first tap reads at the first output
    first = at < 0 ? -at : 0;
    last = g.inputs - at - taps + 1;
    if (last < 0) last = 0;
    if (g.stride > 1) {
      first = (first + g.stride - 1) / g.stride;
      last = (last + g.stride - 1) / g.stride;
    }
    if (g.per_position < lanes) {
      const int64_t positions = lanes / g.per_position;  // in a vector
      if (last > g.outputs) last = g.outputs;
      first = (first + positions - 1) / positions;
      last /= positions;
    }
    if (last > steps) last = steps;
    if (first > steps) first = steps;
    if (last < first) last = first;
  }
};

/// Adds one position, its taps FIRST .. LAST alone.
template <int FIRST, int LAST, int R, int T>
QUENCH_INLINE void add_position(const float* d, int64_t dy_channel, const float* x, int64_t x_column,
                                native_f32 (&sum)[R][T]) {
  native_f32 dy[R];
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) dy[i] = *(const unaligned_f32*)(d + i * dy_channel);
  QUENCH_UNROLL
  for (int t = FIRST; t < LAST; ++t) {
    native_f32 x_t = *(const unaligned_f32*)(x + t * x_column);
    keep_in_register(x_t);
    QUENCH_UNROLL
    for (int i = 0; i < R; ++i) sum[i][t] = native_fma(x_t, dy[i], sum[i][t]);
  }
}

/// Adds a position whose first OUTSIDE .. T - 1 taps are outside the image, `outside` of them.
template <int OUTSIDE, int R, int T>
QUENCH_INLINE void add_left_of_border(int64_t outside, const float* d, int64_t dy_channel, const float* x,
                                      int64_t x_column, native_f32 (&sum)[R][T]) {
  if constexpr (OUTSIDE < T) {
    if (outside == OUTSIDE) return add_position<OUTSIDE, T>(d, dy_channel, x, x_column, sum);
    add_left_of_border<OUTSIDE + 1>(outside, d, dy_channel, x, x_column, sum);
  }
}

/// The same of the last taps.
template <int OUTSIDE, int R, int T>
QUENCH_INLINE void add_right_of_border(int64_t outside, const float* d, int64_t dy_channel, const float* x,
                                       int64_t x_column, native_f32 (&sum)[R][T]) {
  if constexpr (OUTSIDE < T) {
    if (outside == OUTSIDE) return add_position<0, T - OUTSIDE>(d, dy_channel, x, x_column, sum);
    add_right_of_border<OUTSIDE + 1>(outside, d, dy_channel, x, x_column, sum);
  }
}

/// Adds the positions at a border of an image that keeps its width: at the first of them OUTSIDE taps are outside,
/// then one less on the left, one more on the right, up to all that can be.
template <int OUTSIDE, int R, int T>
QUENCH_INLINE void add_left_border(const float* d, int64_t dy_channel, const float* x, int64_t x_column,
                                   native_f32 (&sum)[R][T]) {
  if constexpr (OUTSIDE > 0) {
    add_position<OUTSIDE, T>(d, dy_channel, x, x_column, sum);
    add_left_border<OUTSIDE - 1>(d + lanes, dy_channel, x + x_column, x_column, sum);
  }
}
template <int OUTSIDE, int R, int T>
QUENCH_INLINE void add_right_border(const float* d, int64_t dy_channel, const float* x, int64_t x_column,
                                    native_f32 (&sum)[R][T]) {
  if constexpr (OUTSIDE <= T / 2) {
    add_position<0, T - OUTSIDE>(d, dy_channel, x, x_column, sum);
    add_right_border<OUTSIDE + 1>(d + lanes, dy_channel, x + x_column, x_column, sum);
  }
}

/// Sums of R channels from `channel` on and T taps from `tap` on, one part of the lanes. No position has taps
/// outside on both sides. KEEPS_WIDTH: these are all taps, and as many are outside on either side.
template <int R, int T, bool KEEPS_WIDTH>
QUENCH_NOINLINE void tap_sums_tile(const TapSums& g, int64_t channel, int64_t tap, int64_t part) {
  float* acc = g.acc + channel * g.acc_channel + tap * lanes + part * width;
  native_f32 sum[R][T];
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    QUENCH_UNROLL
    for (int t = 0; t < T; ++t) sum[i][t] = *(const unaligned_f32*)(acc + i * g.acc_channel + t * lanes);
  }
  const int64_t steps = steps_of_row(g);
  const InnerSteps inner(g, tap, T, steps);
  const int64_t stride = g.stride, at_first = g.first + tap, x_column = g.x_column, dy_channel = g.dy_channel;
  const int64_t x_step = stride * x_column;
  const float* d_row = g.dy + channel * dy_channel + part * width;
  const float* x_row = g.x + at_first * x_column + part * width;
  for (int64_t row = g.rows; row > 0; --row, d_row += g.dy_row, x_row += g.x_row) {
    const float *d = d_row, *x = x_row;
    if constexpr (KEEPS_WIDTH) {
      add_left_border<T / 2>(d, dy_channel, x, x_column, sum);
      d += T / 2 * lanes;
      x += T / 2 * x_column;
      for (int64_t s = T / 2; s < inner.last; ++s, d += lanes, x += x_column) {
        add_position<0, T>(d, dy_channel, x, x_column, sum);
      }
      add_right_border<1>(d, dy_channel, x, x_column, sum);
      continue;
    }
    int64_t s = 0;
    for (; s < inner.first; ++s, d += lanes, x += x_step) {
      add_left_of_border<1>(-at_first - s * stride, d, dy_channel, x, x_column, sum);
    }
    for (; s < inner.last; ++s, d += lanes, x += x_step) add_position<0, T>(d, dy_channel, x, x_column, sum);
    for (; s < steps; ++s, d += lanes, x += x_step) {
      add_right_of_border<1>(at_first + s * stride + T - g.inputs, d, dy_channel, x, x_column, sum);
    }
  }
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    QUENCH_UNROLL
    for (int t = 0; t < T; ++t) *(unaligned_f32*)(acc + i * g.acc_channel + t * lanes) = sum[i][t];
  }
}

/// Adds a vector of a flat row in those lanes of each tap that hold an output and lie inside the image.
template <int R, int T>
QUENCH_INLINE void add_flat_border(const TapSums& g, native_i32 output, int64_t tap, const float* d, const float* x,
                                   native_f32 (&sum)[R][T]) {
  native_f32 dy[R];
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) dy[i] = *(const unaligned_f32*)(d + i * g.dy_channel);
  const native_lane_mask outputs = native_lanes_below(output, (int32_t)g.outputs);
  QUENCH_UNROLL
  for (int t = 0; t < T; ++t) {
    const native_f32 x_t = *(const unaligned_f32*)(x + t * g.x_column);
    const native_lane_mask here =
        outputs & native_lanes_below(output + (int32_t)(g.first + tap + t), (int32_t)g.inputs);
    QUENCH_UNROLL
    for (int i = 0; i < R; ++i) sum[i][t] = native_fma_where(here, x_t, dy[i], sum[i][t]);
  }
}

/// The same sums as tap_sums_tile of rows that lie flat.
template <int R, int T>
QUENCH_NOINLINE void flat_tap_sums(const TapSums& g, int64_t channel, int64_t tap, int64_t part) {
  float* acc = g.acc + channel * g.acc_channel + tap * lanes + part * width;
  native_f32 sum[R][T];
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    QUENCH_UNROLL
    for (int t = 0; t < T; ++t) sum[i][t] = *(const unaligned_f32*)(acc + i * g.acc_channel + t * lanes);
  }
  const int64_t steps = steps_of_row(g);
  const InnerSteps inner(g, tap, T, steps);
  const int64_t positions = lanes / g.per_position, dy_channel = g.dy_channel, x_column = g.x_column;
  const native_i32 of_first = divide(lane_numbers(), g.per_position).v[part];  // the outputs of the first vector
  const float* d_row = g.dy + channel * dy_channel + part * width;
  const float* x_row = g.x + (g.first + tap) * x_column + part * width;
  for (int64_t row = g.rows; row > 0; --row, d_row += g.dy_row, x_row += g.x_row) {
    const float *d = d_row, *x = x_row;
    int64_t s = 0;
    for (; s < inner.first; ++s, d += lanes, x += lanes) {
      add_flat_border(g, of_first + (int32_t)(s * positions), tap, d, x, sum);
    }
    for (; s < inner.last; ++s, d += lanes, x += lanes) add_position<0, T>(d, dy_channel, x, x_column, sum);
    for (; s < steps; ++s, d += lanes, x += lanes) {
      add_flat_border(g, of_first + (int32_t)(s * positions), tap, d, x, sum);
    }
  }
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    QUENCH_UNROLL
    for (int t = 0; t < T; ++t) *(unaligned_f32*)(acc + i * g.acc_channel + t * lanes) = sum[i][t];
  }
}

template <int R, int T>
QUENCH_INLINE void tap_sums_of_width(const TapSums& g, int64_t channel, int64_t tap) {
  if (g.per_position < lanes) {
    for (int64_t part = 0; part < parts; ++part) flat_tap_sums<R, T>(g, channel, tap, part);
    return;
  }
  if constexpr (R == 4 && T > 1) {  // of 32 registers enough are left for two positions at once
    if (T == g.taps && g.first == -(T / 2) && g.stride == 1 && g.outputs == g.inputs && g.outputs >= T) {
      for (int64_t part = 0; part < parts; ++part) tap_sums_tile<R, T, true>(g, channel, tap, part);
      return;
    }
  }
  for (int64_t part = 0; part < parts; ++part) tap_sums_tile<R, T, false>(g, channel, tap, part);
}

template <int R>
QUENCH_INLINE void tap_sums_of_height(int64_t channels, const TapSums& g, int64_t channel) {
  if constexpr (R > 1) {
    if (channels < R) return tap_sums_of_height<R - 1>(channels, g, channel);
  }
  int64_t tap = 0;
  const bool narrow = g.inputs < 4;  // where a tile of 5 taps may be outside on both sides
  if constexpr (most_taps == 5) {
    for (; !narrow && g.taps - tap >= 5; tap += 5) tap_sums_of_width<R, 5>(g, channel, tap);
    for (; !narrow && g.taps - tap >= 3; tap += 3) tap_sums_of_width<R, 3>(g, channel, tap);
  }
  for (; tap < g.taps; ++tap) tap_sums_of_width<R, 1>(g, channel, tap);
}

void sum_taps(const TapSums& g) {
  for (int64_t channel = 0; channel < g.channels; channel += most_tap_channels) {
    const int64_t left = g.channels - channel;
    tap_sums_of_height<most_tap_channels>(left < most_tap_channels ? left : most_tap_channels, g, channel);
  }
}

void sum_positions(const TapSums& g) {
  const int64_t steps = steps_of_row(g);
  for (int64_t channel = 0; channel < g.channels; ++channel) {
    float* acc = g.acc + channel * g.acc_channel;
    f32x16 sum = load(acc);
    for (int64_t row = 0; row < g.rows; ++row) {
      const float* d = g.dy + channel * g.dy_channel + row * g.dy_row;
      for (int64_t s = 0; s < steps; ++s) sum = sum + load(d + s * lanes);
    }
    store(acc, sum);
  }
}

void tree_sums(int64_t n, const float* acc, float* w, bool accumulate) {
  for (int64_t i = 0; i < n; ++i) {
    const float sum = tree_sum(load(acc + i * lanes));
    w[i] = accumulate ? w[i] + sum : sum;
  }
}

}  // namespace
}  // namespace quench::kernels
