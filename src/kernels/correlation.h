// Convolution and its input gradient: sums over taps, with the examples in the lanes.
//
// Both are the same sum with other strides (kernels.h, Correlation). A tile of R channels and V vectors at one
// position keeps R x V accumulators in registers, like the tile of a product; a tap takes the place of a step of k:
// it loads V vectors of the input, broadcasts R weights and does R x V fused multiply-adds. What would be padding
// is a loop bound: a tap outside the image is never computed. Nothing is packed, and no lane is masked.
//
// Where few lanes hold examples, rows of positions lie flat: a vector holds 16 / m neighbouring positions of m
// examples, the next tap is m floats further on, and the tile is the same. Only where a vector meets the border of
// the image do its lanes have different taps; a tile of its own masks them there.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

/// Vectors of the widest tile, and the most rows a tile of V vectors may have.
#if QUENCH_PLAIN
constexpr int widest_correlation = 1;
template <int V>
constexpr int tallest_correlation = 1;
#elif QUENCH_AVX512
constexpr int widest_correlation = 3;
template <int V>
constexpr int tallest_correlation = (V == 3 ? 8 : 10) + QUENCH_SPILL_TEST_EXTRA_ROWS;
#elif QUENCH_AVX2
constexpr int widest_correlation = 1;
template <int V>
constexpr int tallest_correlation = 6 + QUENCH_SPILL_TEST_EXTRA_ROWS;
#elif QUENCH_NEON
constexpr int widest_correlation = 1;
template <int V>
constexpr int tallest_correlation = 5 + QUENCH_SPILL_TEST_EXTRA_ROWS;
#else
constexpr int widest_correlation = 1;
template <int V>
constexpr int tallest_correlation = 2 + QUENCH_SPILL_TEST_EXTRA_ROWS;
#endif

/// The taps of one output that lie inside the input: `count` of them from `first` on, the first of which reads
/// input `at`.
struct Taps {
  int64_t first, count, at;
};

QUENCH_INLINE Taps taps_of(const Axis& axis, int64_t output) {
  const int64_t at = axis.first + axis.stride * output;  // what tap 0 reads
  const int64_t before = axis.step > 0 ? -at : at - axis.inputs + 1;
  const int64_t inside = axis.step > 0 ? axis.inputs - at : at + 1;
  const int64_t first = before > 0 ? before : 0;
  const int64_t last = inside < axis.taps ? inside : axis.taps;
  if (last <= first) return {0, 0, 0};
  return {first, last - first, at + axis.step * first};
}

/// Three rows of weights share a pointer: an address may add one or two times w_row to it.
template <int R>
constexpr int row_pointers = (R + 2) / 3;

/// Adds all taps: y lines of x, or of N if that is not 0. (Functions that are inlined: in a lambda that holds them
/// the sums would go through memory.)
template <int N, int R, int V>
QUENCH_INLINE void correlation_taps(const Correlation& g, const float* in, const float* w, int64_t y, int64_t x,
                                    f32x16 (&sum)[R][V]) {
  const int64_t w_row = g.w_row, w_column = g.w_column, in_step = g.x.step * g.in_column;
  const int64_t in_row = g.y.step * g.in_row;
  constexpr int at_once = N > 0 ? N : 1;
  for (int64_t c = g.channels; c > 0; --c, in += g.in_channel, w += g.w_channel) {
    const float *in_y = in, *w_y = w;
    for (int64_t ty = y; ty > 0; --ty, in_y += in_row, w_y += g.w_line) {
      const float *a[row_pointers<R>], *b = in_y;
      QUENCH_UNROLL
      for (int i = 0; i < row_pointers<R>; ++i) a[i] = w_y + 3 * i * w_row;
      for (int64_t tx = N > 0 ? N : x; tx > 0; tx -= at_once) {
        QUENCH_UNROLL
        for (int t = 0; t < at_once; ++t, b += in_step) {
          if (t > 0) one_step_at_a_time();
          f32x16 b_t[V];
          QUENCH_UNROLL
          for (int j = 0; j < V; ++j) b_t[j] = load(b + j * lanes);
          QUENCH_UNROLL
          for (int i = 0; i < R; ++i) {
            const f32x16 a_i = splat(a[i / 3][i % 3 * w_row + t]);
            QUENCH_UNROLL
            for (int j = 0; j < V; ++j) sum[i][j] = fma(a_i, b_t[j], sum[i][j]);
          }
        }
        QUENCH_UNROLL
        for (int i = 0; i < row_pointers<R>; ++i) a[i] += at_once * w_column;
      }
    }
  }
}

/// R rows of V vectors at one position. in, w: of the first tap inside; y, x: how many there are.
template <int R, int V>
QUENCH_NOINLINE void correlation_tile(const Correlation& g, const float* in, const float* w, int64_t y, int64_t x,
                                      const float* bias, float* out) {
  f32x16 sum[R][V];
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    const f32x16 first = g.start == Start::bias ? splat(bias[i]) : zero();
    QUENCH_UNROLL
    for (int j = 0; j < V; ++j) {
      sum[i][j] = g.start == Start::accumulate ? load(out + i * g.out_channel + j * lanes) : first;
    }
  }
  // The five taps of the usual kernel in a row: a loop over them costs a few percent.
  if (x == 5 && g.w_column == 1) {
    correlation_taps<5>(g, in, w, y, x, sum);
  } else {
    correlation_taps<0>(g, in, w, y, x, sum);
  }
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    QUENCH_UNROLL
    for (int j = 0; j < V; ++j) {
      store(out + i * g.out_channel + j * lanes, g.relu ? relu(sum[i][j]) : sum[i][j]);
    }
  }
}

/// Output columns first .. last of one row of positions, R channels from `row` on, V groups of lanes from `group`
/// on.
template <int R, int V>
void correlation_row(const Correlation& g, int64_t row, int64_t group, int64_t y) {
  const Taps lines = taps_of(g.y, y);
  const float* in = g.in + lines.at * g.in_row + group * lanes;
  const float* w = g.w + row * g.w_row + lines.first * g.w_line;
  float* out = g.out + row * g.out_channel + y * g.out_row + group * lanes;
  for (int64_t x = g.first_x; x < g.last_x; ++x) {
    const Taps columns = taps_of(g.x, x);
    const int64_t count = columns.count > 0 ? lines.count : 0;
    correlation_tile<R, V>(g, in + columns.at * g.in_column, w + columns.first * g.w_column, count, columns.count,
                           g.bias ? g.bias + row : nullptr, out + x * g.out_column);
  }
}

// --- rows that lie flat ----------------------------------------------------------------------

/// What a flat vector holds of one or two neighbouring rows of outputs, or what two flat vectors do. Distances from
/// one row to the next are in floats.
struct OneRow {
  static constexpr int vectors = 1;
  static QUENCH_INLINE i32x16 lane_in_row() { return lane_numbers(); }
  static QUENCH_INLINE void get(const float* p, int64_t, f32x16 (&x)[1]) { x[0] = load(p); }
  static QUENCH_INLINE void put(float* p, int64_t, const f32x16 (&x)[1]) { store(p, x[0]); }
};
struct TwoRows {  // which share the weights
  static constexpr int vectors = 2;
  static QUENCH_INLINE i32x16 lane_in_row() { return lane_numbers(); }
  static QUENCH_INLINE void get(const float* p, int64_t row, f32x16 (&x)[2]) {
    x[0] = load(p);
    x[1] = load(p + row);
  }
  static QUENCH_INLINE void put(float* p, int64_t row, const f32x16 (&x)[2]) {
    store(p, x[0]);
    store(p + row, x[1]);
  }
};
struct TwoShortRows {  // of 8 lanes each
  static constexpr int vectors = 1;
  static QUENCH_INLINE i32x16 lane_in_row() { return lane_numbers() & splat((int32_t)7); }
  static QUENCH_INLINE void get(const float* p, int64_t row, f32x16 (&x)[1]) { x[0] = load_halves(p, p + row); }
  static QUENCH_INLINE void put(float* p, int64_t row, const f32x16 (&x)[1]) { store_halves(p, p + row, x[0]); }
};

/// The lanes of a flat vector, each in its place `lane` of the row, at which an input lies for tap t.
struct FlatTaps {
  i32x16 at;  // the input that tap 0 reads
  int64_t inputs, step;

  FlatTaps(const Axis& axis, int64_t per_position, i32x16 lane)
      : at(divide(lane, per_position) + splat((int32_t)axis.first)), inputs(axis.inputs), step(axis.step) {}
  static QUENCH_INLINE i32x16 divide(i32x16 a, int64_t by) {
    return by == 8 ? shift_right<3>(a) : by == 4 ? shift_right<2>(a) : by == 2 ? shift_right<1>(a) : a;
  }
  QUENCH_INLINE lane_mask inside(int64_t tap) const {
    return lanes_below(at + splat((int32_t)(step * tap)), (int32_t)inputs);
  }
};

/// Adds all taps to flat vectors with the border of the image in them: y lines of x, or of N if that is not 0.
template <int N, typename Rows, int R>
QUENCH_INLINE void border_taps(const Correlation& g, const float* in, const float* w, int64_t y, int64_t x,
                               const FlatTaps& taps, f32x16 (&sum)[R][Rows::vectors]) {
  const int64_t w_row = g.w_row, w_column = g.w_column, in_step = g.x.step * g.in_column;
  const int64_t in_row = g.y.step * g.in_row, next_row = g.y.stride * g.in_row;
  constexpr int at_once = N > 0 ? N : 1;
  lane_mask inside[at_once];
  QUENCH_UNROLL
  for (int t = 0; t < N; ++t) inside[t] = taps.inside(t);
  for (int64_t c = g.channels; c > 0; --c, in += g.in_channel, w += g.w_channel) {
    const float *in_y = in, *w_y = w;
    for (int64_t ty = y; ty > 0; --ty, in_y += in_row, w_y += g.w_line) {
      const float *a[row_pointers<R>], *b = in_y;
      QUENCH_UNROLL
      for (int i = 0; i < row_pointers<R>; ++i) a[i] = w_y + 3 * i * w_row;
      for (int64_t tx = 0; tx < (N > 0 ? N : x); tx += at_once) {
        if (N == 0) inside[0] = taps.inside(tx);
        QUENCH_UNROLL
        for (int t = 0; t < at_once; ++t, b += in_step) {
          f32x16 b_t[Rows::vectors];
          Rows::get(b, next_row, b_t);
          QUENCH_UNROLL
          for (int i = 0; i < R; ++i) {
            const f32x16 a_i = splat(a[i / 3][i % 3 * w_row]);
            QUENCH_UNROLL
            for (int j = 0; j < Rows::vectors; ++j) sum[i][j] = fma_where(inside[t], a_i, b_t[j], sum[i][j]);
          }
          QUENCH_UNROLL
          for (int i = 0; i < row_pointers<R>; ++i) a[i] += w_column;
        }
      }
    }
  }
}

/// R rows of weights, flat vectors with the border of the image in them, of one or two rows of outputs. in, w: of
/// the first tap of the first row; y: how many lines of taps are inside.
template <typename Rows, int R>
QUENCH_NOINLINE void correlation_border(const Correlation& g, const float* in, const float* w, int64_t y,
                                        const FlatTaps& taps, const float* bias, float* out) {
  f32x16 sum[R][Rows::vectors];
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    if (g.start == Start::accumulate) {
      Rows::get(out + i * g.out_channel, g.out_row, sum[i]);
    } else {
      QUENCH_UNROLL
      for (int j = 0; j < Rows::vectors; ++j) sum[i][j] = g.start == Start::bias ? splat(bias[i]) : zero();
    }
  }
  if (g.x.taps == 5) {
    border_taps<5, Rows>(g, in, w, y, 5, taps, sum);
  } else {
    border_taps<0, Rows>(g, in, w, y, g.x.taps, taps, sum);
  }
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    QUENCH_UNROLL
    for (int j = 0; j < Rows::vectors; ++j) sum[i][j] = g.relu ? relu(sum[i][j]) : sum[i][j];
    Rows::put(out + i * g.out_channel, g.out_row, sum[i]);
  }
}

/// Flat rows of outputs from y on, one or two, the same taps of which are inside along y; R channels from `row` on.
template <typename Rows, int R>
void correlation_flat_rows(const Correlation& g, int64_t rows, int64_t row, int64_t y, const Taps& lines) {
  const float* in = g.in + lines.at * g.in_row + g.x.first * g.in_column;
  const float* w = g.w + row * g.w_row + lines.first * g.w_line;
  const float* bias = g.bias ? g.bias + row : nullptr;
  float* out = g.out + row * g.out_channel + y * g.out_row;
  const int64_t positions = lanes / g.per_position;  // in a vector
  const int64_t vectors = (g.x.outputs + positions - 1) / positions;
  // Positions for which all taps are inside: the outermost read these.
  const int64_t span = g.x.taps - 1, lowest = g.x.step > 0 ? g.x.first : g.x.first - span;
  const int64_t first_inner = lowest < 0 ? -lowest : 0;
  const int64_t last_inner = g.x.inputs - span - lowest < g.x.outputs ? g.x.inputs - span - lowest : g.x.outputs;
  const int64_t first = (first_inner + positions - 1) / positions, last = last_inner / positions;
  const auto border = [&](int64_t v) {
    const FlatTaps taps(g.x, g.per_position, Rows::lane_in_row() + splat((int32_t)(v * lanes)));
    correlation_border<Rows, R>(g, in + v * lanes, w, lines.count, taps, bias, out + v * lanes);
  };
  int64_t v = 0;
  for (; v < first && v < vectors; ++v) border(v);
  for (int64_t inner = 0; v < last; v += inner) {
    inner = widest_correlation == 3 && R <= 8 && last - v >= 3 ? 3 : widest_correlation > 1 && last - v >= 2 ? 2 : 1;
    for (int64_t j = 0; j < rows; ++j) {
      const float* from = in + j * g.y.stride * g.in_row + v * lanes;
      float* to = out + j * g.out_row + v * lanes;
      if constexpr (widest_correlation == 3 && R <= 8) {
        if (inner == 3) correlation_tile<R, 3>(g, from, w, lines.count, g.x.taps, bias, to);
      }
      if constexpr (widest_correlation > 1) {
        if (inner == 2) correlation_tile<R, 2>(g, from, w, lines.count, g.x.taps, bias, to);
      }
      if (inner == 1) correlation_tile<R, 1>(g, from, w, lines.count, g.x.taps, bias, to);
    }
  }
  for (; v < vectors; ++v) border(v);
}

/// All flat rows, R channels from `row` on.
template <int R>
void correlation_flat(const Correlation& g, int64_t row) {
  const bool is_short = 2 * g.x.outputs * g.per_position <= lanes;
  for (int64_t y = g.first_y; y < g.last_y;) {
    const Taps lines = taps_of(g.y, y);
    const bool two = y + 1 < g.last_y && lines.count == g.y.taps && taps_of(g.y, y + 1).count == g.y.taps;
    if (two && is_short) {
      correlation_flat_rows<TwoShortRows, R>(g, 2, row, y, lines);
      y += 2;
      continue;
    }
    if constexpr (QUENCH_AVX512) {  // enough registers
      if (two) {
        correlation_flat_rows<TwoRows, R>(g, 2, row, y, lines);
        y += 2;
        continue;
      }
    }
    correlation_flat_rows<OneRow, R>(g, 1, row, y, lines);
    ++y;
  }
}

// --- all of it -------------------------------------------------------------------------------

/// All positions of R channels from `row` on and V groups from `group` on; V = 0: flat rows.
template <int R, int V>
void correlation_positions(const Correlation& g, int64_t row, int64_t group) {
  if constexpr (V == 0) {
    correlation_flat<R>(g, row);
  } else {
    for (int64_t y = g.first_y; y < g.last_y; ++y) correlation_row<R, V>(g, row, group, y);
  }
}

template <int R, int V>
QUENCH_INLINE void correlation_of_height(int64_t height, const Correlation& g, int64_t row, int64_t group) {
  if constexpr (R > 1) {
    if (height < R) return correlation_of_height<R - 1, V>(height, g, row, group);
  }
  correlation_positions<R, V>(g, row, group);
}

/// All channels, in tiles of as equal heights as can be.
template <int V>
void correlation_groups(const Correlation& g, int64_t group) {
  // Where masks are vectors like others, they leave fewer registers for sums.
  constexpr int few = QUENCH_AVX512 ? 10 : 4;
  constexpr int tallest = V > 0                          ? tallest_correlation<V>
                          : tallest_correlation<1> < few ? tallest_correlation<1>
                                                         : few;
  const int64_t tiles = (g.rows + tallest - 1) / tallest;
  for (int64_t t = 0, row = 0; t < tiles; ++t) {
    const int64_t height = (g.rows - row + tiles - t - 1) / (tiles - t);
    correlation_of_height<tallest, V>(height, g, row, group);
    row += height;
  }
}

void correlate(const Correlation& g) {
  if (g.per_position < lanes) return correlation_groups<0>(g, 0);
  for (int64_t group = 0; group < g.vectors;) {
    const int64_t left = g.vectors - group;
    if constexpr (widest_correlation == 3) {
      if (left >= 3 && left != 4) {
        correlation_groups<3>(g, group);
        group += 3;
        continue;
      }
      if (left >= 2) {
        correlation_groups<2>(g, group);
        group += 2;
        continue;
      }
    }
    correlation_groups<1>(g, group);
    ++group;
  }
}

}  // namespace
}  // namespace quench::kernels
