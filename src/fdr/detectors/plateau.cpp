#include <cmath>

#include "core/float_environment.h"
#include "fdr/require.h"
#include "quench/detectors.h"

namespace quench {

PlateauDetector::PlateauDetector(const PlateauOptions& options) : options_(options) {
  fdr::require(options.patience >= 1, "patience", options.patience, "at least 1");
  fdr::require(std::isfinite(options.improvement) && options.improvement >= 0, "improvement", options.improvement,
               "a finite number of at least 0");
}

void PlateauDetector::observe(double loss, const Observables&) {
  const FloatEnvironment environment;
  sum_ += loss;
  ++steps_;
}

Finding PlateauDetector::test() {
  const FloatEnvironment environment;
  Finding finding;
  finding.limit = options_.patience;
  const double mean = sum_ / static_cast<double>(steps_);
  sum_ = 0;
  steps_ = 0;
  if (!std::isfinite(mean)) {
    finding.reason = "no steps, or a loss that is not finite";
    return finding;
  }
  // Losses below zero improve downwards too.
  if (!std::isfinite(best_) || mean < best_ - options_.improvement * std::abs(best_)) {
    best_ = mean;
    waited_ = 0;
  } else {
    ++waited_;
  }
  finding.statistic = waited_;
  finding.spent = waited_ >= options_.patience;
  finding.reason = finding.spent  ? "the loss no longer falls"
                   : waited_ == 0 ? "the loss falls"
                                  : "the loss has not fallen";
  return finding;
}

void PlateauDetector::restart() {
  sum_ = 0;
  steps_ = 0;
  best_ = std::numeric_limits<double>::infinity();
  waited_ = 0;
}

void PlateauDetector::archive(Archive& archive) {
  archive.value("sum", sum_);
  archive.count("steps", steps_);
  archive.value("best", best_);
  archive.count("waited", waited_);
}

}  // namespace quench
