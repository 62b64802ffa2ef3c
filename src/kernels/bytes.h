// Sixteen bytes, one per lane, and the integers that they are.
#pragma once

#include "kernels/simd.h"

namespace quench::kernels {
namespace {

#if !QUENCH_PLAIN

typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef uint8_t unaligned_u8x16 __attribute__((vector_size(16), aligned(1), may_alias));

QUENCH_INLINE u8x16 load_bytes(const uint8_t* p) { return *(const unaligned_u8x16*)p; }
QUENCH_INLINE void store_bytes(uint8_t* p, u8x16 x) { *(unaligned_u8x16*)p = x; }

// Both conversions are spelled out: what GCC makes of one in its own words goes through single elements.

QUENCH_INLINE i32x16 to_int(u8x16 x) {
  i32x16 wide;
#if QUENCH_AVX512
  // The masked form, all lanes set: GCC 12 warns of an uninitialised value inside the plain one.
  wide.v[0] = (native_i32)_mm512_maskz_cvtepu8_epi32(0xFFFF, (__m128i)x);
#elif QUENCH_AVX2
  wide.v[0] = (native_i32)_mm256_cvtepu8_epi32((__m128i)x);
  wide.v[1] = (native_i32)_mm256_cvtepu8_epi32(_mm_srli_si128((__m128i)x, 8));
#else
  constexpr bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  typedef uint16_t u16x8 __attribute__((vector_size(16)));
  const u8x16 none{};
  const u8x16 first = little ? x : none, second = little ? none : x;
  const u16x8 pairs[2] = {
      (u16x8)__builtin_shufflevector(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
      (u16x8)__builtin_shufflevector(first, second, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)};
  QUENCH_UNROLL
  for (int i = 0; i < 2; ++i) {
    const u16x8 low = little ? pairs[i] : u16x8{}, high = little ? u16x8{} : pairs[i];
    wide.v[2 * i] = (native_i32)__builtin_shufflevector(low, high, 0, 8, 1, 9, 2, 10, 3, 11);
    wide.v[2 * i + 1] = (native_i32)__builtin_shufflevector(low, high, 4, 12, 5, 13, 6, 14, 7, 15);
  }
#endif
  return wide;
}

/// Of integers in 0 .. 255.
QUENCH_INLINE u8x16 to_bytes(i32x16 x) {
#if QUENCH_AVX512
  return (u8x16)_mm512_maskz_cvtepi32_epi8(0xFFFF, (__m512i)x.v[0]);
#elif QUENCH_AVX2
  const __m256i quarters = _mm256_packus_epi32((__m256i)x.v[0], (__m256i)x.v[1]);  // 0, 2, 1, 3
  const __m256i pairs = _mm256_permute4x64_epi64(quarters, 0xD8);
  return (u8x16)_mm_packus_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
#else
  constexpr int low = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 1;  // half of an integer
  typedef uint16_t u16x8 __attribute__((vector_size(16)));
  u16x8 pairs[2];
  QUENCH_UNROLL
  for (int i = 0; i < 2; ++i) {
    pairs[i] = __builtin_shufflevector((u16x8)x.v[2 * i], (u16x8)x.v[2 * i + 1], low, low + 2, low + 4, low + 6,
                                       low + 8, low + 10, low + 12, low + 14);
  }
  return __builtin_shufflevector((u8x16)pairs[0], (u8x16)pairs[1], low, low + 2, low + 4, low + 6, low + 8,
                                 low + 10, low + 12, low + 14, low + 16, low + 18, low + 20, low + 22, low + 24,
                                 low + 26, low + 28, low + 30);
#endif
}

#else

struct u8x16 {
  uint8_t v[lanes];
};

QUENCH_INLINE u8x16 load_bytes(const uint8_t* p) {
  u8x16 r;
  for (int i = 0; i < lanes; ++i) r.v[i] = p[i];
  return r;
}
QUENCH_INLINE void store_bytes(uint8_t* p, u8x16 x) {
  for (int i = 0; i < lanes; ++i) p[i] = x.v[i];
}

QUENCH_INLINE i32x16 to_int(u8x16 x) {
  i32x16 r;
  for (int i = 0; i < lanes; ++i) r.v[i] = x.v[i];
  return r;
}

/// Of integers in 0 .. 255.
QUENCH_INLINE u8x16 to_bytes(i32x16 x) {
  u8x16 r;
  for (int i = 0; i < lanes; ++i) r.v[i] = (uint8_t)x.v[i];
  return r;
}

#endif

}  // namespace
}  // namespace quench::kernels
