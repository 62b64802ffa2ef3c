#include <doctest/doctest.h>

#include "kernels/oracle.h"
#include "kernels/update_sums.h"

using namespace quench;
using kernels::SgdStep;
using kernels::Table;
using kernels::UpdateSums;
using oracle::Buffer;
using oracle::Doubles;
using oracle::FloatRuns;

namespace {

bool same(const UpdateSums& a, const UpdateSums& b) {
  return oracle::same(a.theta_g, b.theta_g) && oracle::same(a.g_g, b.g_g) && oracle::same(a.v_v, b.v_v) &&
         oracle::same(a.v_g, b.v_g) && oracle::same(a.theta_v, b.theta_v) &&
         oracle::same(a.theta_theta, b.theta_theta);
}

}  // namespace

TEST_CASE("the update of a piece and its sums equal the formulas, and nothing beside the piece is touched") {
  oracle::for_each_table([](const Table& t) {
    oracle::Source source(23);
    for (int trial = 0; trial < 80; ++trial) {
      const std::int64_t rows = source.below(12) + 1;
      const std::int64_t columns = trial == 0 ? 128 : trial == 1 ? 256 : source.below(150) + 1;
      const std::int64_t row = columns + source.below(20), g_row = columns + source.below(20);
      const SgdStep step{0.1F, trial % 3 == 0 ? 0.0F : 0.9F, trial % 2 ? 0.25F : 1.0F, 0.01F};
      Buffer theta = source.buffer(rows * row), v = source.buffer(rows * row), plain_theta = theta;
      const Buffer g = source.buffer(rows * g_row), old_theta = theta, old_v = v;
      FloatRuns theta_g, g_g, theta_theta;
      Doubles v_v, v_g, theta_v, drift;
      Buffer expected_theta = theta, expected_v = v, expected_plain = theta;
      for (std::int64_t r = 0; r < rows; ++r) {
        for (FloatRuns* runs : {&theta_g, &g_g, &theta_theta}) runs->begin_row(columns);
        for (std::int64_t c = 0; c < columns; ++c) {
          const std::int64_t i = r * row + c;
          const float gradient = oracle::fma(step.weight_decay, old_theta[i], g[r * g_row + c]);
          const float a_g = step.one_minus_dampening * gradient;
          expected_v[i] = oracle::fma(step.momentum, old_v[i], -a_g);
          expected_theta[i] = oracle::fma(step.lr, expected_v[i], old_theta[i]);
          expected_plain[i] = oracle::fma(step.lr, -a_g, old_theta[i]);
          theta_g.add(c, old_theta[i], gradient);
          g_g.add(c, gradient, gradient);
          theta_theta.add(c, old_theta[i], old_theta[i]);
          v_v.add(c, old_v[i], old_v[i]);
          v_g.add(c, old_v[i], gradient);
          theta_v.add(c, old_theta[i], old_v[i]);
          drift.add_growth(c, old_theta[i], expected_theta[i]);
        }
      }
      kernels::UpdatePiece piece{rows, columns, theta.data(), v.data(), row, g.data(), g_row};
      const UpdateSums sums = t.sgd(piece, step);
      CHECK(oracle::same(t.growth(rows, columns, old_theta.data(), row, theta.data(), row), drift.total()));
      INFO(std::string(t.name) << " rows " << rows << " columns " << columns);
      CHECK(oracle::first_difference(theta.data(), expected_theta.data(), theta.size()) == -1);
      CHECK(oracle::first_difference(v.data(), expected_v.data(), v.size()) == -1);
      const UpdateSums expected{theta_g.total(), g_g.total(),     v_v.total(),
                                v_g.total(),     theta_v.total(), theta_theta.total()};
      CHECK(same(sums, expected));

      piece.theta = plain_theta.data();
      piece.v = nullptr;
      const UpdateSums plain = t.sgd(piece, step);
      CHECK(oracle::first_difference(plain_theta.data(), expected_plain.data(), theta.size()) == -1);
      CHECK(same(plain, {expected.theta_g, expected.g_g, 0.0, 0.0, 0.0, expected.theta_theta}));
    }
  });
}

TEST_CASE("the plain pass measures |theta|^2, theta.v, |v|^2 and the fourth powers in double") {
  oracle::for_each_table([](const Table& t) {
    oracle::Source source(29);
    for (std::int64_t n = 16; n < 1000; n += 16 * (source.below(5) + 1)) {
      const Buffer theta = source.buffer(n), v = source.buffer(n);
      double tt[16] = {}, tv[16] = {}, vv[16] = {}, t4[16] = {}, v4[16] = {};
      for (std::int64_t i = 0; i < n; ++i) {
        const double a = static_cast<double>(theta[i]), b = static_cast<double>(v[i]);
        tt[i % 16] += a * a;  // exact products
        tv[i % 16] += a * b;
        vv[i % 16] += b * b;
        t4[i % 16] += a * a * (a * a);
        v4[i % 16] += b * b * (b * b);
      }
      const kernels::NormSums both = t.norms(n, theta.data(), v.data());
      CHECK(oracle::same(both.theta_theta, oracle::tree(tt)));
      CHECK(oracle::same(both.theta_v, oracle::tree(tv)));
      CHECK(oracle::same(both.v_v, oracle::tree(vv)));
      CHECK(oracle::same(both.theta_4, oracle::tree(t4)));
      CHECK(oracle::same(both.v_4, oracle::tree(v4)));
      const kernels::NormSums plain = t.norms(n, theta.data(), nullptr);
      CHECK(oracle::same(plain.theta_theta, oracle::tree(tt)));
      CHECK(oracle::same(plain.theta_4, oracle::tree(t4)));
      CHECK((plain.theta_v == 0.0 && plain.v_v == 0.0 && plain.v_4 == 0.0));
    }
  });
}
