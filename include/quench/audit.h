// The run checks itself: an identity that holds for any gradients, measured against what the parameters really did.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>

#include "quench/fdr.h"
#include "quench/sgd.h"

namespace quench {

/// One check. Residuals are differences of two numbers that would be equal in real arithmetic; bounds are what the
/// roundings of a run that is right can make of them.
struct AuditResult {
  std::int64_t first = 0, last = 0;  ///< steps first + 1 .. last since the restart
  /// mean(O_L) - mean(O_R) + (B(last) - B(first)) / (a N), as a part of mean(O_R); B from the plain passes at the
  /// ends. The bound is twelve standard deviations of what the roundings of theta and v to float add up to if they
  /// are independent,
  ///     12 x 2.4e-8 ((1 - mu) sqrt(sum theta^4) / eta + ...) / (a sqrt(N) O_R).
  double residual = std::numeric_limits<double>::quiet_NaN();
  double bound = std::numeric_limits<double>::quiet_NaN();
  /// sum(2 theta . d + |d|^2) - (|theta(last)|^2 - |theta(first)|^2) over the watched elements and the steps since
  /// the last check, as a part of |theta|^2: exact but for roundings in double.
  double drift_residual = std::numeric_limits<double>::quiet_NaN();
  double drift_bound = std::numeric_limits<double>::quiet_NaN();
  /// The last update in units of the spacing of floats at the parameters, both in the root mean square:
  /// eta |v'| / (2^-23 |theta|).
  double spacings = std::numeric_limits<double>::quiet_NaN();

  /// False when a residual exceeds its bound, and when the drift was not measured: nothing is watched. A window
  /// whose beginning was not marked passes, and so does one with O_R = 0.
  bool passed() const {
    return !(residual > bound || residual < -bound) && drift_residual <= drift_bound &&
           drift_residual >= -drift_bound;
  }
  /// Why a run that is right does not pass: its learning rate is so small that updates are below half the spacing
  /// of floats at many parameters. They are lost, always in the same direction, so that their roundings add up
  /// instead of cancelling as the first bound has it. The second form, of what the parameters really did, still
  /// holds; the run trains less than its learning rate says.
  bool lost_to_rounding() const {
    return !passed() && drift_residual <= drift_bound && drift_residual >= -drift_bound && spacings < 16;
  }
};

/// The finite-window identity of the half-running averages. It holds for any loss, sampling, network and gradient,
/// so it trips on mistakes of the bookkeeping: L2 or dampening on one side only, the wrong velocity in O_R, a
/// window that is off by one, a learning rate changed inside the window, a lost update, parameters touched by
/// somebody else. What it cannot see is a wrong gradient: the identity holds for any.
class Audit {
 public:
  /// steps_per_epoch: windows end at the ends of epochs and begin at half their steps. Measures nothing itself:
  /// norms are Sgd::norms().
  explicit Audit(std::int64_t steps_per_epoch);
  ~Audit();
  Audit(Audit&&) noexcept;
  Audit& operator=(Audit&&) noexcept;

  /// The averages restart here, `phase` steps into an epoch, with the parameters that `now` was measured of.
  void restart(const Norms& now, std::int64_t phase = 0);
  /// After a step: adds its drift.
  void observe(const Observables& step);
  /// Whether the state after the last step is where the window of a later check begins: then it wants mark().
  bool wants_norms() const;
  void mark(const Norms& now);
  /// Checks the averages' half-running window, at the end of an epoch; last_step is the last step's. Its residual
  /// is NaN when the window's beginning was not marked.
  AuditResult check(const FdrAverages& averages, const Observables& last_step, const Norms& now);
  /// The elements whose drift is measured are others from here on.
  void watch(const Norms& now);
  /// All that later checks depend on.
  void archive(Archive& archive);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The first form by itself. start and end: plain passes at the window's ends.
struct WindowResidual {
  double residual = 0;  ///< as a part of O_R
  double bound = 0;
};
/// step: any of the window, for its eta, mu and nu; g_g of it enters the bound.
WindowResidual audit_window(const FdrWindow& window, const Observables& step, const Norms& start, const Norms& end,
                            bool lagged_velocity = false);

}  // namespace quench
