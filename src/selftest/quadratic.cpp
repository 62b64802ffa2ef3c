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
  Report report(checks, label(rule));
  report.add("<theta^2>", theta_theta, ensemble.moment(&Observables::theta_theta));
  report.add("<theta v>", eta / 2 * v_v, ensemble.moment(&Observables::theta_v));
  report.add("<v^2>", v_v, ensemble.moment(&Observables::v_v));
  report.add("O_L", h * theta_theta, ensemble.o_l());
  report.add("O_R", h * theta_theta, ensemble.o_r());
  const Estimate excess = Ensemble::of_replicas(
      [&](std::size_t r) { return h / 2.0 * ensemble.mean(r).theta_theta - ensemble.sides(r).o_r / 2; });
  const double half_o_r = ensemble.o_r().mean / 2;
  report.add("f - f_0 = O_R / 2, both measured", half_o_r, {half_o_r + excess.mean, excess.sigma});
  report.add("O_FB", eta / 2 * h * v_v, Ensemble::of_replicas([&](std::size_t r) {
               const Observables m = ensemble.mean(r);
               return a * h * h * m.theta_theta - mu * m.v_g;
             }));
}

}  // namespace

std::vector<Check> quadratic(const SelftestOptions& options) {
  std::vector<Check> checks;
  std::uint64_t number = 0;
  for (const Rule& rule : rules) check_rule(rule, number++, options, checks);
  return checks;
}

}  // namespace quench::selftest
