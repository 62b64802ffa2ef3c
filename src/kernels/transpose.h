// Matrices in another order: rows into lanes and back, groups of columns one behind the other, bytes into floats.
#pragma once

#include "kernels/bytes.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

// --- 16 x 16 blocks by perfect shuffles ------------------------------------------------------
//
// Interleaving rows i and i + 8 of sixteen, four times over, transposes them: each round rotates the bits of an
// element's position (row, column) by one, and four rounds exchange row and column.

#if !QUENCH_PLAIN

/// lo = a0 b0 a1 b1 ... a7 b7, hi = a8 b8 ... a15 b15.
QUENCH_INLINE void interleave(f32x16 a, f32x16 b, f32x16& lo, f32x16& hi) {
  f32x16 out[2];
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) {
    native_f32 first, second;
#if QUENCH_AVX512
    first = __builtin_shufflevector(a.v[i], b.v[i], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    second = __builtin_shufflevector(a.v[i], b.v[i], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif QUENCH_AVX2
    first = __builtin_shufflevector(a.v[i], b.v[i], 0, 8, 1, 9, 2, 10, 3, 11);
    second = __builtin_shufflevector(a.v[i], b.v[i], 4, 12, 5, 13, 6, 14, 7, 15);
#else
    first = __builtin_shufflevector(a.v[i], b.v[i], 0, 4, 1, 5);
    second = __builtin_shufflevector(a.v[i], b.v[i], 2, 6, 3, 7);
#endif
    out[2 * i / parts].v[2 * i % parts] = first;
    out[(2 * i + 1) / parts].v[(2 * i + 1) % parts] = second;
  }
  lo = out[0];
  hi = out[1];
}

#if QUENCH_AVX2

/// Eight registers of eight. Shuffles that cross the halves of a register take an instruction more here, so these
/// stay within them until the last round.
QUENCH_INLINE void transpose_eight(native_f32 (&x)[8]) {
  native_f32 y[8];
  QUENCH_UNROLL
  for (int i = 0; i < 8; i += 2) {
    y[i] = __builtin_shufflevector(x[i], x[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    y[i + 1] = __builtin_shufflevector(x[i], x[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  native_f32 z[8];
  QUENCH_UNROLL
  for (int i = 0; i < 8; i += 4) {
    z[i] = __builtin_shufflevector(y[i], y[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    z[i + 1] = __builtin_shufflevector(y[i], y[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    z[i + 2] = __builtin_shufflevector(y[i + 1], y[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    z[i + 3] = __builtin_shufflevector(y[i + 1], y[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  QUENCH_UNROLL
  for (int i = 0; i < 4; ++i) {
    x[i] = __builtin_shufflevector(z[i], z[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    x[i + 4] = __builtin_shufflevector(z[i], z[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

QUENCH_INLINE void transpose_block(f32x16 (&x)[lanes]) {
  native_f32 quarter[2][2][8];
  QUENCH_UNROLL
  for (int r = 0; r < 2; ++r) {
    QUENCH_UNROLL
    for (int c = 0; c < 2; ++c) {
      QUENCH_UNROLL
      for (int i = 0; i < 8; ++i) quarter[r][c][i] = x[8 * r + i].v[c];
      transpose_eight(quarter[r][c]);
    }
  }
  QUENCH_UNROLL
  for (int i = 0; i < lanes; ++i) {
    x[i].v[0] = quarter[0][i / 8][i % 8];
    x[i].v[1] = quarter[1][i / 8][i % 8];
  }
}

#else

QUENCH_INLINE void transpose_block(f32x16 (&x)[lanes]) {
  QUENCH_UNROLL
  for (int round = 0; round < 4; ++round) {
    f32x16 y[lanes];
    QUENCH_UNROLL
    for (int i = 0; i < lanes / 2; ++i) interleave(x[i], x[i + lanes / 2], y[2 * i], y[2 * i + 1]);
    QUENCH_UNROLL
    for (int i = 0; i < lanes; ++i) x[i] = y[i];
  }
}

#endif

QUENCH_INLINE void transpose_block(u8x16 (&x)[lanes]) {
  QUENCH_UNROLL
  for (int round = 0; round < 4; ++round) {
    u8x16 y[lanes];
    QUENCH_UNROLL
    for (int i = 0; i < lanes / 2; ++i) {
      const u8x16 a = x[i], b = x[i + lanes / 2];
      y[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      y[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    QUENCH_UNROLL
    for (int i = 0; i < lanes; ++i) x[i] = y[i];
  }
}

#else

QUENCH_INLINE void transpose_block(f32x16 (&x)[lanes]) {
  for (int i = 0; i < lanes; ++i) {
    for (int j = 0; j < i; ++j) {
      const float t = x[i].v[j];
      x[i].v[j] = x[j].v[i];
      x[j].v[i] = t;
    }
  }
}

QUENCH_INLINE void transpose_block(u8x16 (&x)[lanes]) {
  for (int i = 0; i < lanes; ++i) {
    for (int j = 0; j < i; ++j) {
      const uint8_t t = x[i].v[j];
      x[i].v[j] = x[j].v[i];
      x[j].v[i] = t;
    }
  }
}

#endif

// --- matrices of any size --------------------------------------------------------------------

void transpose(const float* src, int64_t rows, int64_t cols, int64_t src_row, float* dst, int64_t dst_row,
               int64_t pad_rows) {
  const int64_t end = pad_rows > rows ? pad_rows : rows;
  for (int64_t c = 0; c < cols; c += lanes) {
    for (int64_t r = 0; r < end; r += lanes) {
      f32x16 block[lanes];
      QUENCH_UNROLL
      for (int i = 0; i < lanes; ++i)
        block[i] = r + i >= rows      ? zero()
                   : cols - c < lanes ? load_first(src + (r + i) * src_row + c, cols - c)
                                      : load(src + (r + i) * src_row + c);
      transpose_block(block);
      QUENCH_UNROLL
      for (int i = 0; i < lanes; ++i) {
        if (c + i >= cols) break;
        if (end - r < lanes) {
          store_first(dst + (c + i) * dst_row + r, block[i], end - r);
        } else {
          store(dst + (c + i) * dst_row + r, block[i]);
        }
      }
    }
  }
}

void copy_groups(const float* src, int64_t rows, int64_t columns, int64_t src_row, float* dst, int64_t dst_group) {
  constexpr int64_t at_once = 8;  // rows: each line of src is read whole, and dst by half a kilobyte
  for (int64_t first = 0; first < rows; first += at_once) {
    const int64_t last = first + at_once < rows ? first + at_once : rows;
    for (int64_t column = 0; column < columns; column += lanes) {
      const int64_t here = columns - column < lanes ? columns - column : lanes;
      float* to = dst + column / lanes * dst_group;
      for (int64_t r = first; r < last; ++r) store(to + r * lanes, load_up_to(src + r * src_row + column, here));
    }
  }
}

template <bool Write>
void prefetch_matrix(const float* x, int64_t rows, int64_t columns, int64_t row) {
  constexpr int64_t line = 64 / sizeof(float);
  for (int64_t r = 0; r < rows; ++r, x += row) {
    for (int64_t c = 0; c < columns; c += line) prefetch<Write>(x + c);
    prefetch<Write>(x + columns - 1);
  }
}

/// Bytes f .. f + 15 of an image of `features` bytes, 0 behind its end.
QUENCH_INLINE u8x16 load_pixels(const uint8_t* image, int64_t f, int64_t features) {
  if (f + lanes <= features) return load_bytes(image + f);
  uint8_t t[lanes] = {};
  for (int64_t b = 0; f + b < features; ++b) t[b] = image[f + b];
  return load_bytes(t);
}

void prefetch_images(const Images& x, int64_t first, int64_t last) {
  constexpr int64_t line = 64;
  for (int64_t i = 0; i < x.count; ++i) {
    const uint8_t* image = x.pixels + (int64_t)x.index[i] * x.features;
    for (int64_t f = first; f < last; f += line) prefetch(image + f);
    prefetch(image + last - 1);
  }
}

void gather_rows(const Images& x, int64_t first, int64_t last, float* dst, int64_t dst_row) {
  const f32x16 scale = splat(x.scale), shift = splat(x.shift);
  for (int64_t i = 0; i < x.count; ++i, dst += dst_row) {
    const uint8_t* image = x.pixels + (int64_t)x.index[i] * x.features;
    for (int64_t f = first; f < last; f += lanes) {
      const f32x16 values = fma(to_float(to_int(load_pixels(image, f, x.features))), scale, shift);
      store(dst + f - first, f + lanes <= last ? values : select(live_lanes(f, last), values, zero()));
    }
  }
}

/// The same of a group of one image: its pixels are computed side by side, nothing is transposed.
void gather_one(const Images& x, const uint8_t* image, int64_t first, int64_t last, float* dst, int64_t dst_row) {
  const f32x16 scale = splat(x.scale), shift = splat(x.shift);
  for (int64_t f = first; f < last; f += lanes) {
    float pixels[lanes];
    store(pixels, fma(to_float(to_int(load_pixels(image, f, x.features))), scale, shift));
    const int64_t here = last - f < lanes ? last - f : lanes;
    float* to = dst + (f - first) * dst_row;
    for (int64_t b = 0; b < here; ++b) store(to + b * dst_row, load_lanes<1>(pixels + b));
  }
}

void gather_lanes(const Images& x, int64_t first, int64_t last, float* dst, int64_t dst_row) {
  const f32x16 scale = splat(x.scale), shift = splat(x.shift);
  for (int64_t i = 0; i < x.count; i += lanes) {
    const int64_t images = x.count - i < lanes ? x.count - i : lanes;
    if (images == 1) return gather_one(x, x.pixels + (int64_t)x.index[i] * x.features, first, last, dst + i, dst_row);
    const mask16 live = live_lanes(0, images);
    for (int64_t f = first; f < last; f += lanes) {
      u8x16 bytes[lanes];
      QUENCH_UNROLL
      for (int n = 0; n < lanes; ++n) {  // dead lanes repeat the first image and become 0 below
        bytes[n] = load_pixels(x.pixels + (int64_t)x.index[i + (n < images ? n : 0)] * x.features, f, x.features);
      }
      transpose_block(bytes);
      const int64_t here = last - f < lanes ? last - f : lanes;
      float* to = dst + (f - first) * dst_row + i;
      for (int64_t b = 0; b < here; ++b) {
        store(to + b * dst_row, select(live, fma(to_float(to_int(bytes[b])), scale, shift), zero()));
      }
    }
  }
}

}  // namespace
}  // namespace quench::kernels
