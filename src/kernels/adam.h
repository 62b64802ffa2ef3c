// The update of Adam and AMSGrad and the sums measured in the same pass.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd.h"
#include "kernels/update.h"

namespace quench::kernels {
namespace {

/// 0 for what is smaller in magnitude.
QUENCH_INLINE f32x16 without_dust(f32x16 x, f32x16 smallest) {
  return select((x < smallest) & (-smallest < x), zero(), x);
}

/// Amsgrad: there is a largest second moment w. (Runs in float and partial groups
/// as in sgd_piece(), and spelled out for the same reason.)
template <bool Amsgrad>
QUENCH_NOINLINE UpdateSums adam_piece(const AdamPiece& p, const AdamStep& step) {
  const f32x16 minus_rate = splat(-step.rate), scale = splat(step.scale), epsilon = splat(step.epsilon),
               beta1 = splat(step.beta1), one_minus_beta1 = splat(step.one_minus_beta1), beta2 = splat(step.beta2),
               one_minus_beta2 = splat(step.one_minus_beta2), lambda = splat(step.weight_decay),
               smallest = splat(adam_dust);
  f64x16 theta_g{}, g_g{}, theta_theta{}, theta_d{}, d_d{};
  f32x16 run_theta_g = zero(), run_g_g = zero(), run_theta_theta = zero();
  int64_t run = 0;  // groups in it
  for (int64_t r = 0; r < p.rows; ++r) {
    float *theta = p.theta + r * p.row, *m = p.m + r * p.row, *v = p.v + r * p.row,
          *w = Amsgrad ? p.w + r * p.row : nullptr;
    const float* g = p.g + r * p.g_row;
    const int64_t groups = (p.columns + lanes - 1) / lanes;
    if (observed && run + groups > float_run) {
      theta_g = theta_g + to_double(run_theta_g);
      g_g = g_g + to_double(run_g_g);
      theta_theta = theta_theta + to_double(run_theta_theta);
      run_theta_g = run_g_g = run_theta_theta = zero();
      run = 0;
    }
    run += groups;
    for (int64_t i = 0; i < p.columns; i += lanes) {
      const int64_t left = p.columns - i;
      const bool whole = left >= lanes;  // zeros in a partial group stay zeros: epsilon is not 0
      const f32x16 theta_i = whole ? load(theta + i) : load_first(theta + i, left);
      const f32x16 m_i = whole ? load(m + i) : load_first(m + i, left);
      const f32x16 v_i = whole ? load(v + i) : load_first(v + i, left);
      const f32x16 g_i =
          without_dust(fma(lambda, theta_i, whole ? load(g + i) : load_first(g + i, left)), smallest);
      if constexpr (observed) {
        run_theta_g = fma(theta_i, g_i, run_theta_g);
        run_g_g = fma(g_i, g_i, run_g_g);
        run_theta_theta = fma(theta_i, theta_i, run_theta_theta);
      }
      const f32x16 m_next = without_dust(fma(beta1, m_i, one_minus_beta1 * g_i), smallest);
      const f32x16 v_next = fma(beta2, v_i, one_minus_beta2 * (g_i * g_i));
      f32x16 w_next = v_next;
      if constexpr (Amsgrad) w_next = max(whole ? load(w + i) : load_first(w + i, left), v_next);
      const f32x16 theta_next =
          without_dust(fma(minus_rate, m_next / fma(sqrt(w_next), scale, epsilon), theta_i), smallest);
      if constexpr (observed) {
        const f64x16 from = to_double(theta_i), to = to_double(theta_next), d = to - from;
        add_product(theta_d, from, d);
        add_product(d_d, d, d);
      }
      if (whole) {
        store(theta + i, theta_next);
        store(m + i, m_next);
        store(v + i, v_next);
        if constexpr (Amsgrad) store(w + i, w_next);
      } else {
        store_first(theta + i, theta_next, left);
        store_first(m + i, m_next, left);
        store_first(v + i, v_next, left);
        if constexpr (Amsgrad) store_first(w + i, w_next, left);
      }
    }
  }
  theta_g = theta_g + to_double(run_theta_g);
  g_g = g_g + to_double(run_g_g);
  theta_theta = theta_theta + to_double(run_theta_theta);
  return {.theta_g = tree_sum(theta_g),
          .g_g = tree_sum(g_g),
          .theta_theta = tree_sum(theta_theta),
          .theta_d = tree_sum(theta_d),
          .d_d = tree_sum(d_d)};
}

UpdateSums adam(const AdamPiece& piece, const AdamStep& step) {
  return piece.w ? adam_piece<true>(piece, step) : adam_piece<false>(piece, step);
}

}  // namespace
}  // namespace quench::kernels
