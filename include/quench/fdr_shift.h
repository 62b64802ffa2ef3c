// O_L with the parameters measured from a point nearby (footnote 4 of the paper): what the norm of theta hides.
#pragma once

#include <cstdint>
#include <memory>

#include "quench/fdr.h"
#include "quench/sgd.h"

namespace quench {

/// O_L^c = (theta - theta_c) . g, averaged over a window at whose start theta_c = theta was taken. The relation
/// holds for any constant theta_c; with one that is near, |theta - theta_c|^2 fluctuates less than |theta|^2 does.
/// theta_c changes at the restart and after 1, 2, 4, 8, ... times `period` steps, and the window is that since
/// then: after 2^k periods it is the half-running one. Needs no pass of its own at each step: the sum of g over a
/// window follows from its ends (eq. 25),
///     a sum(g) = -((1 - mu) (theta_end - theta_start) / eta + mu (v_end - v_start)).
/// Costs a copy of the parameters and a pass over them at each end of a period.
class FdrShift {
 public:
  /// sgd and the parameters, which are its, must outlive this. period: steps of an epoch.
  FdrShift(Sgd& sgd, Parameters parameters, std::int64_t period);
  ~FdrShift();
  FdrShift(FdrShift&&) noexcept;
  FdrShift& operator=(FdrShift&&) noexcept;

  /// The averages restart here.
  void restart();
  /// Means over the window up to now, o_l being O_L^c; boundary_variance and ratio_sd are not known. To be called
  /// at ends of periods, after which the window may begin anew. Throws Error when no step was made since the
  /// restart.
  FdrWindow end_of_period(const FdrAverages& averages);
  /// theta_c and what goes with it.
  void archive(Archive& archive);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quench
