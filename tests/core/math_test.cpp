#include "core/math.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/random.h"

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// |value - exact| in units of the last place of the double nearest to `exact`.
double ulps(double value, long double exact) {
  const double magnitude = std::fabs(static_cast<double>(exact));
  const double ulp = std::max(std::nextafter(magnitude, infinity) - magnitude, 0x1p-1074);
  return static_cast<double>(std::fabs(static_cast<long double>(value) - exact) / ulp);
}

double uniform(quench::Random& random, double lo, double hi) {
  const double high = random.next(), low = random.next();
  return lo + (hi - lo) * ((high + low * 0x1p-32) * 0x1p-32);
}

TEST_CASE("exponential is within 2 ulp from the smallest subnormal result to the largest finite one") {
  quench::Random random(1, quench::Stream::weights);
  double worst = 0;
  for (int i = 0; i < 100000; ++i) {
    const double x = i % 2 == 0 ? uniform(random, -745.13, 709.78) : uniform(random, -2, 2);
    worst = std::max(worst, ulps(quench::exponential(x), std::exp(static_cast<long double>(x))));
  }
  CHECK(worst < 2);
}

TEST_CASE("exponential has C's special values") {
  CHECK(quench::exponential(0.0) == 1);
  CHECK(quench::exponential(-0.0) == 1);
  CHECK(quench::exponential(infinity) == infinity);
  CHECK(quench::exponential(-infinity) == 0);
  CHECK(quench::exponential(709.783) == infinity);
  CHECK(quench::exponential(1e300) == infinity);
  CHECK(quench::exponential(-745.2) == 0);
  CHECK(quench::exponential(-1e300) == 0);
  CHECK(quench::exponential(-745.13) == 0x1p-1074);
  CHECK(std::isnan(quench::exponential(not_a_number)));
}

TEST_CASE("logarithm is within 2 ulp for every magnitude and close to 1") {
  quench::Random random(2, quench::Stream::weights);
  double worst = 0;
  for (int i = 0; i < 100000; ++i) {
    const int exponent = static_cast<int>(random.below(2098)) - 1074;  // subnormal numbers too
    const double x = i % 2 == 0 ? std::ldexp(uniform(random, 1, 2), exponent) : uniform(random, 0.5, 2);
    worst = std::max(worst, ulps(quench::logarithm(x), std::log(static_cast<long double>(x))));
  }
  CHECK(worst < 2);
}

TEST_CASE("logarithm has C's special values") {
  CHECK(quench::logarithm(1) == 0);
  CHECK(quench::logarithm(0.0) == -infinity);
  CHECK(quench::logarithm(-0.0) == -infinity);
  CHECK(quench::logarithm(infinity) == infinity);
  CHECK(std::isnan(quench::logarithm(-1)));
  CHECK(std::isnan(quench::logarithm(-infinity)));
  CHECK(std::isnan(quench::logarithm(not_a_number)));
}

TEST_CASE("sine and cosine are within 2^-52 of the exact value up to 2^20") {
  quench::Random random(3, quench::Stream::weights);
  double worst_sine = 0, worst_cosine = 0;
  for (int i = 0; i < 100000; ++i) {
    const double reach = i % 2 == 0 ? 0x1p20 : 8;
    const double x = uniform(random, -reach, reach);
    const long double wide = x;
    worst_sine = std::max(worst_sine, std::fabs(static_cast<double>(quench::sine(x) - std::sin(wide))));
    worst_cosine = std::max(worst_cosine, std::fabs(static_cast<double>(quench::cosine(x) - std::cos(wide))));
  }
  CHECK(worst_sine < 0x1p-52);
  CHECK(worst_cosine < 0x1p-52);
}

TEST_CASE("sine and cosine have exact zeros and ones, and NaN beyond their range") {
  CHECK(quench::sine(0.0) == 0);
  CHECK(std::signbit(quench::sine(-0.0)));
  CHECK(quench::sine(1e-300) == 1e-300);
  CHECK(quench::cosine(0.0) == 1);
  CHECK(std::isfinite(quench::sine(0x1p20)));
  CHECK(std::isfinite(quench::cosine(-0x1p20)));
  for (const double x : {0x1.1p20, -1e18, infinity, not_a_number}) {
    CHECK(std::isnan(quench::sine(x)));
    CHECK(std::isnan(quench::cosine(x)));
  }
}

TEST_CASE("power is exact for small integers and accurate for long products") {
  CHECK(quench::power(2, 10) == 1024);
  CHECK(quench::power(-3, 3) == -27);
  CHECK(quench::power(2, -3) == 0.125);
  CHECK(quench::power(0, 0) == 1);
  CHECK(quench::power(not_a_number, 0) == 1);
  CHECK(quench::power(0, 5) == 0);
  CHECK(quench::power(0, -1) == infinity);
  CHECK(quench::power(0.5, std::numeric_limits<std::int64_t>::max()) == 0);
  CHECK(quench::power(0.5, std::numeric_limits<std::int64_t>::min()) == infinity);
  const long double exact = std::pow(0.999L, 60000.0L);  // with 0.999 rounded to double on the next line
  const long double drift = 1 + 60000 * (static_cast<long double>(0.999) - 0.999L) / 0.999L;
  CHECK(std::fabs(static_cast<double>(quench::power(0.999, 60000) / (exact * drift) - 1)) < 60000 * 0x1p-53);
}

}  // namespace
