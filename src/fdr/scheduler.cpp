#include <cmath>

#include "core/float_environment.h"
#include "fdr/require.h"
#include "quench/fdr.h"

namespace quench {
FdrDetector::FdrDetector(const FdrOptions& options) : options_(options), averages_(options.lagged_velocity) {
  fdr::require(std::isfinite(options.threshold) && options.threshold > 0, "threshold", options.threshold,
               "a finite number > 0");
}

Finding FdrDetector::test() {
  const FloatEnvironment environment;
  Finding finding;
  finding.limit = options_.threshold;
  const std::int64_t t = averages_.steps();
  if (t == 0) {
    finding.reason = "no steps yet";
    return finding;
  }
  const FdrWindow whole = averages_.half_running();
  if (!std::isfinite(whole.o_l) || !std::isfinite(whole.o_r)) {
    finding.reason = "O_L or O_R is not finite";
    return finding;
  }
  if (whole.o_r <= 0) {
    finding.reason = "O_R is not positive";
    return finding;
  }
  finding.statistic = std::abs(whole.ratio - 1.0);
  finding.spent = finding.statistic < options_.threshold;
  finding.reason = finding.spent ? "O_L and O_R agree" : "O_L and O_R differ";
  if (options_.demand_equilibrium) {
    finding.spent = false;
    finding.reason = "not in equilibrium within the error bar on both halves";
    if (whole.steps() < 2) return finding;
    const std::int64_t middle = whole.first + whole.steps() / 2;
    const FdrWindow earlier = averages_.window(whole.first, middle), later = averages_.window(middle, t);
    const auto within = [](const FdrWindow& w) { return std::abs(w.ratio - 1.0) <= 2.0 * w.ratio_sd; };
    if (2.0 * whole.ratio_sd >= options_.threshold) {
      finding.reason = "the error bar is wider than the threshold";
    } else if (within(earlier) && within(later)) {
      finding.spent = true;
      finding.reason = "in equilibrium within the error bar on both halves";
    }
  }
  return finding;
}

Cutter::Cutter(const CutOptions& options) : options_(options) {
  fdr::require(options.decay > 0 && options.decay < 1, "decay", options.decay, "0 < decay < 1");
  fdr::require(std::isfinite(options.lr_min) && options.lr_min >= 0, "lr_min", options.lr_min,
               "a finite number >= 0");
  fdr::require(options.max_cuts >= 0, "max_cuts", static_cast<double>(options.max_cuts), "at least 0");
}

Decision Cutter::decide(const Finding& finding, float lr) {
  const FloatEnvironment environment;
  Decision decision{.finding = finding, .lr = lr, .next_lr = lr, .outcome = "wait"};
  if (!finding.spent) return decision;
  if (cuts_ >= options_.max_cuts) {
    decision.outcome = "no cut: the most cuts were made";
    return decision;
  }
  const auto least = static_cast<float>(options_.lr_min);
  if (lr <= least) {
    decision.outcome = "no cut: the rate is the least allowed";
    return decision;
  }
  const auto next = static_cast<float>(static_cast<double>(lr) * (1.0 - options_.decay));
  decision.next_lr = next < least ? least : next;
  decision.cut = true;
  decision.outcome = "cut";
  ++cuts_;
  return decision;
}

FdrScheduler::FdrScheduler(const FdrOptions& options)
    : detector_(options), cutter_({options.decay, options.lr_min, options.max_cuts}) {}

float FdrScheduler::end_of_epoch(float lr) {
  decision_ = cutter_.decide(detector_.test(), lr);
  const std::int64_t steps = detector_.averages().steps();
  if (decision_.cut) detector_.restart();
  detector_.reserve(steps);  // the next epoch has as many
  return decision_.next_lr;
}

}  // namespace quench
