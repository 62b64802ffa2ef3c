#include <cmath>

#include "core/float_environment.h"
#include "fdr/require.h"
#include "quench/detectors.h"

namespace quench {

PflugDetector::PflugDetector(const PflugOptions& options) : options_(options) {
  fdr::require(options.burn_in >= 0, "burn_in", static_cast<double>(options.burn_in), "at least 0");
}

void PflugDetector::observe(double, const Observables& step) {
  const FloatEnvironment environment;
  // Before the first step there is no gradient: v is 0 there, or that of another learning rate.
  if (++steps_ > options_.burn_in && steps_ > 1) sum_ -= step.v_g / (1.0 - step.dampening);
}

Finding PflugDetector::test() {
  Finding finding;
  finding.limit = 0;
  if (std::isnan(sum_)) {
    finding.reason = "the velocity is not stored";
  } else if (steps_ <= options_.burn_in) {
    finding.reason = "too few steps";
  } else {
    finding.statistic = sum_;
    finding.spent = sum_ < 0 && std::isfinite(sum_);
    finding.reason = finding.spent ? "gradients turn against each other" : "gradients still agree";
  }
  return finding;
}

void PflugDetector::restart() {
  steps_ = 0;
  sum_ = 0;
}

void PflugDetector::archive(Archive& archive) {
  archive.count("steps", steps_);
  archive.value("sum", sum_);
}

}  // namespace quench
