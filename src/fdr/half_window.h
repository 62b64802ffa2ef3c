// Where the windows begin that end with an epoch.
#pragma once

#include <cstdint>
#include <string>

#include "quench/archive.h"
#include "quench/error.h"

namespace quench::fdr {

/// Counts steps since a restart that came `phase` steps into an epoch. Epochs end at steps e with e + phase a
/// multiple of their length, and the window of such an end begins after floor(e / 2) steps: two beginnings an
/// epoch.
class HalfWindows {
 public:
  explicit HalfWindows(std::int64_t steps_per_epoch) : length_(steps_per_epoch) {}

  void restart(std::int64_t phase) {
    phase_ = phase;
    step_ = 0;
  }
  void step() { ++step_; }
  std::int64_t steps() const { return step_; }
  bool at_beginning() const {
    const std::int64_t end = 2 * step_ + phase_;
    return end % length_ == 0 || (end + 1) % length_ == 0;
  }
  bool at_end() const { return step_ > 0 && (step_ + phase_) % length_ == 0; }

  void archive(Archive& archive) {
    archive.count("phase", phase_);
    archive.count("step", step_);
    if (phase_ >= length_) {
      throw Error("the archive has windows begin " + std::to_string(phase_) + " steps into an epoch of " +
                  std::to_string(length_));
    }
  }

 private:
  std::int64_t length_;
  std::int64_t phase_ = 0;
  std::int64_t step_ = 0;
};

}  // namespace quench::fdr
