// The closed forms of stationary stochastic gradient descent against what the shipped optimiser, samplers and
// averages measure (Yaida, "Fluctuation-dissipation relations for stochastic gradient descent", ICLR 2019).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace quench::selftest {

/// What is measured against what it must be.
struct Check {
  std::string name;  ///< "<theta^2>, mu 0.9, nu 0"
  double expected = 0;
  double measured = 0;
  double sigma = 0;  ///< one standard error of `measured`, from independent replicas; 0: it is exact

  /// (measured - expected) / sigma: with a sigma of 0 it is 0 where the two are equal and infinite where they differ;
  /// NaN, which is never right, where something is NaN.
  double deviation() const;
};

struct SelftestOptions {
  std::uint64_t seed = 1;  ///< of the chains; the same numbers for the same seed
  double scale = 1;        ///< chains, and with them the time; sigmas go with 1 / sqrt(scale); > 0
  double mu_factor = 1;    ///< on the momentum that the optimiser is given, and not on the closed forms': for tests
};

/// A family of closed forms.
struct Group {
  const char* title;
  std::vector<Check> (*run)(const SelftestOptions& options);
};

/// All families, in order. `run` throws Error for a scale that is not finite and > 0.
std::span<const Group> groups();

/// The checks of all groups, in order. Takes some 15 s at scale 1 on one thread.
std::vector<Check> selftest(const SelftestOptions& options = {});

/// How many sigmas a check may deviate. Of N = 150 independent checks, each with Student's t of 63 degrees of
/// freedom (64 replicas), one is beyond 4.5 for 1 seed in 220, and beyond 5 for 1 in 1,300; of a momentum that is 1
/// % off checks deviate by hundreds.
constexpr double bound = 5;
/// Whether a check deviates by at most `bound`.
bool passes(const Check& check);

// The groups, one a file.
std::vector<Check> quadratic(const SelftestOptions& options);
std::vector<Check> correlated(const SelftestOptions& options);
std::vector<Check> ridge(const SelftestOptions& options);
std::vector<Check> walk(const SelftestOptions& options);
std::vector<Check> moments(const SelftestOptions& options);
std::vector<Check> shuffling(const SelftestOptions& options);
std::vector<Check> relations(const SelftestOptions& options);

}  // namespace quench::selftest
