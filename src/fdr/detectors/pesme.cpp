#include <algorithm>
#include <cmath>
#include <string>

#include "core/float_environment.h"
#include "core/math.h"
#include "fdr/require.h"
#include "quench/detectors.h"
#include "quench/error.h"

namespace quench {

PesmeDetector::PesmeDetector(const Parameters& parameters, const PesmeOptions& options)
    : parameters_(parameters), options_(options), start_(parameters.tensors.size()) {
  fdr::require(std::isfinite(options.q) && options.q > 1, "q", options.q, "a finite number > 1");
  fdr::require(options.least_points >= 1, "least_points", options.least_points, "at least 1");
  fdr::require(std::isfinite(options.threshold), "threshold", options.threshold, "a finite number");
  restart();
}

double PesmeDetector::distance_squared() const {
  double total = 0;
  for (std::size_t t = 0; t < start_.size(); ++t) {
    const std::span<const float> now = parameters_.tensors[t].value;
    // Four sums of their own: one would wait for itself at every addition.
    double sums[4] = {};
    for (std::size_t i = 0; i < now.size(); ++i) {
      const double moved = static_cast<double>(now[i]) - static_cast<double>(start_[t][i]);
      sums[i % 4] += moved * moved;
    }
    total += (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }
  return total;
}

void PesmeDetector::observe(double, const Observables&) {
  if (++steps_ < next_) return;
  const FloatEnvironment environment;
  const double distance = distance_squared();
  if (++points_ >= options_.least_points && last_step_ > 0) {
    const double ratio = distance / last_distance_;
    const double times = static_cast<double>(steps_) / static_cast<double>(last_step_);
    const double slope = logarithm(ratio) / logarithm(times);
    if (std::isfinite(slope) && !(slope >= slope_)) slope_ = slope;
  }
  last_step_ = steps_;
  last_distance_ = distance;
  while (next_ <= steps_) {
    exact_next_ *= options_.q;
    next_ = exact_next_ < 1e15 ? static_cast<std::int64_t>(exact_next_) : std::numeric_limits<std::int64_t>::max();
  }
}

Finding PesmeDetector::test() {
  Finding finding;
  finding.limit = options_.threshold;
  finding.statistic = slope_;
  finding.spent = slope_ < options_.threshold;
  finding.reason = finding.spent        ? "the parameters stay where they are"
                   : std::isnan(slope_) ? "no measurement since the last test"
                                        : "the parameters still travel";
  slope_ = std::numeric_limits<double>::quiet_NaN();
  return finding;
}

void PesmeDetector::restart() {
  for (std::size_t t = 0; t < start_.size(); ++t) {
    const std::span<const float> value = parameters_.tensors[t].value;
    start_[t].assign(value.begin(), value.end());
  }
  steps_ = last_step_ = 0;
  next_ = 1;
  exact_next_ = 1;
  points_ = 0;
  slope_ = std::numeric_limits<double>::quiet_NaN();
}

void PesmeDetector::archive(Archive& archive) {
  // The sizes are those of the parameters, which restart() took.
  for (std::size_t i = 0; i < start_.size(); ++i)
    archive.values("start." + std::to_string(i), std::span(start_[i]));
  archive.count("steps", steps_);
  archive.value("next", next_);
  archive.value("exact_next", exact_next_);
  archive.count("points", points_);
  archive.count("last_step", last_step_);
  archive.value("last_distance", last_distance_);
  archive.value("slope", slope_);
  // Anything else would not grow past the steps.
  if (!(exact_next_ >= 1))
    throw Error("the archive has pesme measure at step " + std::to_string(exact_next_) +
                ", expected one of at least 1");
}

}  // namespace quench
