#include "core/student.h"

#include <doctest/doctest.h>

#include <cmath>

TEST_CASE("quantiles of Student's t are those of the tables") {
  const auto near = [](double found, double tabled, double error) { return std::abs(found - tabled) < error; };
  constexpr double z_90 = 1.2815515655446004, z_975 = 1.959963984540054;
  CHECK(near(quench::student_quantile(z_90, 5), 1.475884, 1e-4));
  CHECK(near(quench::student_quantile(z_90, 10), 1.372184, 1e-5));
  CHECK(near(quench::student_quantile(z_90, 30), 1.310415, 1e-6));
  CHECK(near(quench::student_quantile(z_975, 5), 2.570582, 1e-3));
  CHECK(near(quench::student_quantile(z_975, 10), 2.228139, 1e-4));
  CHECK(near(quench::student_quantile(z_975, 100), 1.983972, 1e-6));
  CHECK(near(quench::student_quantile(z_975, 1e12), z_975, 1e-11));
}
