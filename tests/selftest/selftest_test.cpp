// The selftest passes, and does not when the momentum is 1 % off.
#include "selftest/selftest.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using namespace quench::selftest;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double scale = 0.05;
#else
constexpr double scale = 0.1;
#endif

double largest_deviation(double mu_factor) {
  double largest = 0;
  for (const Check& check : quadratic({.scale = scale, .mu_factor = mu_factor}))
    largest = std::max(largest, std::abs(check.deviation()));
  return largest;
}

TEST_CASE("closed forms and relations hold for the shipped optimiser, samplers and averages") {
  const std::vector<Check> checks = selftest({.scale = scale});
  CHECK(checks.size() > 50);
  for (const Check& check : checks) {
    CAPTURE(check.name);
    CAPTURE(check.expected);
    CAPTURE(check.measured);
    CAPTURE(check.sigma);
    CHECK(passes(check));
  }
}

TEST_CASE("a momentum that is 1 % off is found") {
  CHECK(largest_deviation(1.01) > 2 * bound);
  CHECK(largest_deviation(0.99) > 2 * bound);
}

TEST_CASE("what is unknown passes no check") {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(passes({.name = "", .expected = 1, .measured = unknown, .sigma = 1}));
  CHECK_FALSE(passes({.name = "", .expected = 1, .measured = 1, .sigma = unknown}));
  CHECK_FALSE(passes({.name = "", .expected = 1, .measured = 2, .sigma = 0}));
  CHECK(passes({.name = "", .expected = 1, .measured = 1, .sigma = 0}));
}

}  // namespace
