#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/oracle.h"
#include "kernels/update_sums.h"

using namespace quench;
using kernels::AdamStep;
using kernels::Table;
using kernels::UpdateSums;
using oracle::Buffer;
using oracle::Doubles;
using oracle::FloatRuns;

namespace {

bool same(const Buffer& a, const Buffer& b) { return oracle::first_difference(a.data(), b.data(), a.size()) == -1; }

/// Second moments: no number below 0, now and then a 0.
Buffer squares(oracle::Source& source, std::int64_t n) {
  Buffer b = source.buffer(n);
  for (std::int64_t i = 0; i < n; ++i) b[i] = b[i] * b[i];
  return b;
}

float without_dust(float x) { return x < kernels::adam_dust && x > -kernels::adam_dust ? 0.0F : x; }

}  // namespace

TEST_CASE(
    "what an update of Adam leaves that is smaller than 2^-50 becomes 0, in both signs, and nothing larger does") {
  oracle::for_each_table([](const Table& t) {
    for (const float value : {0x1p-50F, 0x0.8p-50F, 1e-30F, 1e-45F}) {
      for (const float sign : {1.0F, -1.0F}) {
        Buffer theta(16), m(16), v(16);
        const Buffer g(16);
        theta[3] = m[5] = sign * value;
        const AdamStep step{.rate = 0.0F,
                            .scale = 1.0F,
                            .epsilon = 1.0F,
                            .beta1 = 1.0F,
                            .one_minus_beta1 = 0.0F,
                            .beta2 = 1.0F,
                            .one_minus_beta2 = 0.0F,
                            .weight_decay = 0.0F};
        t.adam({1, 16, theta.data(), m.data(), v.data(), nullptr, 16, g.data(), 16}, step);
        const float expected = value == 0x1p-50F ? sign * value : 0.0F;
        CHECK(theta[3] == expected);
        CHECK(m[5] == expected);
      }
    }
  });
}

TEST_CASE(
    "the update of a piece by Adam equals the formulas, its sums too, and nothing beside the piece is touched") {
  oracle::for_each_table([](const Table& t) {
    oracle::Source source(37);
    for (int trial = 0; trial < 80; ++trial) {
      const std::int64_t rows = source.below(12) + 1;
      const std::int64_t columns = trial == 0 ? 128 : trial == 1 ? 256 : source.below(150) + 1;
      const std::int64_t row = columns + source.below(20), g_row = columns + source.below(20);
      const bool amsgrad = trial % 2 == 1;
      const AdamStep step{.rate = trial % 5 == 0 ? 0.0F : 0.01F,
                          .scale = trial % 7 == 0 ? 1.0F : 3.1622777F,
                          .epsilon = trial % 4 == 0 ? 0.1F : 1e-8F,
                          .beta1 = trial % 6 == 0 ? 0.0F : 0.9F,
                          .one_minus_beta1 = trial % 6 == 0 ? 1.0F : 0.1F,
                          .beta2 = 0.99F,
                          .one_minus_beta2 = 0.01F,
                          .weight_decay = trial % 3 == 0 ? 0.0F : 0.01F};
      Buffer theta = source.buffer(rows * row), m = source.buffer(rows * row), v = squares(source, rows * row),
             w = squares(source, rows * row);
      const Buffer g = source.buffer(rows * g_row);
      Buffer new_theta = theta, new_m = m, new_v = v, new_w = w;
      FloatRuns theta_g, g_g, theta_theta;
      Doubles theta_d, d_d;
      for (std::int64_t r = 0; r < rows; ++r) {
        for (FloatRuns* runs : {&theta_g, &g_g, &theta_theta}) runs->begin_row(columns);
        for (std::int64_t c = 0; c < columns; ++c) {
          const std::int64_t i = r * row + c;
          const float gradient = without_dust(oracle::fma(step.weight_decay, theta[i], g[r * g_row + c]));
          const float share = step.one_minus_beta1 * gradient, square = gradient * gradient;
          new_m[i] = without_dust(oracle::fma(step.beta1, m[i], share));
          new_v[i] = oracle::fma(step.beta2, v[i], step.one_minus_beta2 * square);
          if (amsgrad) new_w[i] = std::max(w[i], new_v[i]);
          const float root = std::sqrt(amsgrad ? new_w[i] : new_v[i]);
          const float ratio = new_m[i] / oracle::fma(root, step.scale, step.epsilon);
          new_theta[i] = without_dust(oracle::fma(-step.rate, ratio, theta[i]));
          theta_g.add(c, theta[i], gradient);
          g_g.add(c, gradient, gradient);
          theta_theta.add(c, theta[i], theta[i]);
          const auto from = static_cast<double>(theta[i]), d = static_cast<double>(new_theta[i]) - from;
          theta_d.add_fused(c, from, d);
          d_d.add_fused(c, d, d);
        }
      }
      const UpdateSums sums = t.adam({.rows = rows,
                                      .columns = columns,
                                      .theta = theta.data(),
                                      .m = m.data(),
                                      .v = v.data(),
                                      .w = amsgrad ? w.data() : nullptr,
                                      .row = row,
                                      .g = g.data(),
                                      .g_row = g_row},
                                     step);
      INFO(std::string(t.name) << " rows " << rows << " columns " << columns << " trial " << trial);
      CHECK(same(theta, new_theta));
      CHECK(same(m, new_m));
      CHECK(same(v, new_v));
      CHECK(same(w, new_w));
      CHECK(oracle::same(sums.theta_g, theta_g.total()));
      CHECK(oracle::same(sums.g_g, g_g.total()));
      CHECK(oracle::same(sums.theta_theta, theta_theta.total()));
      CHECK(oracle::same(sums.theta_d, theta_d.total()));
      CHECK(oracle::same(sums.d_d, d_d.total()));
      CHECK((sums.v_v == 0.0 && sums.v_g == 0.0 && sums.theta_v == 0.0));
    }
  });
}

TEST_CASE("Adam divides and takes roots of numbers of any size with one rounding") {
  oracle::for_each_table([](const Table& t) {
    oracle::Source source(41);
    constexpr std::int64_t n = 256;
    for (int trial = 0; trial < 100; ++trial) {
      // Nothing is added to theta or to what is under the root, so that all bits of root and quotient show.
      Buffer theta(n), m = source.buffer(n), v = squares(source, n);
      for (std::int64_t i = 0; i < n; ++i) {
        m[i] = std::ldexp(m[i], static_cast<int>(source.below(200)) - 140);
        v[i] = std::ldexp(v[i], static_cast<int>(source.below(240)) - 139);  // some of them subnormal
      }
      const Buffer g(n), old_m = m, old_v = v;
      const AdamStep step{.rate = 1.0F,
                          .scale = 1.0F,
                          .epsilon = 1e-40F,
                          .beta1 = 1.0F,
                          .one_minus_beta1 = 0.0F,
                          .beta2 = 1.0F,
                          .one_minus_beta2 = 0.0F,
                          .weight_decay = 0.0F};
      t.adam({1, n, theta.data(), m.data(), v.data(), nullptr, n, g.data(), n}, step);
      std::int64_t wrong = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        const float quotient = without_dust(old_m[i]) / (std::sqrt(old_v[i]) + 1e-40F);
        wrong += !oracle::same(theta[i], without_dust(0.0F - quotient));
      }
      INFO(std::string(t.name));
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("a gradient that is not a number reaches the parameter through Adam and AMSGrad") {
  oracle::for_each_table([](const Table& t) {
    for (const bool amsgrad : {false, true}) {
      Buffer theta(16, 1.0F), m(16), v(16), w(16), g(16, 1.0F);
      g[5] = std::numeric_limits<float>::quiet_NaN();
      t.adam({1, 16, theta.data(), m.data(), v.data(), amsgrad ? w.data() : nullptr, 16, g.data(), 16},
             {.rate = 0.1F,
              .scale = 1.0F,
              .epsilon = 1e-8F,
              .beta1 = 0.9F,
              .one_minus_beta1 = 0.1F,
              .beta2 = 0.99F,
              .one_minus_beta2 = 0.01F,
              .weight_decay = 0.0F});
      for (std::int64_t i = 0; i < 16; ++i) CHECK(std::isnan(theta[i]) == (i == 5));
    }
  });
}
