#include "fdr/require.h"
#include "quench/detectors.h"

namespace quench {

PresetDetector::PresetDetector(const PresetOptions& options) : options_(options) {
  fdr::require(options.epochs >= 1, "epochs", static_cast<double>(options.epochs), "at least 1");
}

Finding PresetDetector::test() {
  ++tests_;
  Finding finding;
  finding.statistic = static_cast<double>(tests_);
  finding.limit = static_cast<double>(options_.epochs);
  finding.spent = tests_ >= options_.epochs;
  finding.reason = finding.spent ? "the epochs are done" : "epochs to go";
  return finding;
}

}  // namespace quench
