#include <cmath>

#include "core/float_environment.h"
#include "core/student.h"
#include "fdr/batch_means.h"
#include "fdr/prefix_sums.h"
#include "fdr/require.h"
#include "fdr/sides.h"
#include "quench/detectors.h"
#include "quench/error.h"
#include "quench/fdr.h"

namespace quench {
namespace {

constexpr double normal_90 = 1.2815515655446004;  // its 90 % quantile

}  // namespace

struct SasaDetector::State {
  fdr::PrefixSums difference, o_r;
};

SasaDetector::SasaDetector(const SasaOptions& options) : options_(options), state_(std::make_unique<State>()) {
  fdr::require(std::isfinite(options.delta) && options.delta > 0, "delta", options.delta, "a finite number > 0");
  fdr::require(options.least_steps >= 4, "least_steps", static_cast<double>(options.least_steps), "at least 4");
}
SasaDetector::~SasaDetector() = default;

void SasaDetector::reserve(std::int64_t steps) {
  state_->difference.reserve(steps);
  state_->o_r.reserve(steps);
}

void SasaDetector::observe(double, const Observables& step) {
  const FloatEnvironment environment;
  const FdrSides sides = fdr::sides_of(step, options_.lagged_velocity);
  state_->difference.add(sides.o_l - sides.o_r);
  state_->o_r.add(sides.o_r);
}

Finding SasaDetector::test() {
  const FloatEnvironment environment;
  Finding finding;
  finding.limit = options_.delta;
  const std::int64_t last = state_->o_r.count(), first = last / 2, n = last - first;
  if (n < options_.least_steps) {
    finding.reason = "too few steps";
    return finding;
  }
  const double o_r = state_->o_r.sum(first, last) / static_cast<double>(n);
  const double mean = state_->difference.sum(first, last) / static_cast<double>(n);
  const double half = student_quantile(normal_90, static_cast<double>(fdr::batch_count(n)) - 1.0) *
                      fdr::batch_means_error(state_->difference, first, last);
  if (!(o_r > 0) || !std::isfinite(mean) || !std::isfinite(half)) {
    finding.reason = "O_R is not positive, or something not finite";
    return finding;
  }
  finding.statistic = (std::abs(mean) + half) / o_r;
  finding.spent = finding.statistic < options_.delta;
  finding.reason = finding.spent ? "the interval is within the tolerance" : "the interval exceeds the tolerance";
  return finding;
}

void SasaDetector::restart() {
  state_->difference.clear();
  state_->o_r.clear();
}

void SasaDetector::archive(Archive& archive) {
  state_->difference.archive(archive, "difference");
  state_->o_r.archive(archive, "o_r");
  if (state_->difference.count() != state_->o_r.count())
    throw Error("the sums of sasa in the archive are of different lengths");
}

}  // namespace quench
