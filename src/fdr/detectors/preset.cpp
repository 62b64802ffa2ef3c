#include <string>

#include "quench/detectors.h"
#include "quench/error.h"

namespace quench {

PresetDetector::PresetDetector(const PresetOptions& options) : options_(options) {
  if (options.epochs < 1) throw Error("epochs is " + std::to_string(options.epochs) + ", expected at least 1");
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
