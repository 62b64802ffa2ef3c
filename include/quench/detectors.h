// Detectors besides Yaida's: each says by its own rule when a learning rate is spent.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "quench/detector.h"
#include "quench/model.h"

namespace quench {

struct PresetOptions {
  std::int64_t epochs = 100;  ///< tests from one cut to the next, >= 1
};

/// Spent after every so many tests, whatever happens: a schedule written down beforehand.
class PresetDetector final : public Detector {
 public:
  /// Throws Error unless epochs >= 1.
  explicit PresetDetector(const PresetOptions& options = {});

  std::string_view name() const override { return "preset"; }
  void reserve(std::int64_t) override {}
  void observe(double, const Observables&) override {}
  /// The statistic is the number of tests since the restart, this one included.
  Finding test() override;
  void restart() override { tests_ = 0; }

 private:
  PresetOptions options_;
  std::int64_t tests_ = 0;
};

/// The names that make_detector() knows.
std::span<const std::string_view> detector_names();
/// A detector of that name with default options. Throws Error for another name.
std::unique_ptr<Detector> make_detector(std::string_view name, const Parameters& parameters);

}  // namespace quench
