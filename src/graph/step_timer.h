// How a benchmark sees where the time of a training step goes.
#pragma once

#include <cstddef>

namespace quench {

/// Told the end of each part of a step, in the order in which they run: a part lasts from the end of the one
/// before. Set as PlanState::timer; without one a part costs a comparison with null.
class StepTimer {
 public:
  virtual ~StepTimer() = default;
  /// position: of the node in the plan. part: "gather", "forward", "backward", or a finer part that an operation
  /// names; a string constant.
  virtual void end_of(std::size_t position, const char* part) = 0;
};

}  // namespace quench
