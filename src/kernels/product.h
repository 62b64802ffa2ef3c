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
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

#if !defined(QUENCH_SPILL_TEST_EXTRA_ROWS)
#define QUENCH_SPILL_TEST_EXTRA_ROWS 0  // the spill test enlarges the tiles to see that it would notice
#endif

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

/// R rows x V vectors of C, at rows `row` and following and vectors `vector` and following.
template <int R, int V>
QUENCH_NOINLINE void product_tile(const Product& p, int64_t row, int64_t vector) {
  const int64_t a_row = p.a_row, a_col = p.a_col, b_row = p.b_row, b_group = p.b_group;
  const float* a = p.a + row * a_row;
  const float* b = p.b + vector * b_group;
  float* c = p.c + row * p.c_row + vector * lanes;

  f32x16 sum[R][V];
  if (p.start == Start::accumulate) {
    QUENCH_UNROLL
    for (int i = 0; i < R; ++i) {
      QUENCH_UNROLL
      for (int j = 0; j < V; ++j) sum[i][j] = load(c + i * p.c_row + j * lanes);
    }
  } else {
    QUENCH_UNROLL
    for (int i = 0; i < R; ++i) {
      const f32x16 first = p.start == Start::bias ? splat(p.bias[row + i]) : zero();
      QUENCH_UNROLL
      for (int j = 0; j < V; ++j) sum[i][j] = first;
    }
  }
  for (int64_t k = 0; k < p.k; ++k) {
    f32x16 b_k[V];
    QUENCH_UNROLL
    for (int j = 0; j < V; ++j) b_k[j] = load(b + j * b_group);
    QUENCH_UNROLL
    for (int i = 0; i < R; ++i) {
      const f32x16 a_ik = splat(a[i * a_row]);
      QUENCH_UNROLL
      for (int j = 0; j < V; ++j) sum[i][j] = fma(a_ik, b_k[j], sum[i][j]);
    }
    a += a_col;
    b += b_row;
  }
  if (p.relu) {
    QUENCH_UNROLL
    for (int i = 0; i < R; ++i) {
      QUENCH_UNROLL
      for (int j = 0; j < V; ++j) sum[i][j] = relu(sum[i][j]);
    }
  }
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    QUENCH_UNROLL
    for (int j = 0; j < V; ++j) store(c + i * p.c_row + j * lanes, sum[i][j]);
  }
}

/// Calls the tile with R = rows known at compile time.
template <int R, int V>
QUENCH_INLINE void tile_of_height(int64_t height, const Product& p, int64_t row, int64_t vector) {
  if constexpr (R > 1) {
    if (height < R) return tile_of_height<R - 1, V>(height, p, row, vector);
  }
  product_tile<R, V>(p, row, vector);
}

/// All rows of V vectors, in tiles of as equal heights as can be: 200 rows are 16 tiles of 9 and 7 of 8.
template <int V>
void product_panel(const Product& p, int64_t vector) {
  constexpr int tallest = tallest_tile<V>;
  const int64_t tiles = (p.rows + tallest - 1) / tallest;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t row = p.rows * t / tiles;
    tile_of_height<tallest, V>(p.rows * (t + 1) / tiles - row, p, row, vector);
  }
}

void product(const Product& p) {
  int64_t vector = 0;
  while (vector < p.vectors) {
    const int64_t left = p.vectors - vector;
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
