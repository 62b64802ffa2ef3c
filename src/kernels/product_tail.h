// The last vector of a product when only a few of its lanes hold examples.
//
// 100 examples are 6 vectors and 4 lanes. Computed like the others, the seventh vector would cost as much as they
// do and throw three quarters of it away. There are two ways round that:
// - Turned: vectors hold 16 rows of C for one example, and a step of k is one vector of A and one number of B for
//   each example. Where A lies row by row, 16 x 16 blocks of it are transposed on the way, which pays where a block
//   is 16 registers: 64 shuffles and 64 multiply-adds in place of 256 multiply-adds.
// - Narrow: where a vector of 16 is several registers, those without an example are left out.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd.h"
#include "kernels/transpose.h"

namespace quench::kernels {
namespace {

#if !QUENCH_PLAIN

/// Lanes that are turned around, live or not: the most for which it is faster.
constexpr int turned_lanes = 4;
/// Whether A may lie row by row.
constexpr bool turns_rows = QUENCH_AVX512;

/// Lanes 0 .. turned_lanes of the last vector, all rows; the other lanes are stored as 0.
QUENCH_NOINLINE void product_turned(const Product& p) {
  const int64_t vector = p.vectors - 1;
  const float* b = p.b + vector * p.b_group;
  for (int64_t row = 0; row < p.rows; row += lanes) {
    const int64_t rows = p.rows - row < lanes ? p.rows - row : lanes;
    const float* a = p.a + row * p.a_row;
    float* c = p.c + row * p.c_row + vector * lanes;

    f32x16 sum[turned_lanes];
    f32x16 block[lanes];
    if (p.start == Start::accumulate) {
      for (int i = 0; i < lanes; ++i) block[i] = i < rows ? load(c + i * p.c_row) : zero();
      transpose_block(block);
      QUENCH_UNROLL
      for (int n = 0; n < turned_lanes; ++n) sum[n] = block[n];
    } else {
      const f32x16 first = p.start != Start::bias ? zero()
                           : rows == lanes        ? load(p.bias + row)
                                                  : load_first(p.bias + row, rows);
      QUENCH_UNROLL
      for (int n = 0; n < turned_lanes; ++n) sum[n] = first;
    }

    if (p.a_row == 1) {
      for (int64_t k = 0; k < p.k; ++k) {
        const f32x16 a_k = rows == lanes ? load(a + k * p.a_col) : load_first(a + k * p.a_col, rows);
        QUENCH_UNROLL
        for (int n = 0; n < turned_lanes; ++n) sum[n] = fma(a_k, splat(b[k * p.b_row + n]), sum[n]);
      }
    } else if constexpr (turns_rows) {
      for (int64_t first = 0; first < p.k; first += lanes) {
        const int64_t left = p.k - first;
        if (rows == lanes && left >= lanes) {
          QUENCH_UNROLL
          for (int i = 0; i < lanes; ++i) block[i] = load(a + i * p.a_row + first);
        } else {
          for (int i = 0; i < lanes; ++i) {
            const float* from = a + i * p.a_row + first;
            block[i] = i >= rows ? zero() : left < lanes ? load_first(from, left) : load(from);
          }
        }
        transpose_block(block);
        const float* b_k = b + first * p.b_row;
        const int64_t end = left < lanes ? left : lanes;
        if (end == lanes) {
          QUENCH_UNROLL
          for (int i = 0; i < lanes; ++i) {
            QUENCH_UNROLL
            for (int n = 0; n < turned_lanes; ++n) sum[n] = fma(block[i], splat(b_k[i * p.b_row + n]), sum[n]);
          }
        } else {
          for (int i = 0; i < end; ++i) {
            for (int n = 0; n < turned_lanes; ++n) sum[n] = fma(block[i], splat(b_k[i * p.b_row + n]), sum[n]);
          }
        }
      }
    }

    QUENCH_UNROLL
    for (int n = 0; n < lanes; ++n) block[n] = n >= turned_lanes ? zero() : p.relu ? relu(sum[n]) : sum[n];
    transpose_block(block);
    for (int i = 0; i < rows; ++i) store(c + i * p.c_row, block[i]);
  }
}

/// Rows of one register that fit beside a register of B and a broadcast.
constexpr int narrow_rows = QUENCH_NEON ? 8 : 12;

/// The first register of the last vector, R rows from `row` on; its other registers are stored as 0.
template <int R>
QUENCH_NOINLINE void narrow_tile(const Product& p, int64_t row) {
  const int64_t a_row = p.a_row, a_col = p.a_col, b_row = p.b_row;
  const float* a = p.a + row * a_row;
  const float* b = p.b + (p.vectors - 1) * p.b_group;
  float* c = p.c + row * p.c_row + (p.vectors - 1) * lanes;
  native_f32 sum[R];
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    sum[i] = p.start == Start::accumulate ? *(const unaligned_f32*)(c + i * p.c_row)
             : p.start == Start::bias     ? p.bias[row + i] - native_f32{}
                                          : native_f32{};
  }
  for (int64_t k = 0; k < p.k; ++k) {
    const native_f32 b_k = *(const unaligned_f32*)b;
    QUENCH_UNROLL
    for (int i = 0; i < R; ++i) sum[i] = native_fma(a[i * a_row] - native_f32{}, b_k, sum[i]);
    a += a_col;
    b += b_row;
  }
  QUENCH_UNROLL
  for (int i = 0; i < R; ++i) {
    f32x16 result = zero();
    result.v[0] = sum[i];
    store(c + i * p.c_row, p.relu ? relu(result) : result);
  }
}

template <int R>
QUENCH_INLINE void narrow_of_height(int64_t height, const Product& p, int64_t row) {
  if constexpr (R > 1) {
    if (height < R) return narrow_of_height<R - 1>(height, p, row);
  }
  narrow_tile<R>(p, row);
}

#endif

/// The last vector by one of the two ways, if it has few live lanes; false if not.
bool product_last_vector([[maybe_unused]] const Product& p) {
#if !QUENCH_PLAIN
  if (p.live_lanes == 0) return false;
  if (p.live_lanes <= turned_lanes && (p.a_row == 1 || (turns_rows && p.a_col == 1))) {
    product_turned(p);
    return true;
  }
  if (p.live_lanes <= width && width < lanes) {
    const int64_t tiles = (p.rows + narrow_rows - 1) / narrow_rows;
    for (int64_t t = 0, row = 0; t < tiles; ++t) {
      const int64_t rows = (p.rows - row + tiles - t - 1) / (tiles - t);
      narrow_of_height<narrow_rows>(rows, p, row);
      row += rows;
    }
    return true;
  }
#endif
  return false;
}

}  // namespace
}  // namespace quench::kernels
