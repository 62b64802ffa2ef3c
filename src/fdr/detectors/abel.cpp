#include <cmath>

#include "core/float_environment.h"
#include "quench/detectors.h"

namespace quench {

void AbelDetector::observe(double, const Observables& step) { now_ = step.theta_theta; }

Finding AbelDetector::test() {
  const FloatEnvironment environment;
  const double change = now_ - last_;
  last_ = now_;
  if (change != 0 && std::isfinite(change)) {
    if (change * last_change_ < 0) ++turns_;
    // Its sign is all that counts; a product of tiny changes must not vanish.
    last_change_ = change > 0 ? 1 : -1;
  }
  Finding finding;
  finding.statistic = turns_;
  finding.limit = 2;
  finding.spent = turns_ >= 2;
  finding.reason = finding.spent ? "the norm has bounced twice"
                   : turns_ == 1 ? "the norm has bounced once"
                                 : "no bounce of the norm yet";
  return finding;
}

void AbelDetector::restart() {
  now_ = last_ = std::numeric_limits<double>::quiet_NaN();
  last_change_ = 0;
  turns_ = 0;
}

void AbelDetector::archive(Archive& archive) {
  archive.value("now", now_);
  archive.value("last", last_);
  archive.value("last_change", last_change_);
  archive.count("turns", turns_);
}

}  // namespace quench
