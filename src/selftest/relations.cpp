// Relations that need no closed form: two coupled parameters, a loss that is not harmonic,
//     f = (h_1 theta_1^2 + h_2 theta_2^2 + q theta_1^2 theta_2^2) / 2 - b theta_1,
// and noise that is skewed and correlated. Both sides are measured, each by sums of its own at every fifth step, so
// that no sum telescopes. With G the gradient of f, g that of the step, and C~ the moments of g at given theta:
//     eq. 9,  mu = 0:  <theta_i G_j + G_i theta_j> = eta <C~_ij>,
//     eq. 14, mu = 0:  <theta_i theta_j G_k + theta_i G_j theta_k + G_i theta_j theta_k>
//                          = eta <theta_i C~_jk + theta_j C~_ki + theta_k C~_ij> - eta^2 <C~_ijk>,
//     eq. 25:          <G_i> = 0, <v_i> = 0, and exactly over any N steps, D q what q grew by,
//                      a mean(g_i) = -((1 - mu) D theta_i / eta + mu D v_i) / N,
//     eq. 28:          a <theta_i G_j + G_i theta_j> - mu <theta_i v_j + v_i theta_j> = eta <v_i v_j>,
//     eq. 17:          O_L = O_R.
// The table has the right sides as what is expected, and the errors are those of the differences.
#include "selftest/ensemble.h"

namespace quench::selftest {
namespace {

constexpr float h_1 = 1, h_2 = 3, q = 0.5F, b = 0.5F;
constexpr std::int64_t steps = 1000, stride = 5;

/// G.
template <typename Number>
std::array<Number, 2> gradient(const std::array<Number, 2>& theta) {
  return {theta[0] * (h_1 + q * theta[1] * theta[1]) - b, theta[1] * (h_2 + q * theta[0] * theta[0])};
}

constexpr std::size_t pairs[][2] = {{0, 0}, {0, 1}, {1, 1}};
constexpr std::size_t triples[][3] = {{0, 0, 0}, {0, 0, 1}, {0, 1, 1}, {1, 1, 1}};

// What is measured of a chain: the two sides of each relation, then the means of G and v.
constexpr std::size_t pair_sides = 0, triple_sides = 6, drifts = 14, measured = 18;

std::array<double, measured> measure(const Chain& chain, const Rule& rule) {
  const std::array theta{chain.theta(0), chain.theta(1)}, v{chain.v(0), chain.v(1)}, g{chain.g(0), chain.g(1)};
  const std::array<double, 2> G = gradient(theta);
  const double eta = rule.eta(), mu = rule.mu(), a = rule.a();
  std::array<double, measured> m{};
  double* to = m.data() + pair_sides;
  for (const auto& [i, j] : pairs) {
    *to++ = a * (theta[i] * G[j] + G[i] * theta[j]) - mu * (theta[i] * v[j] + v[i] * theta[j]);
    *to++ = eta * (mu == 0 ? g[i] * g[j] : v[i] * v[j]);
  }
  for (const auto& [i, j, k] : triples) {
    *to++ = theta[i] * theta[j] * G[k] + theta[i] * G[j] * theta[k] + G[i] * theta[j] * theta[k];
    *to++ = eta * (theta[i] * g[j] * g[k] + theta[j] * g[k] * g[i] + theta[k] * g[i] * g[j]) -
            eta * eta * g[i] * g[j] * g[k];
  }
  for (const std::size_t i : {0U, 1U}) {
    *to++ = G[i];
    *to++ = v[i];
  }
  return m;
}

std::string subscript(std::size_t i) { return std::to_string(i + 1); }

/// a sum(g) + (1 - mu) D theta / eta + mu D v over N steps, for each replica a sum over its chains.
class Drift {
 public:
  Drift(const Rule& rule, const Ensemble& ensemble) : rule_(rule), ensemble_(ensemble) {}
  /// In the first state of the window and, with the other sign, in the one after its last step.
  void add_end(double factor) {
    add([&](const Chain& x, std::size_t c) {
      return factor * ((1 - rule_.mu()) * x.theta(c) / rule_.eta() + rule_.mu() * x.v(c));
    });
  }
  /// In each state of the window.
  void add_gradient() {
    add([&](const Chain& x, std::size_t c) { return rule_.a() * x.g(c); });
    ++count_;
  }
  /// Per chain and step. The roundings of theta do not all average out: the error includes one of a theta below 1.
  Estimate residual(std::size_t coordinate) const {
    std::array<double, replicas> values = sums_[coordinate];
    for (double& value : values) value /= count_ * static_cast<double>(ensemble_.chains());
    const Estimate e = estimate(values);
    return {e.mean, e.sigma + 0x1p-25 / rule_.eta()};
  }

 private:
  template <typename Function>
  void add(Function term) {
    for (std::size_t c = 0; c < sums_.size(); ++c) {
      for (std::size_t r = 0; r < replicas; ++r) {
        for (std::size_t i = 0; i < ensemble_.chains(); ++i) sums_[c][r] += term(Chain{&ensemble_, r, i}, c);
      }
    }
  }

  Rule rule_;
  const Ensemble& ensemble_;
  std::array<std::array<double, replicas>, 2> sums_{};
  double count_ = 0;
};

void check_rule(const Rule& rule, std::uint64_t number, const SelftestOptions& options,
                std::vector<Check>& checks) {
  Ensemble ensemble(rule, options.mu_factor, 2, scaled(128, options.scale), steps);
  Random random(options.seed, Stream::selftest, number);
  Moments<measured> moments;
  Drift drift(rule, ensemble);
  while (!ensemble.finished()) {
    Signs signs(random);
    const std::span<const float> theta_1 = ensemble.theta(0), theta_2 = ensemble.theta(1);
    const std::span<float> g_1 = ensemble.gradient(0), g_2 = ensemble.gradient(1);
    for (std::size_t i = 0; i < g_1.size(); ++i) {
      const std::array<float, 2> G = gradient<float>({theta_1[i], theta_2[i]});
      const float first = signs.skewed(), second = signs.skewed();
      g_1[i] = G[0] + first;
      g_2[i] = G[1] + 0.5F * first + second;
    }
    if (ensemble.done() == steps / 2) drift.add_end(-1);
    if (ensemble.measuring()) {
      drift.add_gradient();
      if (ensemble.done() % stride == 0) {
        moments.add(ensemble, [&](const Chain& chain) { return measure(chain, rule); });
      }
    }
    ensemble.step();
  }
  drift.add_end(1);

  Report report(checks, label(rule));
  const auto both_sides = [&](std::string_view name, std::size_t left) {
    const Estimate difference = moments.of([left](const auto& m) { return m[left] - m[left + 1]; });
    report.add(name, moments.moment(left + 1).mean, {moments.moment(left).mean, difference.sigma});
  };
  const bool plain = rule.mu() == 0;
  for (std::size_t n = 0; n < std::size(pairs); ++n) {
    const std::string indices = subscript(pairs[n][0]) + subscript(pairs[n][1]);
    both_sides((plain ? "eq. 9, " : "eq. 28, ") + indices, pair_sides + 2 * n);
  }
  for (std::size_t n = 0; plain && n < std::size(triples); ++n) {
    const auto& [i, j, k] = triples[n];
    both_sides("eq. 14, " + subscript(i) + subscript(j) + subscript(k), triple_sides + 2 * n);
  }
  for (const std::size_t c : {0U, 1U}) {
    report.add("<G_" + subscript(c) + ">", 0, moments.moment(drifts + 2 * c));
    report.add("<v_" + subscript(c) + ">", 0, moments.moment(drifts + 2 * c + 1));
    report.add("eq. 25 over N steps, " + subscript(c), 0, drift.residual(c));
  }
  report.add("O_L = O_R", ensemble.o_r().mean, {ensemble.o_l().mean, ensemble.o_l_minus_o_r().sigma});
}

}  // namespace

std::vector<Check> relations(const SelftestOptions& options) {
  std::vector<Check> checks;
  check_rule({.lr = 0.1F}, 600, options, checks);
  check_rule({.lr = 0.02F, .momentum = 0.9F, .dampening = 0.25F}, 601, options, checks);
  return checks;
}

}  // namespace quench::selftest
