#include "core/math.h"

#include <bit>
#include <cmath>
#include <limits>

namespace quench {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// ln 2 in two parts: the first has 32 significant bits, so that its product with an exponent is exact.
constexpr double ln2_high = 0x1.62e42feep-1;
constexpr double ln2_low = 0x1.a39ef35793c76p-33;

/// 2^n for -1022 <= n <= 1023.
double power_of_two(std::int64_t n) { return std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52); }

/// A quarter turn count and what remains of an angle, |rest| <= pi / 4 (and a little).
struct Reduced {
  std::int64_t quarter;
  double rest;
};

Reduced reduce(double x) {
  constexpr double two_over_pi = 0x1.45f306dc9c883p-1;
  // pi / 2 in three parts; the first two have 33 significant bits, so that a count below 2^20 times one is exact.
  constexpr double high = 0x1.921fb544p+0, middle = 0x1.0b4611a6p-34, low = 0x1.3198a2e037073p-69;
  const double count = std::floor(x * two_over_pi + 0.5);
  return {static_cast<std::int64_t>(count), ((x - count * high) - count * middle) - count * low};
}

// Taylor's series on |x| <= pi / 4: the first terms left out are below 2^-59.
double sine_series(double x) {
  const double z = x * x;
  double sum = 1.0 / 355687428096000.0;  // 1 / 17!
  sum = sum * z - 1.0 / 1307674368000.0;
  sum = sum * z + 1.0 / 6227020800.0;
  sum = sum * z - 1.0 / 39916800.0;
  sum = sum * z + 1.0 / 362880.0;
  sum = sum * z - 1.0 / 5040.0;
  sum = sum * z + 1.0 / 120.0;
  sum = sum * z - 1.0 / 6.0;
  return x + x * (z * sum);
}

double cosine_series(double x) {
  const double z = x * x;
  double sum = 1.0 / 20922789888000.0;  // 1 / 16!
  sum = sum * z - 1.0 / 87178291200.0;
  sum = sum * z + 1.0 / 479001600.0;
  sum = sum * z - 1.0 / 3628800.0;
  sum = sum * z + 1.0 / 40320.0;
  sum = sum * z - 1.0 / 720.0;
  sum = sum * z + 1.0 / 24.0;
  return 1 - (0.5 * z - z * z * sum);
}

double quarter_wave(std::int64_t quarter, double rest) {
  const double magnitude = (quarter & 1) == 0 ? sine_series(rest) : cosine_series(rest);
  return (quarter & 2) == 0 ? magnitude : -magnitude;
}

bool in_trigonometric_range(double x) { return std::fabs(x) <= 0x1p20; }  // false for NaN

}  // namespace

double exponential(double x) {
  if (x != x) return x;
  if (x > 709.79) return infinity;
  if (x < -745.14) return 0;
  constexpr double log2_e = 0x1.71547652b82fep+0;
  const double exponent = std::floor(x * log2_e + 0.5);
  const double r = (x - exponent * ln2_high) - exponent * ln2_low;  // |r| <= ln 2 / 2
  // Taylor's series; the first term left out, r^14 / 14!, is below 2^-57.
  double sum = 1.0 / 6227020800.0;
  sum = sum * r + 1.0 / 479001600.0;
  sum = sum * r + 1.0 / 39916800.0;
  sum = sum * r + 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  const double value = 1 + (r + r * r * (0.5 + r * sum));
  // In two factors: 2^1024 and the subnormal powers are out of power_of_two's range, their halves are not.
  const std::int64_t n = static_cast<std::int64_t>(exponent);
  const std::int64_t half = n / 2;
  return value * power_of_two(n - half) * power_of_two(half);
}

double logarithm(double x) {
  if (x != x || x == infinity) return x;
  if (x < 0) return not_a_number;
  if (x == 0) return -infinity;
  std::int64_t exponent = 0;
  if (x < 0x1p-1022) {  // subnormal: bring it into the normal range first
    x *= 0x1p54;
    exponent = -54;
  }
  // x = 2^exponent (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)): the bits of sqrt(1/2) become the lower end of a
  // binade.
  constexpr std::uint64_t sqrt_half = 0x3FE6A09E667F3BCDU, one = 0x3FF0000000000000U, fraction = (1ULL << 52) - 1;
  const std::uint64_t shifted = std::bit_cast<std::uint64_t>(x) + (one - sqrt_half);
  exponent += static_cast<std::int64_t>(shifted >> 52) - 1023;
  const double f = std::bit_cast<double>((shifted & fraction) + sqrt_half) - 1;

  // ln(1 + f) = 2 artanh(s) with s = f / (2 + f), and 2 s = f - h + s h with h = f^2 / 2: this form keeps f, the
  // largest part, exact. tail = 2 artanh(s) / s - 2; the first term left out is below 2^-60.
  const double s = f / (2 + f), z = s * s, h = 0.5 * f * f;
  double tail = 2.0 / 23.0;
  tail = tail * z + 2.0 / 21.0;
  tail = tail * z + 2.0 / 19.0;
  tail = tail * z + 2.0 / 17.0;
  tail = tail * z + 2.0 / 15.0;
  tail = tail * z + 2.0 / 13.0;
  tail = tail * z + 2.0 / 11.0;
  tail = tail * z + 2.0 / 9.0;
  tail = tail * z + 2.0 / 7.0;
  tail = tail * z + 2.0 / 5.0;
  tail = tail * z + 2.0 / 3.0;
  tail = tail * z;
  const double n = static_cast<double>(exponent);
  return n * ln2_high - ((h - (s * (h + tail) + n * ln2_low)) - f);
}

double sine(double x) {
  if (!in_trigonometric_range(x)) return not_a_number;
  if (std::fabs(x) < 0x1p-27) return x;  // keeps -0, and nothing is lost: x^3 / 6 is below half an ulp
  const auto [quarter, rest] = reduce(x);
  return quarter_wave(quarter, rest);
}

double cosine(double x) {
  if (!in_trigonometric_range(x)) return not_a_number;
  const auto [quarter, rest] = reduce(x);
  return quarter_wave(quarter + 1, rest);
}

double power(double x, std::int64_t n) {
  std::uint64_t remaining = n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);
  double result = 1;
  for (double square = x; remaining != 0; square *= square) {
    if ((remaining & 1) != 0) result *= square;
    remaining >>= 1;
  }
  return n < 0 ? 1 / result : result;
}

}  // namespace quench
