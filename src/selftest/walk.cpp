// Two examples, f_1 = |theta - K| and f_2 = |theta + K|, one a step, drawn by the shipped sampler: a walk on the
// points k eta with walls at the kinks K = (n + 1/2) eta, where f is neither harmonic nor smooth and nothing is
// Gaussian. With eta = 1/4 every float is exact. The chance of a point is 1 / (2n + 2), half of that for the
// outermost, k = +-(n + 1) (the walk alternates between even and odd k: averages over even numbers of steps). So
//     <theta grad f> = eta / 2        (eq. 9: Tr C~ = 1),
//     <|grad f|^2>   = 1 / (2n + 2)   (in units of K, where the rate is e = 1 / (n + 1/2), that is e / (2 + e): not
//                                      linear in the rate, as it were for a harmonic loss),
//     <f> - f_0      = eta / (4 (n + 1)), which is not the harmonic <theta grad f> / 2.
#include <cmath>

#include "selftest/ensemble.h"
#include "selftest/sampling.h"

namespace quench::selftest {
namespace {

constexpr Rule rule = {.lr = 0.25F};

float sign(float x) { return x > 0 ? 1.0F : -1.0F; }

void check_walls(int n, std::uint64_t number, const SelftestOptions& options, std::vector<Check>& checks) {
  // The walk remembers some 20 steps for n = 4.
  Ensemble ensemble(rule, options.mu_factor, 1, scaled(64, options.scale), 800);
  ChainBatches batches({.examples = 2, .batch = 1, .seed = options.seed, .number = number}, ensemble.all());
  Moments<4> moments;
  const float wall = (static_cast<float>(n) + 0.5F) * rule.lr;
  while (!ensemble.finished()) {
    batches.next();
    const std::span<const float> theta = ensemble.theta();
    const std::span<float> g = ensemble.gradient();
    for (std::size_t i = 0; i < g.size(); ++i) g[i] = sign(theta[i] - (batches.of(i)[0] == 0 ? wall : -wall));
    if (ensemble.measuring()) {
      moments.add(ensemble, [wall](const Chain& chain) {
        const double theta_now = chain.theta(), K = static_cast<double>(wall);
        const double outside = std::abs(theta_now) > K ? 1 : 0;
        const double gradient = theta_now > 0 ? outside : -outside;
        const double k = theta_now / rule.eta();
        return std::array{theta_now * gradient, gradient * gradient, outside * (std::abs(theta_now) - K),
                          k == std::floor(k) ? 0.0 : 1.0};
      });
    }
    ensemble.step();
  }
  const double eta = rule.eta();
  Report report(checks, ", n " + std::to_string(n));
  report.add("<theta grad f>", eta / 2, moments.moment(0));
  report.add("O_L", eta / 2, ensemble.o_l());
  report.add("O_R", eta / 2, ensemble.o_r());
  report.add("<|grad f|^2>", 1 / (2.0 * n + 2), moments.moment(1));
  report.add("f - f_0", eta / (4.0 * (n + 1)), moments.moment(2));
  report.add("off the points k eta", 0, moments.moment(3));
}

}  // namespace

std::vector<Check> walk(const SelftestOptions& options) {
  std::vector<Check> checks;
  check_walls(1, 300, options, checks);
  check_walls(4, 301, options, checks);
  return checks;
}

}  // namespace quench::selftest
