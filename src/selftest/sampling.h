// The shipped samplers, one for each chain.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quench/image_set.h"

namespace quench::selftest {

/// Draws for each of many chains the mini-batches of epochs of its own, as a training loop does: ImageSet::shuffled
/// or ImageSet::iid of a set whose images hold nothing.
class ChainBatches {
 public:
  /// number: of the case, so that no two cases see the same epochs of a seed.
  struct Options {
    int examples = 1, batch = 1;
    bool shuffled = false;  ///< else iid: an independent subset of distinct examples in each step
    std::uint64_t seed = 1, number = 0;
  };
  ChainBatches(const Options& options, std::size_t chains);

  /// Moves to the next step, at first to the first one.
  void next();
  /// The examples of a chain's mini-batch, `batch` of them.
  std::span<const std::uint16_t> of(std::size_t chain) const {
    const auto batch = static_cast<std::size_t>(options_.batch);
    return {drawn_.data() + (chain * static_cast<std::size_t>(steps_) + static_cast<std::size_t>(step_)) * batch,
            batch};
  }
  std::int64_t steps_per_epoch() const { return steps_; }

 private:
  void draw();

  Options options_;
  std::size_t chains_;
  ImageSet images_;
  std::int64_t steps_, step_ = 0, epoch_ = 0;
  std::vector<std::uint16_t> drawn_;  // [chain][step][example]
};

}  // namespace quench::selftest
