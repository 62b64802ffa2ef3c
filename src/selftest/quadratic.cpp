// One parameter, f = (h / 2) theta^2, gradients h theta + xi with independent noise of variance c. With a = 1 - nu
// and D = 2 (1 + mu) - a eta h, which is > 0 where the chain is stable:
//     <v^2> = 2 a^2 c / ((1 - mu) D),   <theta v> = (eta / 2) <v^2>,   <theta^2> = (1 + mu) eta <v^2> / (2 a h),
//     O_L = O_R = h <theta^2>,   O_FB = a <|grad f|^2> - mu <v . g> = (eta / 2) h <v^2>,   <f> - f_0 = O_R / 2
// (eqs. 17, 18, 29, section 2.3.1).
#include <cmath>

#include "selftest/ensemble.h"

namespace quench::selftest {
namespace {

constexpr float h = 2, c = 3;
constexpr Rule rules[] = {{.lr = 0.1F},
                          {.lr = 0.1F, .momentum = 0.9F},
                          {.lr = 0.1F, .momentum = 0.9F, .dampening = 0.9F},
                          {.lr = 0.1F, .momentum = 0.5F, .dampening = 0.25F}};

void check_rule(const Rule& rule, std::uint64_t number, const SelftestOptions& options,
                std::vector<Check>& checks) {
  Ensemble ensemble(rule, options.mu_factor, 1, scaled(512, options.scale), 800);
  Random random(options.seed, Stream::selftest, number);
  const float noise = std::sqrt(c);
  while (!ensemble.finished()) {
    Signs signs(random);
    const std::span<const float> theta = ensemble.theta();
    const std::span<float> g = ensemble.gradient();
    for (std::size_t i = 0; i < g.size(); ++i) g[i] = h * theta[i] + noise * signs.next();
    ensemble.step();
  }
  const double eta = rule.eta(), mu = rule.mu(), a = rule.a();
  const double v_v = 2 * a * a * c / ((1 - mu) * (2 * (1 + mu) - a * eta * h));
  const double theta_theta = (1 + mu) * eta * v_v / (2 * a * h);
  const std::string suffix = label(rule);
  using Sums = const Observables&;
  checks.push_back(
      check("<theta^2>" + suffix, theta_theta, ensemble.of_means([](Sums m) { return m.theta_theta; })));
  checks.push_back(check("<theta v>" + suffix, eta / 2 * v_v, ensemble.of_means([](Sums m) { return m.theta_v; })));
  checks.push_back(check("<v^2>" + suffix, v_v, ensemble.of_means([](Sums m) { return m.v_v; })));
  checks.push_back(check("O_L" + suffix, h * theta_theta, ensemble.o_l()));
  checks.push_back(check("O_R" + suffix, h * theta_theta, ensemble.o_r()));
  // Both sides measured, and the error of their difference.
  std::array<double, replicas> excess;
  for (std::size_t r = 0; r < replicas; ++r) {
    excess[r] = h / 2.0 * ensemble.mean(r).theta_theta - ensemble.sides(r).o_r / 2;
  }
  const double f = ensemble.of_means([](Sums m) { return h / 2.0 * m.theta_theta; }).mean;
  checks.push_back({"f - f_0 = O_R / 2" + suffix, ensemble.o_r().mean / 2, f, estimate(excess).sigma});
  checks.push_back(check("O_FB" + suffix, eta / 2 * h * v_v,
                         ensemble.of_means([&](Sums m) { return a * h * h * m.theta_theta - mu * m.v_g; })));
}

}  // namespace

std::vector<Check> quadratic(const SelftestOptions& options) {
  std::vector<Check> checks;
  std::uint64_t number = 0;
  for (const Rule& rule : rules) check_rule(rule, number++, options, checks);
  return checks;
}

}  // namespace quench::selftest
