// The product of matrices: one register tile, used for every shape.
//
// A tile of R rows and V vectors keeps R x V accumulators in registers. A step of k loads V vectors of B,
// broadcasts R numbers of A and does R x V fused multiply-adds. With 32 vector registers of 16 floats (AVX-512) 9 x
// 3 accumulators + 3 of B + 1 broadcast are 31: 27 multiply-adds on 12 loads, where two of each fit in a cycle. 6 x
// 4 (29 registers, 24 on 10) and 14 x 2 (31, 28 on 16) are as fast, so that any number of vectors splits into
// widths the machine likes: 7 = 4 + 3. With 16 registers of 8 (AVX2) a tile is 6 x 1: 12 + 2 + 1 registers. With 32
// registers of 4 (NEON) it is 5 x 1: 20 + 4, and 5 broadcasts that GCC loads ahead.
#pragma once

#include "kernels/kernels.h"
#include "kernels/product_tail.h"
#include "kernels/simd.h"
#include "kernels/transpose.h"

namespace quench::kernels {
namespace {

/// Vectors of the widest tile, and the most rows a tile of V vectors may have.
#if QUENCH_PLAIN
constexpr int widest_tile = 1;
template <int V>
constexpr int tallest_tile = 1;
#elif QUENCH_AVX512
constexpr int widest_tile = 4;
template <int V>
constexpr int tallest_tile = (V == 1   ? 14
                              : V == 2 ? 14
                              : V == 3 ? 9
                                       : 6) +
                             QUENCH_SPILL_TEST_EXTRA_ROWS;
#elif QUENCH_AVX2
constexpr int widest_tile = 1;
template <int V>
constexpr int tallest_tile = 6 + QUENCH_SPILL_TEST_EXTRA_ROWS;
#elif QUENCH_NEON
constexpr int widest_tile = 1;
template <int V>
constexpr int tallest_tile = 5 + QUENCH_SPILL_TEST_EXTRA_ROWS;
#else
constexpr int widest_tile = 1;
template <int V>
constexpr int tallest_tile = 2 + QUENCH_SPILL_TEST_EXTRA_ROWS;
#endif

/// `tiles` tiles one below the other, each R rows of the V vectors at p.b and p.c, from row `row` on. The last
/// vector lacks p.absent columns. (One call for all of them: what a tile costs before and after its loop over k is
/// some 50 cycles, as much as 4 steps of k.)
template <int R, int V>
QUENCH_NOINLINE void product_tiles(const Product& p, int64_t row, int64_t tiles) {
  const int64_t a_row = p.a_row, a_col = p.a_col, b_row = p.b_row, b_group = p.b_group, c_row = p.c_row;
  const int64_t last = (V - 1) * lanes, columns = lanes - p.absent;
  const float* a_first = p.a + row * a_row;
  float* c = p.c + row * c_row;
  const Start start = p.start;
  const bool with_relu = p.relu;
  for (int64_t t = 0; t < tiles; ++t, a_first += R * a_row, c += R * c_row) {
    f32x16 sum[R][V];
    if (start == Start::accumulate) {
      QUENCH_UNROLL
      for (int i = 0; i < R; ++i) {
        QUENCH_UNROLL
        for (int j = 0; j < V - 1; ++j) sum[i][j] = load(c + i * c_row + j * lanes);
        sum[i][V - 1] = load_up_to(c + i * c_row + last, columns);
      }
    } else {
      QUENCH_UNROLL
      for (int i = 0; i < R; ++i) {
        const f32x16 first = start == Start::bias ? splat(p.bias[row + t * R + i]) : zero();
        QUENCH_UNROLL
        for (int j = 0; j < V; ++j) sum[i][j] = first;
      }
    }
    // Three rows of A share a pointer: an address may add one or two times a_row to it. A pointer or an offset for
    // each row would be more than there are registers for them.
    constexpr int pointers = (R + 2) / 3;
    const float *a[pointers], *b = p.b;
    QUENCH_UNROLL
    for (int i = 0; i < pointers; ++i) a[i] = a_first + 3 * i * a_row;
    for (int64_t k = p.k; k > 0; --k) {
      f32x16 b_k[V];
      QUENCH_UNROLL
      for (int j = 0; j < V; ++j) b_k[j] = load(b + j * b_group);
      QUENCH_UNROLL
      for (int i = 0; i < R; ++i) {
        const f32x16 a_ik = splat(a[i / 3][i % 3 * a_row]);
        QUENCH_UNROLL
        for (int j = 0; j < V; ++j) sum[i][j] = fma(a_ik, b_k[j], sum[i][j]);
      }
      QUENCH_UNROLL
      for (int i = 0; i < pointers; ++i) a[i] += a_col;
      b += b_row;
    }
    if (with_relu) {
      QUENCH_UNROLL
      for (int i = 0; i < R; ++i) {
        QUENCH_UNROLL
        for (int j = 0; j < V; ++j) sum[i][j] = relu(sum[i][j]);
      }
    }
    QUENCH_UNROLL
    for (int i = 0; i < R; ++i) {
      QUENCH_UNROLL
      for (int j = 0; j < V - 1; ++j) store(c + i * c_row + j * lanes, sum[i][j]);
      store_up_to(c + i * c_row + last, sum[i][V - 1], columns);
    }
  }
}

/// Calls the tiles with R = height known at compile time.
template <int R, int V>
QUENCH_INLINE void tiles_of_height(int64_t height, const Product& p, int64_t row, int64_t tiles) {
  if constexpr (R > 1) {
    if (height < R) return tiles_of_height<R - 1, V>(height, p, row, tiles);
  }
  product_tiles<R, V>(p, row, tiles);
}

/// V groups of columns of B, [k][16 V], with zeros in place of p.absent columns.
template <int V>
void copy_panel(const Product& p, float* panel) {
  constexpr int64_t row = V * lanes;
  if (p.b_transposed) {
    transpose(p.b, row - p.absent, p.k, p.b_row, panel, row, row);
    return;
  }
  const float* b = p.b;
  for (int64_t k = 0; k < p.k; ++k, b += p.b_row, panel += row) {
    QUENCH_UNROLL
    for (int j = 0; j < V - 1; ++j) store(panel + j * lanes, load(b + j * lanes));
    store(panel + (V - 1) * lanes, load_up_to(b + (V - 1) * lanes, lanes - p.absent));
  }
}

/// V vectors of a product as a product of their own, which reads their copy in the panel if there is one.
template <int V>
Product panel_of(const Product& whole, int64_t vector) {
  Product p = whole;
  p.vectors = V;
  p.b += vector * (p.b_transposed ? lanes * p.b_row : p.b_group);
  p.c += vector * lanes;
  p.absent = vector + V == whole.vectors ? whole.absent : 0;
  if (p.panel != nullptr) {
    copy_panel<V>(p, p.panel);
    p.b = p.panel;
    p.b_row = V * lanes;
    p.b_group = lanes;
  }
  return p;
}

/// All rows of V vectors, in tiles of as equal heights as can be: 200 rows are 16 tiles of 9 and 7 of 8.
template <int V>
void product_panel(const Product& whole, int64_t vector) {
  const Product p = panel_of<V>(whole, vector);
  constexpr int tallest = tallest_tile<V>;
  const int64_t tiles = (p.rows + tallest - 1) / tallest;
  const int64_t height = p.rows / tiles, taller = p.rows % tiles;
  if (taller > 0) tiles_of_height<tallest, V>(height + 1, p, 0, taller);
  tiles_of_height<tallest, V>(height, p, taller * (height + 1), tiles - taller);
}

void product(const Product& p) {
  if (p.rows <= 0) return;
  int64_t vectors = p.vectors;
  if (const LastVector way = way_of_last_vector(p); way != LastVector::like_the_others) {
    --vectors;
    product_last_vector(panel_of<1>(p, vectors), way);
  }
  int64_t vector = 0;
  while (vector < vectors) {
    const int64_t left = vectors - vector;
    if constexpr (widest_tile == 4) {
      if (left % 3 != 0 && left >= 4 && left != 5) {
        product_panel<4>(p, vector);
        vector += 4;
      } else if (left >= 3) {
        product_panel<3>(p, vector);
        vector += 3;
      } else if (left == 2) {
        product_panel<2>(p, vector);
        vector += 2;
      } else {
        product_panel<1>(p, vector);
        vector += 1;
      }
    } else {
      product_panel<1>(p, vector);
      vector += 1;
    }
  }
}

}  // namespace
}  // namespace quench::kernels
