// The fluctuation-dissipation relation of Yaida (ICLR 2019): its two sides, their averages with an error bar, and
// the scheduler that cuts the learning rate when they agree.
//
// For a learning rate eta, momentum mu and dampening nu, with a = 1 - nu, in the stationary state (eq. 17, FDR1')
//     <theta . g> = ((1 + mu) / (2 a)) eta <|v|^2>,        O_L on the left, O_R on the right.
// For *any* gradients, over a window of N steps, exactly but for rounding,
//     mean(O_L) - mean(O_R) = -(B(end) - B(start)) / (a N),
//     B = (1 - mu) |theta|^2 / (2 eta) + mu theta . v - (1 + mu) (eta / 2) |v|^2,
// so that the ratio says how far the weight norm moved, and its error falls with 1/N, not 1/sqrt(N).
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "quench/archive.h"
#include "quench/detector.h"
#include "quench/sgd.h"

namespace quench {

/// The two sides of FDR1' at one step, and the boundary term.
struct FdrSides {
  double o_l = 0;       ///< theta . g
  double o_r = 0;       ///< ((1 + mu) / (2 a)) eta |v|^2 with v before the step; (eta / 2) a |g|^2 for mu = 0
  double boundary = 0;  ///< B; for mu = 0 without its last term (O_R is then that of the velocity after the step)
};

/// Of a rule without a velocity (Adam) these are -theta . d / eta and |d|^2 / (2 eta), with d the true
/// displacement, and B = |theta|^2 / (2 eta): the identity above holds for them with a = 1, so their ratio tells as
/// well whether the norm drifts, but there is no temperature in it: it is not the relation of the paper.
/// lagged_velocity: O_R from the velocity before the step without momentum as well, as the published code has it;
/// its first value after the start is then 0.
FdrSides fdr_sides(const Observables& step, bool lagged_velocity = false);

/// Means over steps first + 1 .. last of those since the restart, which are counted from 1.
struct FdrWindow {
  std::int64_t first = 0, last = 0;
  double loss = 0;  ///< of the mini-batch losses
  double o_l = 0, o_r = 0;
  double boundary_variance = 0;  ///< of B over the window's states
  /// O_L / O_R, the ratio of the means.
  double ratio = std::numeric_limits<double>::quiet_NaN();
  /// One standard deviation of the ratio in the stationary state, sqrt(2 Var B) / (a N O_R): for windows that are
  /// long beside the correlation time of B.
  double ratio_sd = std::numeric_limits<double>::quiet_NaN();

  std::int64_t steps() const { return last - first; }
};

/// One standard error of a mean over a window, from the scatter of the means of sqrt(N) batches of steps: for the
/// levels. (Their difference has no long-run variance: for the ratio these would be 6 to 40 times too wide.)
struct FdrLevels {
  double loss = 0, o_l = 0, o_r = 0;
};

/// Means over any window since the restart, exactly (eq. 15): stores compensated sums of every step, 40 bytes each.
class FdrAverages {
 public:
  explicit FdrAverages(bool lagged_velocity = false);
  ~FdrAverages();
  FdrAverages(FdrAverages&&) noexcept;
  FdrAverages& operator=(FdrAverages&&) noexcept;

  /// Makes room for `steps` more calls of observe(), which then allocate nothing.
  void reserve(std::int64_t steps);
  /// A step of the optimiser; loss: the mini-batch loss with its L2 term before the update.
  void observe(double loss, const Observables& step);
  bool lagged_velocity() const;
  /// Steps since the restart.
  std::int64_t steps() const;
  /// Throws Error unless 0 <= first < last <= steps().
  FdrWindow window(std::int64_t first, std::int64_t last) const;
  /// The half-running average of eq. 15: steps floor(t/2) + 1 .. t. Throws Error before the first step.
  FdrWindow half_running() const;
  /// Throws Error as window() does, and for windows of fewer than 4 steps.
  FdrLevels level_errors(std::int64_t first, std::int64_t last) const;
  /// Forgets all steps; for when the learning rate changes.
  void restart();
  /// All that is known of the steps. lagged_velocity is an option, not state.
  void archive(Archive& archive);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Where a run stands with its learning rate. r is O_L/O_R - 1 over the half-running window and r1, r2 over the
/// window's own halves, s, s1, s2 their standard deviations, X the threshold. The first that holds:
enum class Verdict {
  warming_up,        ///< fewer than 2 epochs since the restart, or O_R <= 0, or a value that is not finite
  bounce_suspected,  ///< r1 r2 < 0, |r1| > max(X, 2 s1), |r2| > max(X, 2 s2), |r| < min(|r1|, |r2|) / 2: |theta|^2
                     ///< moved there and back, so that r is small in passing
  norm_drifting,     ///< |r| >= X and |r| > 2 s
  noise_limited,     ///< 2 s >= X: the window is too short to tell X from 0
  equilibrated       ///< else: |r| < X and 2 s < X
};
/// "warming_up", "bounce_suspected", ...
std::string_view verdict_name(Verdict verdict);

struct FdrVerdict {
  Verdict verdict = Verdict::warming_up;
  std::string cause;  ///< of a drift: why, likely; otherwise empty
  FdrWindow whole, earlier, later;
  /// Epochs until |r| < X is to be expected, and 2 s < X. While drifting: from an exponential relaxation whose
  /// time is that between the two halves' drifts, and from the variance of B that it leaves, whose s falls with
  /// 1/t; where noise limits: s falls with 1/t. 0 when equilibrated, NaN when nothing can be said, and without
  /// weight decay as long as the norm grows.
  double epochs_to_go = std::numeric_limits<double>::quiet_NaN();
};

struct VerdictOptions {
  double threshold = 0.01;  ///< X
  std::int64_t steps_per_epoch = 1;
  double weight_decay = 0;  ///< lambda, for the cause
  bool after_cut = false;   ///< whether the restart was a cut, for the cause
};

/// The verdict over the half-running window of the steps so far.
FdrVerdict fdr_verdict(const FdrAverages& averages, const VerdictOptions& options);

struct FdrOptions {
  double threshold = 0.01;  ///< X: the rate is spent when |O_L / O_R - 1| < X, averages half-running; > 0
  double decay =
      0.1;  ///< Y: a cut multiplies the rate by 1 - Y; 0 < Y < 1. (The published code's 0.9 is a tenfold cut.)
  double lr_min = 0;  ///< no cut goes below
  std::int64_t max_cuts = std::numeric_limits<std::int64_t>::max();
  bool lagged_velocity = false;  ///< see fdr_sides()
  /// Instead of the bare threshold: 2 s < X, and |r1| <= 2 s1 and |r2| <= 2 s2 (see Verdict).
  bool demand_equilibrium = false;
};

/// Yaida's rule (section 3.3) as a detector, named "fdr": the statistic is |O_L / O_R - 1|, the limit X.
/// O_R <= 0 or a value that is not finite is never spent.
class FdrDetector final : public Detector {
 public:
  /// Throws Error for a threshold that is not finite and > 0.
  explicit FdrDetector(const FdrOptions& options = {});

  std::string_view name() const override { return "fdr"; }
  void reserve(std::int64_t steps) override { averages_.reserve(steps); }
  void observe(double loss, const Observables& step) override { averages_.observe(loss, step); }
  Finding test() override;
  void restart() override { averages_.restart(); }
  void archive(Archive& archive) override { averages_.archive(archive); }

  const FdrAverages& averages() const { return averages_; }

 private:
  FdrOptions options_;
  FdrAverages averages_;
};

/// What became of a finding.
struct Decision {
  Finding finding;
  bool cut = false;
  float lr = 0, next_lr = 0;
  const char* outcome = "";  ///< "cut", "wait", or why a cut was not made
};

struct CutOptions {
  double decay = 0.1;  ///< Y: next = lr (1 - Y); 0 < Y < 1
  double lr_min = 0;   ///< a cut that would go below goes to it; at it, none is made; >= 0
  std::int64_t max_cuts = std::numeric_limits<std::int64_t>::max();  ///< >= 0
};

/// Turns findings into learning rates.
class Cutter {
 public:
  /// Throws Error for options out of range, naming the option and its value.
  explicit Cutter(const CutOptions& options = {});
  Decision decide(const Finding& finding, float lr);
  std::int64_t cuts() const { return cuts_; }
  void archive(Archive& archive) { archive.count("cuts", cuts_); }

 private:
  CutOptions options_;
  std::int64_t cuts_ = 0;
};

/// The paper's scheduler, for a training loop:
///     schedule.observe(sgd.step());                     // after every step
///     sgd.lr = schedule.end_of_epoch(sgd.lr);           // or every k steps
/// A cut restarts the averages (t = 0) and leaves the velocity alone.
class FdrScheduler {
 public:
  /// Throws Error for options out of range.
  explicit FdrScheduler(const FdrOptions& options = {});

  /// Allocates nothing but in the first epoch, and where an epoch has more steps than those before.
  void observe(const Observables& step) { observe(0.0, step); }
  void observe(double loss, const Observables& step) { detector_.observe(loss, step); }
  /// Tests, and returns the learning rate to go on with.
  float end_of_epoch(float lr);
  /// Of the last test.
  const Decision& decision() const { return decision_; }
  const FdrAverages& averages() const { return detector_.averages(); }
  /// What later tests depend on; the decision of the last one is not kept.
  void archive(Archive& archive) {
    detector_.archive(archive);
    cutter_.archive(archive);
  }

 private:
  FdrDetector detector_;
  Cutter cutter_;
  Decision decision_;
};

}  // namespace quench
