// f32x16: sixteen floats, one per lane, as an array of native vectors, and what kernels do with it.
#pragma once

#include "kernels/native.h"

namespace quench::kernels {
namespace {

constexpr int lanes = 16;
constexpr int parts = lanes / width;
constexpr int parts64 = lanes / width64;

struct f32x16 {
  native_f32 v[parts];
};
struct i32x16 {
  native_i32 v[parts];
};
struct mask16 {
  native_mask v[parts];
};
/// For sums in double.
struct f64x16 {
  native_f64 v[parts64];
};

// --- memory ----------------------------------------------------------------------------------

QUENCH_INLINE f32x16 load(const float* p) {
  f32x16 r;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) r.v[i] = *(const unaligned_f32*)(p + width * i);
  return r;
}
QUENCH_INLINE i32x16 load(const int32_t* p) {
  i32x16 r;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) r.v[i] = *(const unaligned_i32*)(p + width * i);
  return r;
}
QUENCH_INLINE void store(float* p, f32x16 x) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) *(unaligned_f32*)(p + width * i) = x.v[i];
}
QUENCH_INLINE void store(int32_t* p, i32x16 x) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) *(unaligned_i32*)(p + width * i) = x.v[i];
}

/// The first `count` of sixteen, 0 < count < 16; what is not loaded is 0, and memory behind it is not touched.
QUENCH_INLINE f32x16 load_first(const float* p, int64_t count) {
#if QUENCH_AVX512
  return {(native_f32)_mm512_maskz_loadu_ps((__mmask16)((1U << count) - 1U), p)};
#else
  float t[lanes] = {};
  for (int64_t i = 0; i < count; ++i) t[i] = p[i];
  return load(t);
#endif
}
QUENCH_INLINE void store_first(float* p, f32x16 x, int64_t count) {
#if QUENCH_AVX512
  _mm512_mask_storeu_ps(p, (__mmask16)((1U << count) - 1U), x.v[0]);
#else
  float t[lanes];
  store(t, x);
  for (int64_t i = 0; i < count; ++i) p[i] = t[i];
#endif
}
/// The same for 0 < count <= 16.
QUENCH_INLINE f32x16 load_up_to(const float* p, int64_t count) {
  return QUENCH_AVX512 || count < lanes ? load_first(p, count) : load(p);
}
QUENCH_INLINE void store_up_to(float* p, f32x16 x, int64_t count) {
  if (QUENCH_AVX512 || count < lanes) {
    store_first(p, x, count);
  } else {
    store(p, x);
  }
}
template <bool Write = false>
QUENCH_INLINE void prefetch(const void* p) {
#if !QUENCH_PLAIN
  __builtin_prefetch(p, Write);
#else
  (void)p;
#endif
}

/// All lanes x. (x - 0 is x for every x, -0 included; x + 0 is not.)
QUENCH_INLINE f32x16 splat(float x) {
  f32x16 r;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) r.v[i] = x - native_f32{};
  return r;
}
QUENCH_INLINE i32x16 splat(int32_t x) {
  i32x16 r;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) r.v[i] = x - native_i32{};
  return r;
}
QUENCH_INLINE f32x16 zero() { return f32x16{}; }

// --- arithmetic, lane by lane ----------------------------------------------------------------

/// a * b + c with one rounding (numeric class "fma") or two ("muladd").
QUENCH_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) c.v[i] = native_fma(a.v[i], b.v[i], c.v[i]);
  return c;
}
QUENCH_INLINE f64x16 fma(f64x16 a, f64x16 b, f64x16 c) {
  QUENCH_UNROLL
  for (int i = 0; i < parts64; ++i) c.v[i] = native_fma(a.v[i], b.v[i], c.v[i]);
  return c;
}
QUENCH_INLINE f32x16 sqrt(f32x16 a) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = native_sqrt(a.v[i]);
  return a;
}
QUENCH_INLINE f32x16 operator+(f32x16 a, f32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] + b.v[i];
  return a;
}
QUENCH_INLINE f32x16 operator-(f32x16 a, f32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] - b.v[i];
  return a;
}
QUENCH_INLINE f32x16 operator*(f32x16 a, f32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] * b.v[i];
  return a;
}
QUENCH_INLINE f32x16 operator/(f32x16 a, f32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] / b.v[i];
  return a;
}
QUENCH_INLINE f32x16 operator-(f32x16 a) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = -a.v[i];
  return a;
}
QUENCH_INLINE f64x16 operator+(f64x16 a, f64x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts64; ++i) a.v[i] = a.v[i] + b.v[i];
  return a;
}
QUENCH_INLINE f64x16 operator-(f64x16 a, f64x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts64; ++i) a.v[i] = a.v[i] - b.v[i];
  return a;
}
QUENCH_INLINE f64x16 operator*(f64x16 a, f64x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts64; ++i) a.v[i] = a.v[i] * b.v[i];
  return a;
}
// Integers are bit patterns here and wrap around.
QUENCH_INLINE i32x16 operator+(i32x16 a, i32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = (native_i32)((native_u32)a.v[i] + (native_u32)b.v[i]);
  return a;
}
QUENCH_INLINE i32x16 operator-(i32x16 a, i32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = (native_i32)((native_u32)a.v[i] - (native_u32)b.v[i]);
  return a;
}
QUENCH_INLINE i32x16 operator&(i32x16 a, i32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] & b.v[i];
  return a;
}
template <int Bits>
QUENCH_INLINE i32x16 shift_right(i32x16 a) {  // arithmetic
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] >> Bits;
  return a;
}
/// a / by, rounded down, for by = 1, 2, 4, 8.
QUENCH_INLINE i32x16 divide(i32x16 a, int64_t by) {
  return by == 8 ? shift_right<3>(a) : by == 4 ? shift_right<2>(a) : by == 2 ? shift_right<1>(a) : a;
}
template <int Bits>
QUENCH_INLINE i32x16 shift_left(i32x16 a) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = (native_i32)((native_u32)a.v[i] << Bits);
  return a;
}

// --- comparison and choice -------------------------------------------------------------------

QUENCH_INLINE mask16 operator<(f32x16 a, f32x16 b) {
  mask16 m;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) m.v[i] = a.v[i] < b.v[i];
  return m;
}
QUENCH_INLINE mask16 operator>(f32x16 a, f32x16 b) { return b < a; }
QUENCH_INLINE mask16 operator<=(f32x16 a, f32x16 b) {
  mask16 m;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) m.v[i] = a.v[i] <= b.v[i];
  return m;
}
QUENCH_INLINE mask16 is_nan(f32x16 a) {
  mask16 m;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) m.v[i] = a.v[i] != a.v[i];
  return m;
}
QUENCH_INLINE mask16 operator==(i32x16 a, i32x16 b) {
  mask16 m;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) m.v[i] = a.v[i] == b.v[i];
  return m;
}
QUENCH_INLINE mask16 operator<(i32x16 a, i32x16 b) {
  mask16 m;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) m.v[i] = a.v[i] < b.v[i];
  return m;
}
QUENCH_INLINE mask16 operator|(mask16 a, mask16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] | b.v[i];
  return a;
}
QUENCH_INLINE mask16 operator&(mask16 a, mask16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] & b.v[i];
  return a;
}
/// A mask as multiply-adds take it: fma_where(m, a, b, c) is m ? fma(a, b, c) : c.
struct lane_mask {
  native_lane_mask v[parts];
};
/// Lanes whose a lies in 0 .. n.
QUENCH_INLINE lane_mask lanes_below(i32x16 a, int32_t n) {
  lane_mask m;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) m.v[i] = native_lanes_below(a.v[i], n);
  return m;
}
QUENCH_INLINE f32x16 fma_where(lane_mask m, f32x16 a, f32x16 b, f32x16 c) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) c.v[i] = native_fma_where(m.v[i], a.v[i], b.v[i], c.v[i]);
  return c;
}
/// m ? a : b
QUENCH_INLINE f32x16 select(mask16 m, f32x16 a, f32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = m.v[i] ? a.v[i] : b.v[i];
  return a;
}
QUENCH_INLINE i32x16 select(mask16 m, i32x16 a, i32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = m.v[i] ? a.v[i] : b.v[i];
  return a;
}
/// The larger; NaN when either is NaN; a when equal (so max(+0, -0) is +0).
QUENCH_INLINE f32x16 max(f32x16 a, f32x16 b) { return select((b > a) | is_nan(b), b, a); }
/// x <= 0 ? 0 : x, so that NaN stays NaN.
QUENCH_INLINE f32x16 relu(f32x16 x) { return select(x <= zero(), zero(), x); }

// --- bits and conversions --------------------------------------------------------------------

QUENCH_INLINE i32x16 bits_of(f32x16 a) {
  i32x16 r;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) {
#if QUENCH_PLAIN
    memcpy(&r.v[i], &a.v[i], sizeof(int32_t));
#else
    r.v[i] = (native_i32)a.v[i];
#endif
  }
  return r;
}
QUENCH_INLINE f32x16 float_of_bits(i32x16 a) {
  f32x16 r;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) {
#if QUENCH_PLAIN
    memcpy(&r.v[i], &a.v[i], sizeof(float));
#else
    r.v[i] = (native_f32)a.v[i];
#endif
  }
  return r;
}
/// The value of an integer, rounded.
QUENCH_INLINE f32x16 to_float(i32x16 a) {
  f32x16 r;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) {
#if QUENCH_PLAIN
    r.v[i] = (float)a.v[i];
#else
    r.v[i] = __builtin_convertvector(a.v[i], native_f32);
#endif
  }
  return r;
}
/// Towards zero; what does not fit is clamped first, NaN to 0.
QUENCH_INLINE i32x16 to_int(f32x16 a) {
  constexpr float limit = 2147483520.0F;  // the largest float below 2^31
  i32x16 r;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) {
    const native_f32 low = native_f32{} - limit, high = native_f32{} + limit;
    native_f32 x = a.v[i] == a.v[i] ? a.v[i] : native_f32{};
    x = x < low ? low : x;
    x = x > high ? high : x;
#if QUENCH_PLAIN
    r.v[i] = (int32_t)x;
#else
    r.v[i] = __builtin_convertvector(x, native_i32);
#endif
  }
  return r;
}
#if !QUENCH_PLAIN
typedef float half_f32 __attribute__((vector_size(4 * width64)));

QUENCH_INLINE native_f64 widen(half_f32 h) {
#if QUENCH_AVX512
  return _mm512_maskz_cvtps_pd(0xFF,
                               (__m256)h);  // GCC 12 makes seven instructions of a conversion in its own words
#else
  return __builtin_convertvector(h, native_f64);
#endif
}
#endif

/// The same values in double, exactly.
QUENCH_INLINE f64x16 to_double(f32x16 a) {
  f64x16 r;
#if QUENCH_PLAIN
  for (int i = 0; i < lanes; ++i) r.v[i] = (double)a.v[i];
#else
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) {
    half_f32 h[2];
    memcpy(h, &a.v[i], sizeof h);
    r.v[2 * i] = widen(h[0]);
    r.v[2 * i + 1] = widen(h[1]);
  }
#endif
  return r;
}
/// The fixed tree of the numeric contract: lanes l and l + 8, then l and l + 4, l + 2, l + 1.
template <typename Scalar>
QUENCH_INLINE Scalar tree(Scalar (&s)[lanes]) {
  QUENCH_UNROLL
  for (int half = lanes / 2; half > 0; half /= 2) {
    QUENCH_UNROLL
    for (int i = 0; i < half; ++i) s[i] = s[i] + s[i + half];
  }
  return s[0];
}
/// The same of a register, whose halves are added as vectors while there are halves.
template <typename Scalar, typename Register>
QUENCH_INLINE Scalar tree_of(const Register& a) {
#if QUENCH_PLAIN
  Scalar s[lanes];
  memcpy(s, &a, sizeof s);
  return tree(s);
#else
  typedef Scalar eight __attribute__((vector_size(8 * sizeof(Scalar))));
  typedef Scalar four __attribute__((vector_size(4 * sizeof(Scalar))));
  eight e[2];
  memcpy(e, &a, sizeof e);
  const eight sum8 = e[0] + e[1];
  four f[2];
  memcpy(f, &sum8, sizeof f);
  const four sum4 = f[0] + f[1];
  return (sum4[0] + sum4[2]) + (sum4[1] + sum4[3]);
#endif
}
QUENCH_INLINE float tree_sum(f32x16 a) { return tree_of<float>(a); }
QUENCH_INLINE double tree_sum(f64x16 a) { return tree_of<double>(a); }

/// 0, 1, ..., 15.
QUENCH_INLINE i32x16 lane_numbers() {
  static const int32_t numbers[lanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return load(numbers);
}
/// Lanes whose example first + lane is below live.
QUENCH_INLINE mask16 live_lanes(int64_t first, int64_t live) {
  const int64_t left = live - first;
  return lane_numbers() < splat((int32_t)(left < 0 ? 0 : left > lanes ? lanes : left));
}

/// N floats and zeros behind them; the first N of a vector. (Loads of N floats and no more: what was stored just
/// before need not reach memory first.)
template <int N>
QUENCH_INLINE f32x16 load_lanes(const float* p) {
  if constexpr (N == lanes) {
    return load(p);
  } else {
    f32x16 x = zero();
#if QUENCH_AVX512 || QUENCH_AVX2
    __m256 low;
    if constexpr (N == 1) low = _mm256_zextps128_ps256(_mm_load_ss(p));
    if constexpr (N == 2) low = _mm256_zextps128_ps256(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i*)p)));
    if constexpr (N == 4) low = _mm256_zextps128_ps256(_mm_loadu_ps(p));
    if constexpr (N == 8) low = _mm256_loadu_ps(p);
#if QUENCH_AVX512
    x.v[0] = (native_f32)_mm512_zextps256_ps512(low);
#else
    x.v[0] = (native_f32)low;
#endif
#else
    memcpy(&x, p, N * sizeof(float));
#endif
    return x;
  }
}
/// 8 floats of a and 8 of b, and back.
QUENCH_INLINE f32x16 load_halves(const float* a, const float* b) {
  f32x16 x;
#if QUENCH_AVX512
  x.v[0] = (native_f32)_mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(a)), _mm256_loadu_ps(b), 1);
#else
  memcpy(&x, a, 8 * sizeof(float));
  memcpy((char*)&x + 8 * sizeof(float), b, 8 * sizeof(float));
#endif
  return x;
}
QUENCH_INLINE void store_halves(float* a, float* b, f32x16 x) {
#if QUENCH_AVX512
  // Masked, all lanes set: as in native_sqrt().
  _mm256_storeu_ps(a, _mm512_maskz_extractf32x8_ps(0xFF, (__m512)x.v[0], 0));
  _mm256_storeu_ps(b, _mm512_maskz_extractf32x8_ps(0xFF, (__m512)x.v[0], 1));
#else
  memcpy(a, &x, 8 * sizeof(float));
  memcpy(b, (const char*)&x + 8 * sizeof(float), 8 * sizeof(float));
#endif
}

template <int N>
QUENCH_INLINE void store_lanes(float* p, f32x16 x) {
  if constexpr (N == lanes) {
    store(p, x);
  } else {
    memcpy(p, &x, N * sizeof(float));
  }
}

}  // namespace
}  // namespace quench::kernels
