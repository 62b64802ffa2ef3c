// exp and log of sixteen floats: argument reduction and a polynomial, the same bits on every machine of a class.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

// ln 2 in two parts; the first has 9 trailing zero bits, so that its product with an exponent is exact.
constexpr float ln2_high = 0.693145751953125F;
constexpr float ln2_low = 1.428606765330187e-06F;

QUENCH_INLINE f32x16 infinity() { return float_of_bits(splat((int32_t)0x7F800000)); }
QUENCH_INLINE f32x16 not_a_number() { return float_of_bits(splat((int32_t)0x7FC00000)); }

/// exp(x) = 2^n exp(r) with n = round(x / ln 2), |r| <= ln 2 / 2, exp(r) = 1 + r + r^2 q(r). q interpolates at
/// Chebyshev points: error 8e-9. Below -87.33654 (results under the smallest normal number) 0.
QUENCH_INLINE f32x16 exp(f32x16 x) {
  const f32x16 highest = splat(88.722839F), lowest = splat(-87.33654F);
  const f32x16 clamped = select(x > highest, highest, select(x < lowest, lowest, x));  // a NaN passes
  // Adding 1.5 x 2^23 rounds to an integer, which then stands in the low bits.
  const f32x16 rounder = splat(12582912.0F);
  const f32x16 shifted = fma(clamped, splat(1.4426950216293335F), rounder);
  const f32x16 n = shifted - rounder;
  const f32x16 r = fma(n, splat(-ln2_low), fma(n, splat(-ln2_high), clamped));
  f32x16 q = fma(splat(0.0013926213141530752F), r, splat(0.008363203145563602F));
  q = fma(q, r, splat(0.041666556149721146F));
  q = fma(q, r, splat(0.16666576266288757F));
  q = fma(q, r, splat(0.5F));
  const f32x16 y = splat(1.0F) + fma(q, r * r, r);
  // 2^n as 2^half x 2^(n - half): n reaches 128, which one exponent field does not hold.
  const i32x16 exponent = bits_of(shifted) - splat((int32_t)0x4B400000);
  const i32x16 half = shift_right<1>(exponent);
  const f32x16 first = float_of_bits(shift_left<23>(half + splat((int32_t)127)));
  const f32x16 second = float_of_bits(shift_left<23>(exponent - half + splat((int32_t)127)));
  const f32x16 result = y * first * second;
  return select(x > highest, infinity(), select(x < lowest, zero(), result));
}

/// log(x) = e ln 2 + log(1 + f) with x = 2^e (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); with s = f / (2 + f) and
/// R = s^2 (2/3 + 2/5 s^2 + ...), log(1 + f) = f - (f^2/2 - s (f^2/2 + R)). R interpolates: error 1e-9.
QUENCH_INLINE f32x16 log(f32x16 x) {
  // Subnormal numbers are scaled up first.
  const mask16 tiny = x < splat(1.17549435e-38F);
  const f32x16 scaled = select(tiny, x * splat(8388608.0F), x);
  const i32x16 bits = bits_of(scaled);
  // Subtracting the bits of sqrt(1/2) makes the exponent field that of x / sqrt(1/2), so that 1 + f is centred.
  const i32x16 shifted = bits - splat((int32_t)0x3F3504F3);
  const i32x16 e = shift_right<23>(shifted);
  const f32x16 m = float_of_bits((shifted & splat((int32_t)0x007FFFFF)) + splat((int32_t)0x3F3504F3));
  const f32x16 exponent = to_float(select(tiny, e - splat((int32_t)23), e));
  const f32x16 f = m - splat(1.0F);
  const f32x16 s = f / (splat(2.0F) + f);
  const f32x16 z = s * s;
  f32x16 r = fma(splat(0.2958202362060547F), z, splat(0.399887353181839F));
  r = z * fma(r, z, splat(0.6666668653488159F));
  const f32x16 half_square = splat(0.5F) * f * f;
  const f32x16 tail = half_square - fma(s, half_square + r, exponent * splat(ln2_low));
  const f32x16 result = fma(exponent, splat(ln2_high), f - tail);
  // 0 -> -inf, negative -> NaN, +inf and NaN stay.
  const f32x16 special = select(x < zero(), not_a_number(), select(x <= zero(), -infinity(), x));
  return select((x <= zero()) | is_nan(x) | (infinity() <= x), special, result);
}

void exp_array(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += lanes) store(y + i, exp(load(x + i)));
}

void log_array(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += lanes) store(y + i, log(load(x + i)));
}

}  // namespace
}  // namespace quench::kernels
