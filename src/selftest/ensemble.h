// Thousands of independent chains of stochastic gradient descent in the tensors of one optimiser.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "quench/executor.h"
#include "quench/fdr.h"
#include "quench/fdr_tensors.h"
#include "quench/sgd.h"
#include "selftest/selftest.h"

namespace quench::selftest {

/// The rule of a case. Closed forms take the numbers that the optimiser computes with, which are floats.
struct Rule {
  float lr = 0.1F, momentum = 0, dampening = 0, weight_decay = 0;

  double eta() const { return static_cast<double>(lr); }
  double mu() const { return static_cast<double>(momentum); }
  double a() const { return 1 - static_cast<double>(dampening); }  ///< 1 - nu
};
/// ", mu 0.9, nu 0".
std::string label(const Rule& rule);

/// Chains are independent, and so are the replicas that they are divided into: the scatter of what is measured of
/// each replica gives honest errors, whatever the correlations in time.
constexpr std::size_t replicas = 64;

struct Estimate {
  double mean = 0;
  double sigma = 0;  ///< one standard error
};
Estimate estimate(std::span<const double, replicas> values);

/// Whole multiples of 16 chains a replica, at least 16: about `scale` times `chains`.
std::size_t scaled(std::size_t chains, double scale);

class Ensemble;

/// One chain before a step, seen from outside: coordinate c of its parameters, velocity and gradient. The gradient
/// is what the case wrote, without the L2 that the optimiser adds.
struct Chain {
  const Ensemble* ensemble;
  std::size_t replica, number;
  double theta(std::size_t c = 0) const;
  double v(std::size_t c = 0) const;
  double g(std::size_t c = 0) const;
};

/// All chains start from theta = 0 and v = 0. Of the `steps` steps the averages discard the earlier half, as those
/// of eq. 15 do, and the cases choose `steps` so that this is many times as long as the chains remember. (Rounding:
/// the parameters are floats, which adds to <theta^2> some 1e-15 / eta of itself.)
class Ensemble {
 public:
  /// coordinates: parameters of a chain. chains: of each replica, a multiple of 16. steps: even.
  Ensemble(const Rule& rule, double mu_factor, std::size_t coordinates, std::size_t chains, std::int64_t steps);

  std::size_t chains() const { return chains_; }          ///< of a replica
  std::size_t all() const { return replicas * chains_; }  ///< of all replicas
  std::int64_t done() const { return done_; }
  bool finished() const { return done_ == steps_; }
  /// Whether the present state is in the window of the averages.
  bool measuring() const { return done_ >= steps_ / 2; }

  /// Coordinate c of all chains, replica after replica.
  std::span<const float> theta(std::size_t c = 0) const { return part(theta_, c); }
  std::span<float> gradient(std::size_t c = 0) const { return part(gradient_, c); }
  /// Sgd::step(), whose sums go to the shipped averages.
  void step();

  // Half-running averages per chain, of all its coordinates together, once finished(). The means of O_L and O_R are
  // those of FdrAverages, and their errors are from FdrTensors.
  Estimate o_l() const;
  Estimate o_r() const;
  Estimate o_l_minus_o_r() const;
  /// O_L and O_R of a replica alone.
  TensorSides sides(std::size_t replica) const;
  /// The means of theta_g, g_g, v_v, v_g, theta_v and theta_theta of a replica.
  Observables mean(std::size_t replica) const;
  /// One of them over all replicas: moment(&Observables::v_v).
  Estimate moment(double Observables::*sum) const;
  /// f(r) of each replica r, where an estimate needs several averages of the same.
  template <typename Function>
  static Estimate of_replicas(Function f) {
    std::array<double, replicas> values;
    for (std::size_t r = 0; r < replicas; ++r) values[r] = f(r);
    return estimate(values);
  }

 private:
  friend struct Chain;
  std::span<float> part(const std::span<float>& all_coordinates, std::size_t c) const {
    return all_coordinates.subspan(c * all(), all());
  }
  template <typename Side>
  Estimate of_sides(Side side) const;

  std::size_t coordinates_, chains_;
  std::int64_t steps_, done_ = 0;
  std::vector<float> memory_;
  std::span<float> theta_, gradient_;  // [coordinate][replica][chain]
  std::vector<Parameter> tensors_;     // [coordinate][replica]
  ThreadPool one_thread_{1};
  Sgd sgd_;
  std::vector<const float*> velocity_;  // of each tensor
  FdrAverages averages_;
  FdrTensors tensor_averages_;
  std::vector<TensorSides> sides_;  // of each tensor
  std::vector<Observables> sums_;   // of each tensor, over the window
};

inline double Chain::theta(std::size_t c) const {
  return static_cast<double>(ensemble->theta(c)[replica * ensemble->chains() + number]);
}
inline double Chain::v(std::size_t c) const {
  return static_cast<double>(ensemble->velocity_[c * replicas + replica][number]);
}
inline double Chain::g(std::size_t c) const {
  return static_cast<double>(ensemble->gradient(c)[replica * ensemble->chains() + number]);
}

/// Means over chains and steps of what the optimiser does not sum.
template <std::size_t K>
class Moments {
 public:
  /// measure(chain) gives the K values of a chain.
  template <typename Function>
  void add(const Ensemble& ensemble, Function measure) {
    for (std::size_t r = 0; r < replicas; ++r) {
      for (std::size_t i = 0; i < ensemble.chains(); ++i) {
        const std::array<double, K> values = measure(Chain{&ensemble, r, i});
        for (std::size_t k = 0; k < K; ++k) sums_[r][k] += values[k];
      }
    }
    count_ += static_cast<double>(ensemble.chains());
  }
  /// Of any function of the means: f(std::array<double, K>).
  template <typename Function>
  Estimate of(Function f) const {
    std::array<double, replicas> values;
    for (std::size_t r = 0; r < replicas; ++r) values[r] = f(means(r));
    return estimate(values);
  }
  Estimate moment(std::size_t k) const {
    return of([k](const std::array<double, K>& m) { return m[k]; });
  }
  std::array<double, K> means(std::size_t replica) const {
    std::array<double, K> m = sums_[replica];
    for (double& x : m) x /= count_;
    return m;
  }

 private:
  std::array<std::array<double, K>, replicas> sums_{};
  double count_ = 0;  // of each replica
};

/// Independent +1 and -1 with equal chances: all cumulants that second moments know of, for one random bit.
class Signs {
 public:
  explicit Signs(Random& random) : random_(random) {}
  float next() {
    if (left_ == 0) {
      bits_ = random_.next();
      left_ = 32;
    }
    const float sign = (bits_ & 1) != 0 ? 1.0F : -1.0F;
    bits_ >>= 1;
    --left_;
    return sign;
  }
  /// 3 with probability 1/4, else -1: mean 0, variance 3, third cumulant 6.
  float skewed() {
    const float first = next(), second = next();
    return first + second + first * second;
  }

 private:
  Random& random_;
  std::uint32_t bits_ = 0;
  int left_ = 0;
};

/// Adds checks whose names end alike.
class Report {
 public:
  Report(std::vector<Check>& checks, std::string suffix) : checks_(checks), suffix_(std::move(suffix)) {}
  void add(std::string_view name, double expected, const Estimate& measured);

 private:
  std::vector<Check>& checks_;
  std::string suffix_;
};

}  // namespace quench::selftest
