// The machine below f32x16: the widest vector type of the instruction set that this file is compiled for, as the
// compiler's own vector extension makes it (GCC and Clang), and the two operations that need an intrinsic, fused
// multiply-add and square root. Without the extension, or with QUENCH_NO_VECTOR_EXTENSIONS, a "vector" is one
// float: the same kernels, as plain loops over float[16], in standard C++.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error "quench promises the same bits everywhere: build it without -ffast-math"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0
#error "quench needs float arithmetic in float precision (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif

#if !defined(__GNUC__) && !defined(QUENCH_NO_VECTOR_EXTENSIONS)
#define QUENCH_NO_VECTOR_EXTENSIONS
#endif

// Which of the kinds of machine this is; exactly one is 1.
#define QUENCH_PLAIN 0
#define QUENCH_AVX512 0
#define QUENCH_AVX2 0
#define QUENCH_NEON 0
#define QUENCH_GENERIC 0
#if defined(QUENCH_NO_VECTOR_EXTENSIONS)
#undef QUENCH_PLAIN
#define QUENCH_PLAIN 1
#elif defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && defined(__AVX512BW__)
#undef QUENCH_AVX512
#define QUENCH_AVX512 1
#elif defined(__AVX2__) && defined(__FMA__)
#undef QUENCH_AVX2
#define QUENCH_AVX2 1
#elif defined(__ARM_NEON) && defined(__aarch64__)
#undef QUENCH_NEON
#define QUENCH_NEON 1
#else
#undef QUENCH_GENERIC
#define QUENCH_GENERIC 1
#endif

#if QUENCH_AVX512 || QUENCH_AVX2
#include <immintrin.h>
#elif QUENCH_NEON
#include <arm_neon.h>
#endif

// Small constant loops over the parts of a vector or the rows of a tile must vanish, or the arrays live in memory.
// Loops over sixteen floats are better left to the compiler.
#if QUENCH_PLAIN
#define QUENCH_UNROLL
#elif defined(__clang__)
#define QUENCH_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define QUENCH_UNROLL _Pragma("GCC unroll 32")
#else
#define QUENCH_UNROLL
#endif
#if defined(__GNUC__) && !QUENCH_PLAIN
#define QUENCH_INLINE inline __attribute__((always_inline))
#define QUENCH_NOINLINE __attribute__((noinline))
#else
#define QUENCH_INLINE inline
#define QUENCH_NOINLINE
#endif

#if !defined(QUENCH_SPILL_TEST_EXTRA_ROWS)
#define QUENCH_SPILL_TEST_EXTRA_ROWS 0  // the spill test enlarges the tiles to see that it would notice
#endif

// Whether a * b + c is one rounding: the numeric class "fma", else "muladd".
#if QUENCH_AVX512 || QUENCH_AVX2 || QUENCH_NEON || (defined(__FP_FAST_FMAF) && defined(__FP_FAST_FMA))
#define QUENCH_FUSED 1
#else
#define QUENCH_FUSED 0
#endif

namespace quench::kernels {
namespace {

#if QUENCH_PLAIN

constexpr int width = 1;  // lanes of a native vector
using native_f32 = float;
using native_i32 = int32_t;
using native_u32 = uint32_t;
using native_f64 = double;
using native_mask = bool;
using unaligned_f32 = float;
using unaligned_i32 = int32_t;

#else

constexpr int width = QUENCH_AVX512 ? 16 : QUENCH_AVX2 ? 8 : 4;
typedef float native_f32 __attribute__((vector_size(4 * width)));
typedef int32_t native_i32 __attribute__((vector_size(4 * width)));
typedef uint32_t native_u32 __attribute__((vector_size(4 * width)));
typedef double native_f64 __attribute__((vector_size(4 * width)));  // half as many
using native_mask = native_i32;                                     // all ones or all zeros a lane
// In memory the compiler may not assume more than the alignment of a float, nor that nothing else aliases it.
typedef float unaligned_f32 __attribute__((vector_size(4 * width), aligned(4), may_alias));
typedef int32_t unaligned_i32 __attribute__((vector_size(4 * width), aligned(4), may_alias));

#endif

constexpr int width64 = width > 1 ? width / 2 : 1;

// --- fused multiply-add and square root ------------------------------------------------------

#if QUENCH_AVX512

QUENCH_INLINE native_f32 native_fma(native_f32 a, native_f32 b, native_f32 c) { return _mm512_fmadd_ps(a, b, c); }
QUENCH_INLINE native_f64 native_fma(native_f64 a, native_f64 b, native_f64 c) { return _mm512_fmadd_pd(a, b, c); }
// Masked, all lanes set: GCC 12 warns of an uninitialised value inside the plain intrinsic.
QUENCH_INLINE native_f32 native_sqrt(native_f32 a) { return _mm512_maskz_sqrt_ps(0xFFFF, a); }

#elif QUENCH_AVX2

QUENCH_INLINE native_f32 native_fma(native_f32 a, native_f32 b, native_f32 c) { return _mm256_fmadd_ps(a, b, c); }
QUENCH_INLINE native_f64 native_fma(native_f64 a, native_f64 b, native_f64 c) { return _mm256_fmadd_pd(a, b, c); }
QUENCH_INLINE native_f32 native_sqrt(native_f32 a) { return _mm256_sqrt_ps(a); }

#elif QUENCH_NEON

QUENCH_INLINE native_f32 native_fma(native_f32 a, native_f32 b, native_f32 c) {
  return (native_f32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
QUENCH_INLINE native_f64 native_fma(native_f64 a, native_f64 b, native_f64 c) {
  return (native_f64)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
QUENCH_INLINE native_f32 native_sqrt(native_f32 a) { return (native_f32)vsqrtq_f32((float32x4_t)a); }

#else

QUENCH_INLINE float scalar_fma(float a, float b, float c) { return QUENCH_FUSED ? fmaf(a, b, c) : a * b + c; }
QUENCH_INLINE double scalar_fma(double a, double b, double c) { return QUENCH_FUSED ? ::fma(a, b, c) : a * b + c; }

#if QUENCH_PLAIN

QUENCH_INLINE float native_fma(float a, float b, float c) { return scalar_fma(a, b, c); }
QUENCH_INLINE double native_fma(double a, double b, double c) { return scalar_fma(a, b, c); }
QUENCH_INLINE float native_sqrt(float a) { return sqrtf(a); }

#else

template <typename Vector>
QUENCH_INLINE Vector native_fma(Vector a, Vector b, Vector c) {
#if QUENCH_FUSED
  constexpr int count = (int)(sizeof(Vector) / sizeof(a[0]));
  QUENCH_UNROLL
  for (int i = 0; i < count; ++i) c[i] = scalar_fma(a[i], b[i], c[i]);
  return c;
#else
  return a * b + c;
#endif
}
QUENCH_INLINE native_f32 native_sqrt(native_f32 a) {
  QUENCH_UNROLL
  for (int i = 0; i < width; ++i) a[i] = sqrtf(a[i]);
  return a;
}

#endif
#endif

// --- products in some lanes ------------------------------------------------------------------

#if QUENCH_AVX512

using native_lane_mask = __mmask16;
/// Lanes whose a lies in 0 .. n.
QUENCH_INLINE native_lane_mask native_lanes_below(native_i32 a, int32_t n) {
  return _mm512_cmplt_epu32_mask((__m512i)a, _mm512_set1_epi32(n));
}
/// m ? fma(a, b, c) : c
QUENCH_INLINE native_f32 native_fma_where(native_lane_mask m, native_f32 a, native_f32 b, native_f32 c) {
  return (native_f32)_mm512_mask3_fmadd_ps((__m512)a, (__m512)b, (__m512)c, m);
}

#else

using native_lane_mask = native_mask;
QUENCH_INLINE native_lane_mask native_lanes_below(native_i32 a, int32_t n) { return (a >= 0) & (a < n); }
QUENCH_INLINE native_f32 native_fma_where(native_lane_mask m, native_f32 a, native_f32 b, native_f32 c) {
  return m ? native_fma(a, b, c) : c;
}

#endif

/// A value that several products use, loaded once: g++ would rather give each product the address.
QUENCH_INLINE void keep_in_register(native_f32& a) {
#if (QUENCH_AVX512 || QUENCH_AVX2) && defined(__GNUC__) && !defined(__clang__)
  __asm__("" : "+v"(a));
#else
  (void)a;
#endif
}

/// Between steps of an unrolled loop: g++ for AArch64 would load what all of them need at once, and has no
/// registers for that.
QUENCH_INLINE void one_step_at_a_time() {
#if QUENCH_NEON && !defined(__clang__)
  __asm__ volatile("" : : : "memory");
#endif
}

}  // namespace
}  // namespace quench::kernels
