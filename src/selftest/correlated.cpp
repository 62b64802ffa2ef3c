// Two parameters, f = (h_1 theta_1^2 + h_2 theta_2^2) / 2, and gradient noise whose covariance C does not commute
// with the Hessian. With s = h_i + h_j and p = h_i h_j
//     <v_i v_j>         = a^2 C_ij / (1 - mu^2 + (a eta / (1 - mu)) (mu s - (1 + mu)^2 p / s)),
//     <theta_i theta_j> = (1 + mu) eta <v_i v_j> / (a s),
//     <theta_i v_j>     = (eta <v_i v_j> - a h_j <theta_i theta_j>) / (1 - mu),
//     O_L = O_R = sum h_i <theta_i^2>,   O_FB = (eta / 2) sum h_i <v_i^2>   (eqs. 17, 18, 28 and 29).
#include <cmath>

#include "selftest/ensemble.h"

namespace quench::selftest {
namespace {

constexpr std::array<float, 2> h = {1, 3};
constexpr double covariance[2][2] = {{2, 1}, {1, 1}};
constexpr Rule rules[] = {{.lr = 0.2F}, {.lr = 0.1F, .momentum = 0.9F}};
constexpr std::int64_t stride = 5;  // steps from one measurement to the next

struct Exact {
  double theta_theta = 0, theta_v = 0, v_v = 0;
};

Exact exact(const Rule& rule, std::size_t i, std::size_t j) {
  const double eta = rule.eta(), mu = rule.mu(), a = rule.a();
  const double h_i = h[i], h_j = h[j], s = h_i + h_j, p = h_i * h_j;
  Exact e;
  e.v_v = a * a * covariance[i][j] / (1 - mu * mu + a * eta / (1 - mu) * (mu * s - (1 + mu) * (1 + mu) * p / s));
  e.theta_theta = (1 + mu) * eta * e.v_v / (a * s);
  e.theta_v = (eta * e.v_v - a * h_j * e.theta_theta) / (1 - mu);
  return e;
}

void check_rule(const Rule& rule, std::uint64_t number, const SelftestOptions& options,
                std::vector<Check>& checks) {
  Ensemble ensemble(rule, options.mu_factor, 2, scaled(128, options.scale), 1000);
  Random random(options.seed, Stream::selftest, number);
  Moments<10> moments;
  const float root_half = std::sqrt(0.5F), root_2 = std::sqrt(2.0F);
  while (!ensemble.finished()) {
    Signs signs(random);
    const std::span<const float> theta_1 = ensemble.theta(0), theta_2 = ensemble.theta(1);
    const std::span<float> g_1 = ensemble.gradient(0), g_2 = ensemble.gradient(1);
    for (std::size_t i = 0; i < g_1.size(); ++i) {
      // The lower triangle whose square is C.
      const float first = signs.next(), second = signs.next();
      g_1[i] = h[0] * theta_1[i] + root_2 * first;
      g_2[i] = h[1] * theta_2[i] + root_half * (first + second);
    }
    if (ensemble.measuring() && ensemble.done() % stride == 0) {
      moments.add(ensemble, [](const Chain& x) {
        const double q_1 = x.theta(0), q_2 = x.theta(1), v_1 = x.v(0), v_2 = x.v(1);
        return std::array{q_1 * q_1, q_1 * q_2, q_2 * q_2, v_1 * v_1,    v_1 * v_2,
                          v_2 * v_2, q_1 * v_2, q_2 * v_1, v_1 * x.g(0), v_2 * x.g(1)};
      });
    }
    ensemble.step();
  }
  const Exact one = exact(rule, 0, 0), both = exact(rule, 0, 1), back = exact(rule, 1, 0), two = exact(rule, 1, 1);
  const double o_l = h[0] * one.theta_theta + h[1] * two.theta_theta;
  const double o_fb = rule.eta() / 2 * (h[0] * one.v_v + h[1] * two.v_v);
  Report report(checks, label(rule));
  report.add("<theta_1 theta_1>", one.theta_theta, moments.moment(0));
  report.add("<theta_1 theta_2>", both.theta_theta, moments.moment(1));
  report.add("<theta_2 theta_2>", two.theta_theta, moments.moment(2));
  report.add("<v_1 v_1>", one.v_v, moments.moment(3));
  report.add("<v_1 v_2>", both.v_v, moments.moment(4));
  report.add("<v_2 v_2>", two.v_v, moments.moment(5));
  report.add("<theta_1 v_2>", both.theta_v, moments.moment(6));
  report.add("<theta_2 v_1>", back.theta_v, moments.moment(7));
  report.add("O_L", o_l, ensemble.o_l());
  report.add("O_R", o_l, ensemble.o_r());
  report.add("O_FB", o_fb, moments.of([&](const auto& m) {
    return rule.a() * (h[0] * h[0] * m[0] + h[1] * h[1] * m[2]) - rule.mu() * (m[8] + m[9]);
  }));
}

}  // namespace

std::vector<Check> correlated(const SelftestOptions& options) {
  std::vector<Check> checks;
  std::uint64_t number = 100;
  for (const Rule& rule : rules) check_rule(rule, number++, options, checks);
  return checks;
}

}  // namespace quench::selftest
