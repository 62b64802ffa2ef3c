// Detectors besides Yaida's: each says by its own rule when a learning rate is spent. They change nothing, so all
// of them can watch one run. Values that are not finite never make one fire.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "quench/detector.h"
#include "quench/model.h"

namespace quench {

struct SasaOptions {
  double delta = 0.02;              ///< > 0
  std::int64_t least_steps = 1000;  ///< in the window, >= 4
  bool lagged_velocity = false;     ///< as in FdrOptions
};

/// SASA (Lang, Xiao, Zhang, Gillen 2019, "Using statistics to automate stochastic optimization"): of z = O_L - O_R
/// at each step, over the latest half of the steps since the restart, spent when the interval
///     mean(z) +- t sqrt(variance of sqrt(N) batch means / sqrt(N)),
/// t the 90 % quantile of Student's distribution (significance 0.2 on both sides), lies within +- delta mean(O_R).
/// The statistic is the interval's farther end as a part of mean(O_R), the limit delta. (By the identity of fdr.h
/// the mean of z falls with 1/N, so the interval is 6 to 40 times wider than its error.)
class SasaDetector final : public Detector {
 public:
  /// Throws Error for options out of range.
  explicit SasaDetector(const SasaOptions& options = {});
  ~SasaDetector() override;

  std::string_view name() const override { return "sasa"; }
  void reserve(std::int64_t steps) override;
  void observe(double loss, const Observables& step) override;
  Finding test() override;
  void restart() override;
  void archive(Archive& archive) override;

 private:
  struct State;
  SasaOptions options_;
  std::unique_ptr<State> state_;
};

struct PflugOptions {
  std::int64_t burn_in = 100;  ///< steps that do not count, >= 0
};

/// Pflug 1983; Chee and Toulis 2018, "Convergence diagnostics for stochastic gradient descent": spent when the sum
/// of g(t) . g(t-1) since the restart is below 0. Without momentum that product is -v . g / (1 - nu) and costs
/// nothing but storing the velocity; with momentum -v . g is the product with the average of past gradients, which
/// stands in for it. Where the velocity is not stored it cannot tell. (Pesme et al. prove that it fires too early
/// even on quadratics.) The statistic is the sum, the limit 0.
class PflugDetector final : public Detector {
 public:
  /// Throws Error for options out of range.
  explicit PflugDetector(const PflugOptions& options = {});

  std::string_view name() const override { return "pflug"; }
  void reserve(std::int64_t) override {}
  void observe(double loss, const Observables& step) override;
  Finding test() override;
  void restart() override;
  void archive(Archive& archive) override;

 private:
  PflugOptions options_;
  std::int64_t steps_ = 0;
  double sum_ = 0;
};

struct PesmeOptions {
  double q = 1.5;          ///< steps between measurements grow by this, > 1
  int least_points = 5;    ///< no test before this many, >= 1
  double threshold = 0.6;  ///< of the slope
};

/// Pesme, Dieuleveut, Flammarion 2020, "On convergence-diagnostic based step sizes for stochastic gradient
/// descent": at steps t = q^k since the restart, the slope of log |theta - theta_restart|^2 against log t between
/// the last two such steps; spent when it is below the threshold. (It is 2 where theta travels, 1 where it
/// diffuses, 0 where it is stationary.) Reads the parameters at those steps only; keeps a copy of them.
class PesmeDetector final : public Detector {
 public:
  /// parameters must outlive this. Throws Error for options out of range.
  explicit PesmeDetector(const Parameters& parameters, const PesmeOptions& options = {});

  std::string_view name() const override { return "pesme"; }
  void reserve(std::int64_t) override {}
  void observe(double loss, const Observables& step) override;
  /// A slope below the threshold at any measurement since the last test counts.
  Finding test() override;
  void restart() override;
  void archive(Archive& archive) override;

 private:
  double distance_squared() const;

  Parameters parameters_;
  PesmeOptions options_;
  std::vector<std::vector<float>> start_;  // the parameters at the restart
  std::int64_t steps_ = 0;
  std::int64_t next_ = 1;  // the step of the next measurement
  double exact_next_ = 1;  // q^k, of which next_ is the whole part
  int points_ = 0;
  std::int64_t last_step_ = 0;
  double last_distance_ = 0;
  double slope_ = std::numeric_limits<double>::quiet_NaN();  // the smallest since the last test
};

/// ABEL (Lewkowycz 2021, "How to decay your learning rate"): |theta|^2 at the tests; when its change from test to
/// test turns its sign, the norm has bounced. The first turn is noted; at the second the rate is spent. The
/// statistic is the number of turns, the limit 2.
class AbelDetector final : public Detector {
 public:
  std::string_view name() const override { return "abel"; }
  void reserve(std::int64_t) override {}
  void observe(double loss, const Observables& step) override;
  Finding test() override;
  void restart() override;
  void archive(Archive& archive) override;

 private:
  double now_ = std::numeric_limits<double>::quiet_NaN();  // |theta|^2 of the last step
  double last_ = std::numeric_limits<double>::quiet_NaN(), last_change_ = 0;
  int turns_ = 0;
};

struct PlateauOptions {
  int patience = 10;          ///< tests without progress that are borne, >= 1
  double improvement = 1e-4;  ///< part of the best by which a loss must be lower to be progress, >= 0
};

/// The mean loss of the steps between two tests: spent at the patience-th test in a row that was no progress over
/// the best. The statistic is the number of such tests, the limit the patience.
class PlateauDetector final : public Detector {
 public:
  /// Throws Error for options out of range.
  explicit PlateauDetector(const PlateauOptions& options = {});

  std::string_view name() const override { return "plateau"; }
  void reserve(std::int64_t) override {}
  void observe(double loss, const Observables& step) override;
  Finding test() override;
  void restart() override;
  void archive(Archive& archive) override;

 private:
  PlateauOptions options_;
  double sum_ = 0;
  std::int64_t steps_ = 0;
  double best_ = std::numeric_limits<double>::infinity();
  int waited_ = 0;
};

struct PresetOptions {
  std::int64_t epochs = 100;  ///< tests from one cut to the next, >= 1
};

/// Spent after every so many tests, whatever happens: a schedule written down beforehand. The statistic is the
/// number of tests since the restart, this one included.
class PresetDetector final : public Detector {
 public:
  /// Throws Error for options out of range.
  explicit PresetDetector(const PresetOptions& options = {});

  std::string_view name() const override { return "preset"; }
  void reserve(std::int64_t) override {}
  void observe(double, const Observables&) override {}
  Finding test() override;
  void restart() override { tests_ = 0; }
  void archive(Archive& archive) override { archive.count("tests", tests_); }

 private:
  PresetOptions options_;
  std::int64_t tests_ = 0;
};

/// The names that make_detector() knows.
std::span<const std::string_view> detector_names();
/// A detector of that name with default options. Throws Error for another name.
std::unique_ptr<Detector> make_detector(std::string_view name, const Parameters& parameters);

}  // namespace quench
