// fdr_sides() for who has set the floating-point environment already.
#pragma once

#include "quench/fdr.h"

namespace quench::fdr {

/// Whether the step is of a rule without velocity, which measures where the parameters went instead: Adam.
inline bool by_displacement(const Observables& step) { return step.momentum != step.momentum; }

inline FdrSides sides_of(const Observables& step, bool lagged_velocity) {
  if (by_displacement(step)) {
    return {.o_l = -step.theta_d / step.lr,
            .o_r = step.d_d / (2.0 * step.lr),
            .boundary = step.theta_theta / (2.0 * step.lr)};
  }
  const double mu = step.momentum, eta = step.lr, a = 1.0 - step.dampening;
  FdrSides sides;
  sides.o_l = step.theta_g;
  sides.boundary = (1.0 - mu) * step.theta_theta / (2.0 * eta);
  if (mu == 0.0 && !lagged_velocity) {
    sides.o_r = 0.5 * eta * a * step.g_g;
    return sides;
  }
  sides.o_r = (1.0 + mu) / (2.0 * a) * eta * step.v_v;
  // theta . v is not measured where no velocity is stored, and not needed there.
  if (mu != 0.0) sides.boundary += mu * step.theta_v;
  sides.boundary -= (1.0 + mu) * (eta / 2.0) * step.v_v;
  return sides;
}

}  // namespace quench::fdr
