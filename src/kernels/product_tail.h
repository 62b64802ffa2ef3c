// The last vector of a product when only a few of its lanes hold examples, or it has few columns.
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
/// Columns that are turned around where A gives vectors and the others must not be touched.
constexpr int turned_columns = QUENCH_AVX512 ? 12 : 0;
/// Whether A may lie row by row.
constexpr bool turns_rows = QUENCH_AVX512;

/// A block of at most 16 rows and 16 columns of C, turned: block[column] holds 16 rows.
QUENCH_NOINLINE void load_turned(const float* c, int64_t c_row, int64_t rows, int64_t columns,
                                 f32x16 (&block)[lanes]) {
  for (int i = 0; i < lanes; ++i) block[i] = i < rows ? load_up_to(c + i * c_row, columns) : zero();
  transpose_block(block);
}
QUENCH_NOINLINE void store_turned(float* c, int64_t c_row, int64_t rows, int64_t columns, f32x16 (&block)[lanes]) {
  transpose_block(block);
  for (int i = 0; i < rows; ++i) store_up_to(c + i * c_row, block[i], columns);
}

/// Columns 0 .. N of a product of one vector, R vectors of rows from `row` on, all of which but the last are whole;
/// the other columns are stored as 0, or left alone if they are absent.
template <int N, int R>
QUENCH_INLINE void turned_rows(const Product& p, int64_t row) {
  const int64_t rows = p.rows - row < R * lanes ? p.rows - row : R * lanes;
  const int64_t last = rows - (R - 1) * lanes;  // rows in the last vector of them
  const float *a = p.a + row * p.a_row, *b = p.b;
  float* c = p.c + row * p.c_row;

  f32x16 sum[R][N];
  f32x16 block[lanes];
  QUENCH_UNROLL
  for (int r = 0; r < R; ++r) {
    if (p.start == Start::accumulate) {
      load_turned(c + r * lanes * p.c_row, p.c_row, r + 1 < R ? lanes : last, lanes - p.absent, block);
      QUENCH_UNROLL
      for (int n = 0; n < N; ++n) sum[r][n] = block[n];
    } else {
      const f32x16 first = p.start != Start::bias ? zero()
                           : r + 1 < R            ? load(p.bias + row + r * lanes)
                                                  : load_up_to(p.bias + row + r * lanes, last);
      QUENCH_UNROLL
      for (int n = 0; n < N; ++n) sum[r][n] = first;
    }
  }

  if (p.a_row == 1) {
    for (int64_t k = 0; k < p.k; ++k) {
      f32x16 a_k[R];
      QUENCH_UNROLL
      for (int r = 0; r < R - 1; ++r) a_k[r] = load(a + k * p.a_col + r * lanes);
      a_k[R - 1] = load_up_to(a + k * p.a_col + (R - 1) * lanes, last);
      QUENCH_UNROLL
      for (int n = 0; n < N; ++n) {
        const f32x16 b_kn = splat(b[k * p.b_row + n]);
        QUENCH_UNROLL
        for (int r = 0; r < R; ++r) sum[r][n] = fma(a_k[r], b_kn, sum[r][n]);
      }
    }
  } else if constexpr (R == 1 && N == turned_lanes && turns_rows) {
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
          for (int n = 0; n < N; ++n) sum[0][n] = fma(block[i], splat(b_k[i * p.b_row + n]), sum[0][n]);
        }
      } else {
        for (int i = 0; i < end; ++i) {
          for (int n = 0; n < N; ++n) sum[0][n] = fma(block[i], splat(b_k[i * p.b_row + n]), sum[0][n]);
        }
      }
    }
  }

  QUENCH_UNROLL
  for (int r = 0; r < R; ++r) {
    QUENCH_UNROLL
    for (int n = 0; n < lanes; ++n) block[n] = n >= N ? zero() : p.relu ? relu(sum[r][n]) : sum[r][n];
    store_turned(c + r * lanes * p.c_row, p.c_row, r + 1 < R ? lanes : last, lanes - p.absent, block);
  }
}

/// All rows. Two vectors of them at a time where A gives vectors: a number of B is then used twice, and the chains
/// of few columns wait less for each other.
template <int N>
QUENCH_NOINLINE void product_turned(const Product& p) {
  int64_t row = 0;
  if constexpr (QUENCH_AVX512) {
    if (p.a_row == 1) {
      for (; p.rows - row > lanes; row += 2 * lanes) turned_rows<N, 2>(p, row);
    }
  }
  for (; row < p.rows; row += lanes) turned_rows<N, 1>(p, row);
}

/// Of B a whole vector is readable: its copy ends in zeros.
template <int N>
QUENCH_INLINE void turned_of_width(int64_t columns, const Product& p) {
  if constexpr (N > 2) {
    if (columns <= N - 2) return turned_of_width<N - 2>(columns, p);
  }
  product_turned<N>(p);
}

/// Rows of one register that fit beside a register of B and a broadcast.
constexpr int narrow_rows = QUENCH_NEON ? 8 : 12;

/// The first register of a product of one vector, R rows from `row` on; its other registers are stored as 0.
template <int R>
QUENCH_NOINLINE void narrow_tile(const Product& p, int64_t row) {
  const int64_t a_row = p.a_row, a_col = p.a_col, b_row = p.b_row;
  const float* a = p.a + row * a_row;
  const float* b = p.b;
  float* c = p.c + row * p.c_row;
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

/// How the last vector of a product is best computed.
enum class LastVector : int { like_the_others, turned, narrow };

LastVector way_of_last_vector([[maybe_unused]] const Product& p) {
#if !QUENCH_PLAIN
  if (p.a_row == 1 && p.rows >= lanes && lanes - p.absent <= turned_columns) return LastVector::turned;
  if (p.live_lanes == 0) return LastVector::like_the_others;
  if (p.live_lanes <= turned_lanes && (p.a_row == 1 || (turns_rows && p.a_col == 1))) return LastVector::turned;
  if (p.live_lanes <= width && width < lanes) return LastVector::narrow;
#endif
  return LastVector::like_the_others;
}

/// A product of one vector by one of the two ways.
void product_last_vector([[maybe_unused]] const Product& p, [[maybe_unused]] LastVector way) {
#if !QUENCH_PLAIN
  if (width < lanes && way == LastVector::narrow) {
    const int64_t tiles = (p.rows + narrow_rows - 1) / narrow_rows;
    for (int64_t t = 0, row = 0; t < tiles; ++t) {
      const int64_t rows = (p.rows - row + tiles - t - 1) / (tiles - t);
      narrow_of_height<narrow_rows>(rows, p, row);
      row += rows;
    }
  } else if (p.absent == 0) {
    product_turned<turned_lanes>(p);
  } else if constexpr (turned_columns > 0) {
    turned_of_width<turned_columns>(lanes - p.absent, p);
  }
#endif
}

}  // namespace
}  // namespace quench::kernels
