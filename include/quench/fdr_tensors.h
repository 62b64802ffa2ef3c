// FDR1' for each tensor by itself: eq. 28 holds for every coordinate, so it does for every layer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "quench/archive.h"
#include "quench/sgd.h"

namespace quench {

/// A tensor's half-running averages.
struct TensorSides {
  double o_l = 0, o_r = 0;
  double ratio = 0;  ///< NaN unless o_r > 0
};

/// Half-running averages of each tensor at the ends of epochs. Stores two sums a tensor and epoch; nothing else is
/// asked of it than what those are for.
class FdrTensors {
 public:
  FdrTensors(std::size_t tensors, std::int64_t steps_per_epoch, bool lagged_velocity = false);
  ~FdrTensors();
  FdrTensors(FdrTensors&&) noexcept;
  FdrTensors& operator=(FdrTensors&&) noexcept;

  /// A step; per_tensor as Sgd::per_tensor() has it. Allocates nothing but in the first epoch.
  void observe(std::span<const Observables> per_tensor);
  /// The averages over steps floor(t/2) + 1 .. t, at the end of an epoch. Throws Error elsewhere and before the
  /// first.
  std::vector<TensorSides> half_running();
  /// The averages begin anew, `phase` steps into an epoch.
  void restart(std::int64_t phase = 0);
  /// All that is known of the steps.
  void archive(Archive& archive);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quench
