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

using Tile = void (*)(const Correlation&, const float* in, const float* w, int64_t y, int64_t x, const float* bias,
                      float* out);

/// The tile of V vectors that is `height` rows tall, at most R.
template <int R, int V>
Tile tile_of_height(int64_t height) {
  if constexpr (R > 1) {
    if (height < R) return tile_of_height<R - 1, V>(height);
  }
  return correlation_tile<R, V>;
}

/// Output columns first .. last of one row of positions: the channels of a tile from `row` on, its groups of lanes
/// from `group` on.
void correlation_row(const Correlation& g, Tile tile, int64_t row, int64_t group, int64_t y) {
  const Taps lines = taps_of(g.y, y);
  const float* in = g.in + lines.at * g.in_row + group * lanes;
  const float* w = g.w + row * g.w_row + lines.first * g.w_line;
  float* out = g.out + row * g.out_channel + y * g.out_row + group * lanes;
  for (int64_t x = g.first_x; x < g.last_x; ++x) {
    const Taps columns = taps_of(g.x, x);
    const int64_t count = columns.count > 0 ? lines.count : 0;
    tile(g, in + columns.at * g.in_column, w + columns.first * g.w_column, count, columns.count,
         g.bias ? g.bias + row : nullptr, out + x * g.out_column);
  }
}

// --- rows that lie flat ----------------------------------------------------------------------

/// What a flat vector holds of one or two neighbouring rows of outputs, or what two flat vectors do. Distances from
/// one row to the next are in floats.
struct OneRow {
  static constexpr int vectors = 1;
  static QUENCH_INLINE void get(const float* p, int64_t, f32x16 (&x)[1]) { x[0] = load(p); }
  static QUENCH_INLINE void put(float* p, int64_t, const f32x16 (&x)[1]) { store(p, x[0]); }
};
struct TwoRows {  // which share the weights
  static constexpr int vectors = 2;
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
  QUENCH_INLINE lane_mask inside(int64_t tap) const {
    return lanes_below(at + splat((int32_t)(step * tap)), (int32_t)inputs);
  }
};

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
  constexpr int64_t masks = 16;  // of so many taps are made once
  lane_mask inside[masks];
  for (int64_t tx = 0; tx < masks && tx < g.x.taps; ++tx) inside[tx] = taps.inside(tx);
  const int64_t w_row = g.w_row, w_column = g.w_column, in_step = g.x.step * g.in_column, x = g.x.taps;
  const int64_t in_row = g.y.step * g.in_row, next_row = g.y.stride * g.in_row;
  for (int64_t c = g.channels; c > 0; --c, in += g.in_channel, w += g.w_channel) {
    const float *in_y = in, *w_y = w;
    for (int64_t ty = y; ty > 0; --ty, in_y += in_row, w_y += g.w_line) {
      const float *a[row_pointers<R>], *b = in_y;
      QUENCH_UNROLL
      for (int i = 0; i < row_pointers<R>; ++i) a[i] = w_y + 3 * i * w_row;
      for (int64_t tx = 0; tx < x; ++tx, b += in_step) {
        const lane_mask here = tx < masks ? inside[tx] : taps.inside(tx);
        f32x16 b_t[Rows::vectors];
        Rows::get(b, next_row, b_t);
        QUENCH_UNROLL
        for (int i = 0; i < R; ++i) {
          const f32x16 a_i = splat(a[i / 3][i % 3 * w_row]);
          QUENCH_UNROLL
          for (int j = 0; j < Rows::vectors; ++j) sum[i][j] = fma_where(here, a_i, b_t[j], sum[i][j]);
        }
        QUENCH_UNROLL
        for (int i = 0; i < row_pointers<R>; ++i) a[i] += w_column;
      }
    }
  }
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    QUENCH_UNROLL
    for (int j = 0; j < Rows::vectors; ++j) sum[i][j] = g.relu ? relu(sum[i][j]) : sum[i][j];
    Rows::put(out + i * g.out_channel, g.out_row, sum[i]);
  }
}

/// The tiles of flat rows, all of one height. (Pointers to them keep what calls them one function.)
struct FlatTiles {
  using Border = void (*)(const Correlation&, const float* in, const float* w, int64_t y, const FlatTaps&,
                          const float* bias, float* out);
  Tile inner[3];  // of 1, 2, 3 vectors, or null
  Border one_row, two_rows, two_short_rows;  // null where registers are few
};

/// Where masks are vectors like others, they leave fewer registers for sums.
constexpr int tallest_flat = QUENCH_AVX512 ? 10 : tallest_correlation<1> < 4 ? tallest_correlation<1> : 4;

/// The tiles of at most R rows that are `height` tall.
template <int R>
FlatTiles flat_tiles_of_height(int64_t height) {
  if constexpr (R > 1) {
    if (height < R) return flat_tiles_of_height<R - 1>(height);
  }
  FlatTiles tiles{};
  tiles.inner[0] = correlation_tile<R, 1>;
  tiles.one_row = correlation_border<OneRow, R>;
#if QUENCH_AVX512
  tiles.inner[1] = correlation_tile<R, 2>;
  if constexpr (R <= tallest_correlation<3>) tiles.inner[2] = correlation_tile<R, 3>;
  tiles.two_rows = correlation_border<TwoRows, R>;
  tiles.two_short_rows = correlation_border<TwoShortRows, R>;
#endif
  return tiles;
}

/// Flat rows of outputs from y on, one or two, the same taps of which are inside along y; the channels of a tile
/// from `row` on. `lane`: of each lane of a vector its place in a row.
void correlation_flat_rows(const Correlation& g, const FlatTiles& tiles, FlatTiles::Border border_tile, i32x16 lane,
                           int64_t rows, int64_t row, int64_t y, const Taps& lines) {
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
  for (int64_t v = 0; v < vectors;) {
    if (v < first || v >= last) {
      const FlatTaps taps(g.x, g.per_position, lane + splat((int32_t)(v * lanes)));
      border_tile(g, in + v * lanes, w, lines.count, taps, bias, out + v * lanes);
      ++v;
      continue;
    }
    int64_t together = last - v < 3 ? last - v : 3;
    while (tiles.inner[together - 1] == nullptr) --together;
    for (int64_t j = 0; j < rows; ++j) {
      tiles.inner[together - 1](g, in + j * g.y.stride * g.in_row + v * lanes, w, lines.count, g.x.taps, bias,
                             out + j * g.out_row + v * lanes);
    }
    v += together;
  }
}

/// All flat rows, the channels of a tile from `row` on.
void correlation_flat(const Correlation& g, const FlatTiles& tiles, int64_t row) {
  const bool is_short = 2 * g.x.outputs * g.per_position <= lanes;
  const FlatTiles::Border two_rows = is_short ? tiles.two_short_rows : tiles.two_rows;
  for (int64_t y = g.first_y; y < g.last_y;) {
    const Taps lines = taps_of(g.y, y);
    if (two_rows != nullptr && y + 1 < g.last_y && lines.count == g.y.taps &&
        taps_of(g.y, y + 1).count == g.y.taps) {
      const i32x16 lane = is_short ? TwoShortRows::lane_in_row() : lane_numbers();
      correlation_flat_rows(g, tiles, two_rows, lane, 2, row, y, lines);
      y += 2;
    } else {
      correlation_flat_rows(g, tiles, tiles.one_row, lane_numbers(), 1, row, y, lines);
      ++y;
    }
  }
}

// --- all of it -------------------------------------------------------------------------------

/// body(height, row) for tiles of as equal heights as can be over all channels.
template <typename Body>
QUENCH_INLINE void for_each_height(const Correlation& g, int64_t tallest, Body body) {
  const int64_t tiles = (g.rows + tallest - 1) / tallest;
  for (int64_t t = 0, row = 0; t < tiles; ++t) {
    const int64_t height = (g.rows - row + tiles - t - 1) / (tiles - t);
    body(height, row);
    row += height;
  }
}

/// All channels and positions, V groups of lanes from `group` on.
template <int V>
void correlation_groups(const Correlation& g, int64_t group) {
  for_each_height(g, tallest_correlation<V>, [&](int64_t height, int64_t row) {
    const Tile tile = tile_of_height<tallest_correlation<V>, V>(height);
    for (int64_t y = g.first_y; y < g.last_y; ++y) correlation_row(g, tile, row, group, y);
  });
}

void correlate(const Correlation& g) {
  if (g.per_position < lanes) {
    return for_each_height(g, tallest_flat, [&](int64_t height, int64_t row) {
      correlation_flat(g, flat_tiles_of_height<tallest_flat>(height), row);
    });
  }
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
