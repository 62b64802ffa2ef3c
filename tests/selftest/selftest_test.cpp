// The selftest passes, and does not when the momentum is 1 % off.
#include "selftest/selftest.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
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

const Check& named(const std::vector<Check>& checks, const std::string& name) {
  const auto found = std::find_if(checks.begin(), checks.end(), [&](const Check& c) { return c.name == name; });
  CAPTURE(name);
  REQUIRE(found != checks.end());
  return *found;
}

/// Whether the checks with this label expect these values, to five digits: the rules are of floats.
void check_expected(const std::vector<Check>& checks, const std::string& label,
                    const std::vector<std::pair<const char*, double>>& values) {
  for (const auto& value : values) {
    const std::string name = value.first + label;
    CAPTURE(name);
    CHECK(named(checks, name).expected == doctest::Approx(value.second).epsilon(1e-5));
  }
}

/// The rows of the shuffler as parts of what independent draws give, to one unit of the last digit known.
void check_shuffled(const std::vector<Check>& checks) {
  const auto check = [&](const std::string& label, double theta_theta, double at_ends, double o_fb, double unit) {
    CAPTURE(label);
    CHECK(std::abs(named(checks, "<theta^2>" + label).expected - theta_theta) < 1e-3);
    CHECK(std::abs(named(checks, "<theta^2> at epoch ends" + label).expected - at_ends) < 1e-3);
    CHECK(std::abs(named(checks, "O_FB" + label).expected - o_fb) < unit);
  };
  check(", eta h 1e-04, mu 0", 0.020, 0.0003, 0.0003, 1e-4);
  check(", eta h 0.001, mu 0", 0.174, 0.029, 0.029, 1e-3);
  check(", eta h 0.01, mu 0", 0.724, 0.671, 0.671, 1e-3);
  check(", eta h 0.1, mu 0", 0.971, 0.970, 0.970, 1e-3);
  check(", eta h 1e-04, mu 0.9", 0.141, 0.022, -54, 1);
  check(", eta h 0.001, mu 0.9", 0.674, 0.605, -1.11, 1e-2);
  check(", eta h 0.01, mu 0.9", 0.962, 0.962, 0.913, 1e-3);
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
  check_shuffled(checks);
}

TEST_CASE("what the checks expect is what the closed forms were worked out to elsewhere") {
  constexpr SelftestOptions few{.scale = 0.001};
  // h = 2, c = 3, eta = 1/10: exact rationals.
  const std::vector<Check> one = quadratic(few);
  const auto additive = [&](const char* label, double theta_theta, double theta_v, double v_v, double o,
                            double o_fb) {
    check_expected(one, label,
                   {{"<theta^2>", theta_theta},
                    {"<theta v>", theta_v},
                    {"<v^2>", v_v},
                    {"O_L", o},
                    {"O_R", o},
                    {"O_FB", o_fb}});
  };
  additive(", mu 0, nu 0", 1.0 / 12, 1.0 / 6, 10.0 / 3, 1.0 / 6, 1.0 / 3);
  additive(", mu 0.9, nu 0", 19.0 / 24, 5.0 / 6, 50.0 / 3, 19.0 / 12, 5.0 / 3);
  additive(", mu 0.9, nu 0.9", 19.0 / 252, 1.0 / 126, 10.0 / 63, 19.0 / 126, 1.0 / 63);
  additive(", mu 0.5, nu 0.25", 9.0 / 76, 9.0 / 76, 45.0 / 19, 9.0 / 38, 9.0 / 38);
  // h = (1, 3), C = [[2, 1], [1, 1]], eta = 0.2 and 0.1.
  const std::vector<Check> two = correlated(few);
  check_expected(two, ", mu 0, nu 0",
                 {{"<theta_1 theta_1>", 2.0 / 9},
                  {"<theta_1 theta_2>", 1.0 / 17},
                  {"<theta_2 theta_2>", 1.0 / 21},
                  {"O_L", 0.36507936508},
                  {"O_R", 0.36507936508},
                  {"O_FB", 0.65079365079}});
  check_expected(two, ", mu 0.9, nu 0",
                 {{"<theta_1 theta_1>", 1.02702703},
                  {"<theta_1 theta_2>", 0.04387991},
                  {"<theta_2 theta_2>", 0.18095238},
                  {"<v_1 v_1>", 10.81081081},
                  {"<v_1 v_2>", 0.92378753},
                  {"<v_2 v_2>", 5.71428571},
                  {"O_L", 1.5698841698842},
                  {"O_FB", 1.3976833976834}});
  // x = (1, 2, -1, 1/2), y = (1, 3, 0, 1), lambda = 1/10; all mini-batches enumerated.
  const std::vector<Check> four = ridge(few);
  const auto regression = [&](const char* label, double v_v, double theta_theta, double o, double o_fb) {
    check_expected(
        four, label,
        {{"<v^2>", v_v}, {"<theta^2>", theta_theta}, {"O_L", o}, {"O_R", o}, {"f - f_0", o / 2}, {"O_FB", o_fb}});
  };
  regression(", mu 0, nu 0, B 1", 1.0243717920155, 1.3027851090142, 0.0512185896008, 0.0851509052113);
  regression(", mu 0.5, nu 0, B 1", 1.2826452637725, 1.3009087828733, 0.0480991973915, 0.0533099437755);
  regression(", mu 0, nu 0, B 2 iid", 0.4941481671772, 1.2868385338311, 0.0247074083588, 0.0410760663966);
  regression(", mu 0, nu 0, B 2", 0.3256097618999, 1.2817697096122, 0.0162804880950, 0.0270663114579);
  regression(", mu 0.5, nu 0, B 2", 0.4088610030202, 1.2811993634578, 0.0153322876133, 0.0169932854380);
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
