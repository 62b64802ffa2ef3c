// The update of stochastic gradient descent and the sums measured in the same pass.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

/// Most groups of 16 whose theta.g, |g|^2 and |theta|^2 are summed in float before they are added in double.
constexpr int64_t float_run = 16;

/// Whether steps measure what goes by; 0 is for timing what that costs.
#ifndef QUENCH_OBSERVE
#define QUENCH_OBSERVE 1
#endif
constexpr bool observed = QUENCH_OBSERVE != 0;

/// One sum in double, one partial sum a lane; products of floats are exact.
QUENCH_INLINE void add_product(f64x16& sum, f64x16 a, f64x16 b) { sum = fma(a, b, sum); }

/// Stored: there is a velocity. Scaled: a = 1 - dampening is not 1; beside a velocity a multiplication by 1 is not
/// worth code of its own. (Sums are variables of their own and the group is spelled in one place: an array of sums,
/// or a function that two loops call, is what compilers keep in memory.)
template <bool Stored, bool Scaled>
QUENCH_NOINLINE UpdateSums sgd_piece(const UpdatePiece& p, const SgdStep& step) {
  const f32x16 lr = splat(step.lr), mu = splat(step.momentum), a = splat(step.one_minus_dampening),
               lambda = splat(step.weight_decay);
  f64x16 theta_g{}, g_g{}, theta_theta{}, v_v{}, v_g{}, theta_v{};
  f32x16 run_theta_g = zero(), run_g_g = zero(), run_theta_theta = zero();
  int64_t run = 0;  // groups in it
  for (int64_t r = 0; r < p.rows; ++r) {
    float *theta = p.theta + r * p.row, *v = Stored ? p.v + r * p.row : nullptr;
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
      const bool whole = left >= lanes;  // in a partial group zeros stand for what is not there, and add nothing
      const f32x16 theta_i = whole ? load(theta + i) : load_first(theta + i, left);
      const f32x16 g_i = fma(lambda, theta_i, whole ? load(g + i) : load_first(g + i, left));
      const f32x16 a_g = Scaled ? a * g_i : g_i;  // 1 g is g
      if constexpr (observed) {
        run_theta_g = fma(theta_i, g_i, run_theta_g);
        run_g_g = fma(g_i, g_i, run_g_g);
        run_theta_theta = fma(theta_i, theta_i, run_theta_theta);
      }
      f32x16 theta_next, v_next = zero();
      if constexpr (Stored) {
        const f32x16 v_i = whole ? load(v + i) : load_first(v + i, left);
        v_next = fma(mu, v_i, -a_g);
        theta_next = fma(lr, v_next, theta_i);
        if constexpr (observed) {
          const f64x16 v_d = to_double(v_i);
          add_product(v_v, v_d, v_d);
          add_product(v_g, v_d, to_double(g_i));
          add_product(theta_v, to_double(theta_i), v_d);
        }
      } else {
        theta_next = fma(lr, -a_g, theta_i);
      }
      if (whole) {
        store(theta + i, theta_next);
        if constexpr (Stored) store(v + i, v_next);
      } else {
        store_first(theta + i, theta_next, left);
        if constexpr (Stored) store_first(v + i, v_next, left);
      }
    }
  }
  theta_g = theta_g + to_double(run_theta_g);
  g_g = g_g + to_double(run_g_g);
  theta_theta = theta_theta + to_double(run_theta_theta);
  return {tree_sum(theta_g), tree_sum(g_g), tree_sum(v_v), tree_sum(v_g), tree_sum(theta_v), tree_sum(theta_theta)};
}

UpdateSums sgd(const UpdatePiece& piece, const SgdStep& step) {
  if (piece.v) return sgd_piece<true, true>(piece, step);
  return step.one_minus_dampening == 1.0F ? sgd_piece<false, false>(piece, step)
                                          : sgd_piece<false, true>(piece, step);
}

double growth(int64_t rows, int64_t columns, const float* from, int64_t from_row, const float* to, int64_t to_row) {
  f64x16 sum{};
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < columns; i += lanes) {
      const int64_t left = columns - i;
      const float *before_i = from + r * from_row + i, *after_i = to + r * to_row + i;
      const bool whole = left >= lanes;  // zeros stand for what is not there
      const f64x16 before = to_double(whole ? load(before_i) : load_first(before_i, left)),
                   after = to_double(whole ? load(after_i) : load_first(after_i, left));
      sum = sum + (after + before) * (after - before);
    }
  }
  return tree_sum(sum);
}

NormSums norms(int64_t n, const float* theta, const float* v) {
  f64x16 theta_theta{}, theta_v{}, v_v{}, theta_4{}, v_4{};
  for (int64_t i = 0; i < n; i += lanes) {
    const f64x16 theta_i = to_double(load(theta + i)), theta_2 = theta_i * theta_i;
    theta_theta = theta_theta + theta_2;
    theta_4 = theta_4 + theta_2 * theta_2;
    if (v) {
      const f64x16 v_i = to_double(load(v + i)), v_2 = v_i * v_i;
      add_product(theta_v, theta_i, v_i);
      v_v = v_v + v_2;
      v_4 = v_4 + v_2 * v_2;
    }
  }
  return {tree_sum(theta_theta), tree_sum(theta_v), tree_sum(v_v), tree_sum(theta_4), tree_sum(v_4)};
}

}  // namespace
}  // namespace quench::kernels
