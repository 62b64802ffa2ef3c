// Ridge regression on four examples: f_e = (x_e theta - y_e)^2 / 2 + (lambda / 2) theta^2, mini-batches from the
// shipped sampler, L2 from the shipped optimiser. The noise depends on theta. With A_e = x_e^2 + lambda and b_e =
// x_e y_e, h, b, q, r, w the means of A, b, A^2, A b, b^2 over the examples, m = b / h, and k = (N - B) / (B (N -
// 1)) for subsets of B of the N examples that each step draws anew, or k = 1 / B for B subsets of one, which is
// drawing with replacement,
//     al = k q + (1 - k) h^2,   be = k r + (1 - k) h b,   ga = k w + (1 - k) b^2,
//     <v^2> = a^2 (ga - 2 be m + al m^2) / (1 - mu^2 + mu a h eta - a al (1 + mu) eta / (2 h)),
//     <theta> = m,   <theta^2> = ((1 + mu) eta <v^2> / (2 a) + b m) / h,
//     O_L = O_R = h <theta^2> - b m,   O_FB = (eta / 2) h <v^2>,   <f> - f_0 = O_R / 2   (eqs. 17, 18,
//     section 2.3.1).
#include <vector>

#include "selftest/ensemble.h"
#include "selftest/sampling.h"

namespace quench::selftest {
namespace {

constexpr std::size_t examples = 4;
constexpr std::array<float, examples> x = {1, 2, -1, 0.5F}, y = {1, 3, 0, 1};

struct Case {
  Rule rule;
  int batch;
  bool replacing = false;  ///< with replacement: that many samplers of single examples
};
constexpr Case cases[] = {{{.lr = 0.1F, .weight_decay = 0.1F}, 1},
                          {{.lr = 0.05F, .momentum = 0.5F, .weight_decay = 0.1F}, 1},
                          {{.lr = 0.1F, .weight_decay = 0.1F}, 2, true},
                          {{.lr = 0.1F, .weight_decay = 0.1F}, 2},
                          {{.lr = 0.05F, .momentum = 0.5F, .weight_decay = 0.1F}, 2},
                          {{.lr = 0.05F, .momentum = 0.9F, .dampening = 0.5F, .weight_decay = 0.1F}, 2}};

struct Exact {
  double h = 0, b = 0, theta_theta = 0, v_v = 0;
};

Exact exact(const Case& c) {
  const Rule& rule = c.rule;
  const double eta = rule.eta(), mu = rule.mu(), a = rule.a();
  Exact e;
  double q = 0, r = 0, w = 0;
  for (std::size_t i = 0; i < examples; ++i) {
    const double a_i = static_cast<double>(x[i] * x[i]) + static_cast<double>(rule.weight_decay);
    const double b_i = static_cast<double>(x[i] * y[i]);
    e.h += a_i / examples;
    e.b += b_i / examples;
    q += a_i * a_i / examples;
    r += a_i * b_i / examples;
    w += b_i * b_i / examples;
  }
  const double k = c.replacing ? 1.0 / c.batch
                               : static_cast<double>(examples - static_cast<std::size_t>(c.batch)) /
                                     (c.batch * (examples - 1.0));
  const double al = k * q + (1 - k) * e.h * e.h, be = k * r + (1 - k) * e.h * e.b, ga = k * w + (1 - k) * e.b * e.b;
  const double m = e.b / e.h;
  e.v_v = a * a * (ga - 2 * be * m + al * m * m) /
          (1 - mu * mu + mu * a * e.h * eta - a * al * (1 + mu) * eta / (2 * e.h));
  e.theta_theta = ((1 + mu) * eta * e.v_v / (2 * a) + e.b * m) / e.h;
  return e;
}

void check_case(const Case& c, std::uint64_t number, const SelftestOptions& options, std::vector<Check>& checks) {
  const Rule& rule = c.rule;
  Ensemble ensemble(rule, options.mu_factor, 1, scaled(64, options.scale), 600);
  std::vector<ChainBatches> samplers;
  for (int i = 0; i < (c.replacing ? c.batch : 1); ++i) {
    samplers.emplace_back(ChainBatches::Options{.examples = examples,
                                                .batch = c.replacing ? 1 : c.batch,
                                                .seed = options.seed,
                                                .number = number + 50 * static_cast<std::uint64_t>(i)},
                          ensemble.all());
  }
  Moments<1> moments;
  const float share = 1.0F / static_cast<float>(c.batch);
  while (!ensemble.finished()) {
    for (ChainBatches& batches : samplers) batches.next();
    const std::span<const float> theta = ensemble.theta();
    const std::span<float> g = ensemble.gradient();
    for (std::size_t i = 0; i < g.size(); ++i) {
      float sum = 0;
      for (const ChainBatches& batches : samplers) {
        for (const std::size_t e : batches.of(i)) sum += x[e] * (x[e] * theta[i] - y[e]);
      }
      g[i] = share * sum;
    }
    if (ensemble.measuring()) {
      moments.add(ensemble, [](const Chain& chain) { return std::array{chain.theta()}; });
    }
    ensemble.step();
  }
  const Exact e = exact(c);
  const double m = e.b / e.h, o_l = e.h * e.theta_theta - e.b * m;
  Report report(checks, label(rule) + ", B " + std::to_string(c.batch) + (c.replacing ? " iid" : ""));
  report.add("<theta>", m, moments.moment(0));
  report.add("<theta^2>", e.theta_theta, ensemble.moment(&Observables::theta_theta));
  report.add("<v^2>", e.v_v, ensemble.moment(&Observables::v_v));
  report.add("O_L", o_l, ensemble.o_l());
  report.add("O_R", o_l, ensemble.o_r());
  report.add("O_FB", rule.eta() / 2 * e.h * e.v_v, Ensemble::of_replicas([&](std::size_t r) {
               const Observables s = ensemble.mean(r);
               const double theta = moments.means(r)[0];
               const double gradient_squared = e.h * e.h * s.theta_theta - 2 * e.h * e.b * theta + e.b * e.b;
               return rule.a() * gradient_squared - rule.mu() * s.v_g;
             }));
  report.add("f - f_0", o_l / 2, Ensemble::of_replicas([&](std::size_t r) {
               return e.h / 2 * (ensemble.mean(r).theta_theta - 2 * m * moments.means(r)[0] + m * m);
             }));
}

}  // namespace

std::vector<Check> ridge(const SelftestOptions& options) {
  std::vector<Check> checks;
  std::uint64_t number = 200;
  for (const Case& c : cases) check_case(c, number++, options, checks);
  return checks;
}

}  // namespace quench::selftest
