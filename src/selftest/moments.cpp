// Beyond second moments, without momentum: f = (h / 2) theta^2 and additive noise with cumulants k_2, k_3, ...: the
// cumulants of theta are (-eta)^n k_n / (1 - (1 - eta h)^n). And one case whose whole law is known: for eta h = 1/2
// and noise +-c with equal chances theta is uniform in [-2 eta c, 2 eta c], so that <theta^2n> = (2 eta c)^2n / (2n
// + 1).
#include "core/math.h"
#include "selftest/ensemble.h"

namespace quench::selftest {
namespace {

constexpr std::int64_t steps = 600;
constexpr std::int64_t stride = 5;  // steps from one measurement to the next

/// Chains on the quadratic of curvature h; returns the means of theta^2, theta^3, theta^4, theta^6.
template <typename Draw>
Moments<4> run(const Rule& rule, float h, const SelftestOptions& options, std::uint64_t number, Draw draw) {
  Ensemble ensemble(rule, options.mu_factor, 1, scaled(512, options.scale), steps);
  Random random(options.seed, Stream::selftest, number);
  Moments<4> moments;
  while (!ensemble.finished()) {
    Signs signs(random);
    const std::span<const float> theta = ensemble.theta();
    const std::span<float> g = ensemble.gradient();
    for (std::size_t i = 0; i < g.size(); ++i) g[i] = h * theta[i] + draw(signs);
    if (ensemble.measuring() && ensemble.done() % stride == 0) {
      moments.add(ensemble, [](const Chain& chain) {
        const double q = chain.theta(), square = q * q;
        return std::array{square, square * q, square * square, square * square * square};
      });
    }
    ensemble.step();
  }
  return moments;
}

}  // namespace

std::vector<Check> moments(const SelftestOptions& options) {
  std::vector<Check> checks;
  {
    Report report(checks, ", skewed noise");
    constexpr Rule rule = {.lr = 0.1F};
    constexpr float h = 2;
    const Moments<4> m = run(rule, h, options, 400, [](Signs& signs) { return signs.skewed(); });
    const auto cumulant = [&](std::int64_t n, double of_noise) {
      return power(-rule.eta(), n) * of_noise / (1 - power(1 - rule.eta() * static_cast<double>(h), n));
    };
    // Noise of 3 with chance 1/4 and -1 else.
    const double second = cumulant(2, 3), third = cumulant(3, 6), fourth = cumulant(4, -6);
    report.add("<theta^2>", second, m.moment(0));
    report.add("<theta^3>", third, m.moment(1));
    report.add("<theta^4>", fourth + 3 * second * second, m.moment(2));
  }
  {
    Report report(checks, ", uniform law");
    constexpr Rule rule = {.lr = 0.25F};
    constexpr float h = 2;
    const Moments<4> m = run(rule, h, options, 401, [](Signs& signs) { return signs.next(); });
    const double edge = 2 * rule.eta(), square = edge * edge;
    report.add("<theta^2>", square / 3, m.moment(0));
    report.add("<theta^4>", square * square / 5, m.moment(2));
    report.add("<theta^6>", square * square * square / 7, m.moment(3));
    report.add("kurtosis", 9.0 / 5, m.of([](const auto& means) { return means[2] / (means[0] * means[0]); }));
  }
  return checks;
}

}  // namespace quench::selftest
