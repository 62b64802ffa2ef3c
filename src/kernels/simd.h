// f32x16: sixteen floats, one per lane, as an array of the widest native vectors there are.
//
// A kernel is written once against these types and compiled once per instruction set. The compiler's own vector
// extension (GCC and Clang) supplies +, *, comparisons, ?: and shuffles; only the fused multiply-add and the square
// root need an intrinsic. Without the extension (QUENCH_NO_VECTOR_EXTENSIONS) a "native vector" is one float: the
// same source, as plain loops over float[16].
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__FAST_MATH__)
#error "quench promises the same bits everywhere: build it without -ffast-math"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0
#error "quench needs float arithmetic in float precision (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif

#if !defined(QUENCH_NO_VECTOR_EXTENSIONS)
#if !defined(__GNUC__)
#define QUENCH_NO_VECTOR_EXTENSIONS
#elif defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif
#endif

// Small constant loops over the parts of a vector or the rows of a tile must vanish, or the arrays live in memory.
#if defined(__clang__)
#define QUENCH_UNROLL _Pragma("clang loop unroll(full)")
#define QUENCH_INLINE inline __attribute__((always_inline))
#elif defined(__GNUC__)
#define QUENCH_UNROLL _Pragma("GCC unroll 32")
#define QUENCH_INLINE inline __attribute__((always_inline))
#else
#define QUENCH_UNROLL
#define QUENCH_INLINE inline
#endif

namespace quench::kernels {
namespace {

constexpr int lanes = 16;

#if defined(QUENCH_NO_VECTOR_EXTENSIONS)

constexpr int width = 1;
using native_f32 = float;
using native_i32 = int32_t;
using native_f64 = double;
using native_mask = bool;

#else

#if defined(__AVX512F__)
constexpr int width = 16;
#elif defined(__AVX2__)
constexpr int width = 8;
#else
constexpr int width = 4;  // SSE2, NEON, and what the compiler makes of it elsewhere
#endif
typedef float native_f32 __attribute__((vector_size(4 * width)));
typedef int32_t native_i32 __attribute__((vector_size(4 * width)));
typedef double native_f64 __attribute__((vector_size(4 * width)));  // half as many
using native_mask = native_i32;                                     // all ones or all zeros a lane

#endif

constexpr int parts = lanes / width;
constexpr int width64 = width > 1 ? width / 2 : 1;
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

// --- fused multiply-add and square root of one native vector
// ---------------------------------------------------------

#if !defined(QUENCH_NO_VECTOR_EXTENSIONS) && defined(__AVX512F__)
#define QUENCH_FUSED 1
QUENCH_INLINE native_f32 native_fma(native_f32 a, native_f32 b, native_f32 c) {
  return _mm512_fmadd_ps(a, b, c);
}
QUENCH_INLINE native_f64 native_fma(native_f64 a, native_f64 b, native_f64 c) {
  return _mm512_fmadd_pd(a, b, c);
}
QUENCH_INLINE native_f32 native_sqrt(native_f32 a) {
  return _mm512_maskz_sqrt_ps(0xFFFF, a);
}
#elif !defined(QUENCH_NO_VECTOR_EXTENSIONS) && defined(__AVX2__) && defined(__FMA__)
#define QUENCH_FUSED 1
QUENCH_INLINE native_f32 native_fma(native_f32 a, native_f32 b, native_f32 c) {
  return _mm256_fmadd_ps(a, b, c);
}
QUENCH_INLINE native_f64 native_fma(native_f64 a, native_f64 b, native_f64 c) {
  return _mm256_fmadd_pd(a, b, c);
}
QUENCH_INLINE native_f32 native_sqrt(native_f32 a) {
  return _mm256_sqrt_ps(a);
}
#elif !defined(QUENCH_NO_VECTOR_EXTENSIONS) && defined(__ARM_NEON) && defined(__aarch64__)
#define QUENCH_FUSED 1
QUENCH_INLINE native_f32 native_fma(native_f32 a, native_f32 b, native_f32 c) {
  return (native_f32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
QUENCH_INLINE native_f64 native_fma(native_f64 a, native_f64 b, native_f64 c) {
  return (native_f64)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
QUENCH_INLINE native_f32 native_sqrt(native_f32 a) {
  return (native_f32)vsqrtq_f32((float32x4_t)a);
}
#elif !defined(QUENCH_NO_VECTOR_EXTENSIONS)
#if defined(__FP_FAST_FMAF) && defined(__FP_FAST_FMA)
#define QUENCH_FUSED 1
QUENCH_INLINE native_f32 native_fma(native_f32 a, native_f32 b, native_f32 c) {
  QUENCH_UNROLL
  for (int i = 0; i < width; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
}
QUENCH_INLINE native_f64 native_fma(native_f64 a, native_f64 b, native_f64 c) {
  QUENCH_UNROLL
  for (int i = 0; i < width64; ++i) c[i] = __builtin_fma(a[i], b[i], c[i]);
  return c;
}
#else
// No fused multiply-add in the instruction set: the numeric class "muladd", two roundings.
#define QUENCH_FUSED 0
QUENCH_INLINE native_f32 native_fma(native_f32 a, native_f32 b, native_f32 c) {
  return a * b + c;
}
QUENCH_INLINE native_f64 native_fma(native_f64 a, native_f64 b, native_f64 c) {
  return a * b + c;
}
#endif
#if defined(__SSE2__)
QUENCH_INLINE native_f32 native_sqrt(native_f32 a) {
  return (native_f32)_mm_sqrt_ps((__m128)a);
}
#else
QUENCH_INLINE native_f32 native_sqrt(native_f32 a) {
  QUENCH_UNROLL
  for (int i = 0; i < width; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
}
#endif
#else
#if defined(__FP_FAST_FMAF) && defined(__FP_FAST_FMA)
#define QUENCH_FUSED 1
QUENCH_INLINE float native_fma(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
QUENCH_INLINE double native_fma(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}
#else
#define QUENCH_FUSED 0
QUENCH_INLINE float native_fma(float a, float b, float c) {
  return a * b + c;
}
QUENCH_INLINE double native_fma(double a, double b, double c) {
  return a * b + c;
}
#endif
QUENCH_INLINE float native_sqrt(float a) {
  return __builtin_sqrtf(a);
}
#endif

// --- memory
// -----------------------------------------------------------------------------------------------------------

#if defined(QUENCH_NO_VECTOR_EXTENSIONS)
using unaligned_f32 = float;
using unaligned_i32 = int32_t;
#else
// As the compiler may not assume more than the alignment of a float, nor that nothing else aliases the memory.
typedef float unaligned_f32 __attribute__((vector_size(4 * width), aligned(4), may_alias));
typedef int32_t unaligned_i32 __attribute__((vector_size(4 * width), aligned(4), may_alias));
#endif

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
QUENCH_INLINE f32x16 zero() {
  return f32x16{};
}

// --- arithmetic, lane by lane
// -----------------------------------------------------------------------------------------

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
QUENCH_INLINE i32x16 operator+(i32x16 a, i32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] + b.v[i];
  return a;
}
QUENCH_INLINE i32x16 operator-(i32x16 a, i32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] - b.v[i];
  return a;
}
QUENCH_INLINE i32x16 operator&(i32x16 a, i32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] & b.v[i];
  return a;
}
QUENCH_INLINE i32x16 operator|(i32x16 a, i32x16 b) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] | b.v[i];
  return a;
}
template <int Bits>
QUENCH_INLINE i32x16 shift_right(i32x16 a) {  // arithmetic
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] >> Bits;
  return a;
}
template <int Bits>
QUENCH_INLINE i32x16 shift_left(i32x16 a) {
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] << Bits;
  return a;
}

// --- comparison and choice
// ----------------------------------------------------------------------------------------------

QUENCH_INLINE mask16 operator<(f32x16 a, f32x16 b) {
  mask16 m;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) m.v[i] = a.v[i] < b.v[i];
  return m;
}
QUENCH_INLINE mask16 operator>(f32x16 a, f32x16 b) {
  return b < a;
}
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
QUENCH_INLINE f32x16 max(f32x16 a, f32x16 b) {
  return select((b > a) | is_nan(b), b, a);
}
/// x <= 0 ? 0 : x, so that NaN stays NaN.
QUENCH_INLINE f32x16 relu(f32x16 x) {
  return select(x <= zero(), zero(), x);
}

// --- bits and conversions
// ---------------------------------------------------------------------------------------------

QUENCH_INLINE i32x16 bits_of(f32x16 a) {
  i32x16 r;
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) {
#if defined(QUENCH_NO_VECTOR_EXTENSIONS)
    __builtin_memcpy(&r.v[i], &a.v[i], sizeof(int32_t));
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
#if defined(QUENCH_NO_VECTOR_EXTENSIONS)
    __builtin_memcpy(&r.v[i], &a.v[i], sizeof(float));
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
#if defined(QUENCH_NO_VECTOR_EXTENSIONS)
    r.v[i] = (float)a.v[i];
#else
    r.v[i] = __builtin_convertvector(a.v[i], native_f32);
#endif
  }
  return r;
}
/// The same values in double, exactly.
QUENCH_INLINE f64x16 to_double(f32x16 a) {
  f64x16 r;
#if defined(QUENCH_NO_VECTOR_EXTENSIONS)
  for (int i = 0; i < lanes; ++i) r.v[i] = (double)a.v[i];
#else
  typedef float half_f32 __attribute__((vector_size(4 * width64)));
  QUENCH_UNROLL
  for (int i = 0; i < parts; ++i) {
    half_f32 h[2];
    __builtin_memcpy(h, &a.v[i], sizeof h);
    r.v[2 * i] = __builtin_convertvector(h[0], native_f64);
    r.v[2 * i + 1] = __builtin_convertvector(h[1], native_f64);
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
QUENCH_INLINE float tree_sum(f32x16 a) {
  float s[lanes];
  store(s, a);
  return tree(s);
}
QUENCH_INLINE double tree_sum(f64x16 a) {
  double s[lanes];
  __builtin_memcpy(s, &a, sizeof s);
  return tree(s);
}

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

}  // namespace
}  // namespace quench::kernels
