// The shipped shuffler on a quadratic: M examples of loss (h / 2) theta^2 + xi_e theta, one a step, each once an
// epoch. The noises of an epoch sum to zero, so that their covariance is -1 / (M - 1) of their variance, here 1,
// and stationary moments differ from those of independent draws, the more the slower the mode (eta h / (1 - mu)
// below about 3 / M): while eq. 17 and the average of a g . grad f - mu v . grad f are what they are for any
// sampling, and so are O_FB^tel and O_FB^cor (fdr2.h), |grad f|^2 at the ends of epochs is not, and the O_FB of
// eq. 18 with it, which may even be negative.
//
// With z = (theta, v), z' = A z + G xi, A = ((1 - eta a h, eta mu), (-a h, mu)), G = -a (eta, 1), S_0 = <z z^T> at
// the ends of epochs and s_k = sum_{j < k} A^j G:
//     S_k = A^k S_0 A^kT + (M sum_{j < k} A^j G (A^j G)^T - s_k s_k^T) / (M - 1),   S_M = S_0,
//     <z_k xi_k> = -s_k / (M - 1).
//
// The rows: eta h from 1e-1 to 1e-4 without momentum and with M = 600, and with mu = 0.9 and M = 500, as the
// paper's runs have them. The slowest take most of the time: without momentum 1e-4 remembers 5,000 steps and wants
// them several times over; with it O_FB is a small difference of v . g, whose scatter is a hundred times as large,
// and wants many chains.
#include <array>
#include <vector>

#include "io/numbers.h"
#include "selftest/ensemble.h"
#include "selftest/sampling.h"

namespace quench::selftest {
namespace {

constexpr float h = 1;

struct Row {
  Rule rule;
  int examples;
  /// Of which the averages discard the half; the memory is (1 - mu) / (2 eta h) steps.
  std::int64_t epochs;
  std::size_t chains;
};
constexpr Row rows[] = {{{.lr = 1e-1F}, 600, 4, 32},
                        {{.lr = 1e-2F}, 600, 8, 32},
                        {{.lr = 1e-3F}, 600, 24, 16},
                        {{.lr = 1e-4F}, 600, 120, 16},
                        {{.lr = 1e-1F, .momentum = 0.9F}, 500, 4, 32},
                        {{.lr = 1e-2F, .momentum = 0.9F}, 500, 8, 64},
                        {{.lr = 1e-3F, .momentum = 0.9F}, 500, 16, 64},
                        {{.lr = 1e-4F, .momentum = 0.9F}, 500, 32, 128}};

struct Vector {
  double theta = 0, v = 0;
};

/// <z z^T>.
struct Covariance {
  double theta_theta = 0, theta_v = 0, v_v = 0;

  Covariance& add(const Covariance& other, double factor = 1) {
    theta_theta += factor * other.theta_theta;
    theta_v += factor * other.theta_v;
    v_v += factor * other.v_v;
    return *this;
  }
};

Covariance square(const Vector& z) { return {z.theta * z.theta, z.theta * z.v, z.v * z.v}; }

struct Matrix {
  double theta_theta = 1, theta_v = 0, v_theta = 0, v_v = 1;

  Vector operator*(const Vector& z) const {
    return {theta_theta * z.theta + theta_v * z.v, v_theta * z.theta + v_v * z.v};
  }
  Matrix operator*(const Matrix& b) const {
    return {theta_theta * b.theta_theta + theta_v * b.v_theta, theta_theta * b.theta_v + theta_v * b.v_v,
            v_theta * b.theta_theta + v_v * b.v_theta, v_theta * b.theta_v + v_v * b.v_v};
  }
  /// A S A^T.
  Covariance around(const Covariance& s) const {
    const Vector first = *this * Vector{s.theta_theta, s.theta_v}, second = *this * Vector{s.theta_v, s.v_v};
    return {theta_theta * first.theta + theta_v * second.theta, theta_theta * first.v + theta_v * second.v,
            v_theta * first.v + v_v * second.v};
  }
};

/// Stationary averages over the steps of an epoch, and at its end.
struct Exact {
  double theta_theta = 0, theta_v = 0, v_v = 0, v_g = 0;
  double end_theta_theta = 0;
};

Exact exact(const Rule& rule, int examples) {
  const double eta = rule.eta(), mu = rule.mu(), a = rule.a(), k = static_cast<double>(h);
  const auto m = static_cast<double>(examples);
  const Matrix A{1 - eta * a * k, eta * mu, -a * k, mu};
  const auto noise = [m](const Covariance& squares, const Vector& sum) {
    return Covariance{}.add(squares, m / (m - 1)).add(square(sum), -1 / (m - 1));
  };
  // The epoch's own noise and A^M.
  Matrix power;
  Covariance squares;
  Vector column{-a * eta, -a}, sum;
  const auto next = [&] {
    squares.add(square(column));
    sum = {sum.theta + column.theta, sum.v + column.v};
    column = A * column;
    power = A * power;
  };
  for (int step = 0; step < examples; ++step) next();
  // S_0 = the sum over n of (A^M)^n noise (A^M)^nT, whose number of terms doubles.
  Covariance s_0 = noise(squares, sum);
  for (int doubling = 0; doubling < 60; ++doubling) {
    s_0.add(power.around(s_0));
    power = power * power;
  }
  Exact e;
  e.end_theta_theta = s_0.theta_theta;
  power = {};
  squares = {};
  column = {-a * eta, -a};
  sum = {};
  for (int step = 0; step < examples; ++step) {
    const Covariance s = power.around(s_0).add(noise(squares, sum));
    e.theta_theta += s.theta_theta / m;
    e.theta_v += s.theta_v / m;
    e.v_v += s.v_v / m;
    e.v_g += (k * s.theta_v - sum.v / (m - 1)) / m;
    next();
  }
  return e;
}

/// Means over the chains of each replica, at steps that every replica draws for itself, of -G . v_{t+1} and of
/// a G . e - mu v . (G - e), where e is expected of g: that of the examples which the epoch has still to come to.
class Samples {
 public:
  Samples(const Rule& rule, int examples, std::size_t all, Random random)
      : rule_(rule), examples_(examples), random_(random), rest_(all) {}
  /// Before every step; measuring: of the window.
  void add(const Ensemble& ensemble, bool measuring) {
    const auto left = static_cast<double>(examples_ - ensemble.done() % examples_);
    for (std::size_t r = 0; r < replicas; ++r) {
      const bool sampled = measuring && random_.below(steps_a_sample) == 0;
      for (std::size_t i = 0; i < ensemble.chains(); ++i) {
        const Chain chain{&ensemble, r, i};
        const double full = static_cast<double>(h) * chain.theta();
        double& rest = rest_[r * ensemble.chains() + i];
        if (sampled) {
          sums_[r].telescoped -= full * (rule_.mu() * chain.v() - rule_.a() * chain.g());
          sums_[r].corrected += rule_.a() * full * (full + rest / left) + rule_.mu() * chain.v() * rest / left;
          sums_[r].count += 1;
        }
        // Noises are +1 or -1, and sum to zero over an epoch.
        rest -= chain.g() > full ? 1 : -1;
      }
    }
  }
  double telescoped(std::size_t r) const { return sums_[r].telescoped / sums_[r].count; }
  double corrected(std::size_t r) const { return sums_[r].corrected / sums_[r].count; }

 private:
  struct Sums {
    double telescoped = 0, corrected = 0, count = 0;
  };
  static constexpr std::uint32_t steps_a_sample = 8;  // in the mean
  Rule rule_;
  int examples_;
  Random random_;
  std::vector<double> rest_;  // noises that the epoch has still to come to, summed, of each chain
  std::array<Sums, replicas> sums_{};
};

void check_row(const Row& row, std::uint64_t number, const SelftestOptions& options, std::vector<Check>& checks) {
  const Rule& rule = row.rule;
  Ensemble ensemble(rule, options.mu_factor, 1, scaled(row.chains, options.scale), row.epochs * row.examples);
  ChainBatches batches(
      {.examples = row.examples, .batch = 1, .shuffled = true, .seed = options.seed, .number = number},
      ensemble.all());
  Moments<1> at_ends;
  Samples samples(rule, row.examples, ensemble.all(), Random(options.seed, Stream::selftest, number));
  while (!ensemble.finished()) {
    batches.next();
    const std::span<const float> theta = ensemble.theta();
    const std::span<float> g = ensemble.gradient();
    const int half = row.examples / 2;
    for (std::size_t i = 0; i < g.size(); ++i) g[i] = h * theta[i] + (batches.of(i)[0] < half ? 1.0F : -1.0F);
    // The state at the beginning of an epoch is that at the end of the last.
    if (ensemble.measuring() && ensemble.done() % row.examples == 0) {
      at_ends.add(ensemble, [](const Chain& chain) { return std::array{chain.theta() * chain.theta()}; });
    }
    samples.add(ensemble, ensemble.measuring());
    ensemble.step();
  }
  const double eta = rule.eta(), mu = rule.mu(), a = rule.a(), k = static_cast<double>(h);
  const Exact e = exact(rule, row.examples);
  // Of independent draws.
  const double iid_v_v = 2 * a * a / ((1 - mu) * (2 * (1 + mu) - a * eta * k));
  const double iid_theta_theta = (1 + mu) * eta * iid_v_v / (2 * a * k), iid_o_fb = eta / 2 * k * iid_v_v;
  Report report(checks, ", eta h " + io::to_text(rule.lr) + ", mu " + io::to_text(rule.momentum));
  const auto add = [&](const char* name, double iid, double expected, const Estimate& measured) {
    report.add(name, expected / iid, {measured.mean / iid, measured.sigma / iid});
  };
  const double o_r = (1 + mu) / (2 * a) * eta * e.v_v;
  add("<theta^2>", iid_theta_theta, e.theta_theta, ensemble.moment(&Observables::theta_theta));
  add("<theta^2> at epoch ends", iid_theta_theta, e.end_theta_theta, at_ends.moment(0));
  add("O_L", k * iid_theta_theta, o_r, ensemble.o_l());
  add("O_R", k * iid_theta_theta, o_r, ensemble.o_r());
  add("a g.G - mu v.G", iid_o_fb, eta / 2 * k * e.v_v, Ensemble::of_replicas([&](std::size_t r) {
        const Observables m = ensemble.mean(r);
        return a * k * m.theta_g - mu * k * m.theta_v;
      }));
  add("O_FB", iid_o_fb, a * k * k * e.end_theta_theta - mu * e.v_g, Ensemble::of_replicas([&](std::size_t r) {
        return a * k * k * at_ends.means(r)[0] - mu * ensemble.mean(r).v_g;
      }));
  add("O_FB^tel", iid_o_fb, eta / 2 * k * e.v_v,
      Ensemble::of_replicas([&](std::size_t r) { return samples.telescoped(r); }));
  add("O_FB^cor", iid_o_fb, eta / 2 * k * e.v_v,
      Ensemble::of_replicas([&](std::size_t r) { return samples.corrected(r) - mu * ensemble.mean(r).v_g; }));
}

}  // namespace

std::vector<Check> shuffling(const SelftestOptions& options) {
  std::vector<Check> checks;
  std::uint64_t number = 500;
  for (const Row& row : rows) check_row(row, number++, options, checks);
  return checks;
}

}  // namespace quench::selftest
