// The update of stochastic gradient descent and the sums measured in the same pass.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

/// Groups of 16 whose theta.g and |g|^2 are summed in float before they are added in double.
constexpr int64_t float_run = 8;

/// One sum in double, one partial sum a lane; the products are exact.
QUENCH_INLINE void add_product(f64x16& sum, f64x16 a, f64x16 b) { sum = fma(a, b, sum); }

UpdateSums sgd(int64_t n, float* theta, const float* g, float* v, const SgdStep& step) {
  const f32x16 lr = splat(step.lr), mu = splat(step.momentum), a = splat(step.one_minus_dampening),
               lambda = splat(step.weight_decay);
  f64x16 theta_g{}, g_g{}, v_v{}, v_g{}, theta_v{}, theta_theta{};
  for (int64_t first = 0; first < n; first += float_run * lanes) {
    const int64_t end = n - first < float_run * lanes ? n : first + float_run * lanes;
    f32x16 run_theta_g = zero(), run_g_g = zero();
    for (int64_t i = first; i < end; i += lanes) {
      const f32x16 theta_i = load(theta + i), v_i = load(v + i);
      const f32x16 g_i = fma(lambda, theta_i, load(g + i));
      const f32x16 v_next = fma(mu, v_i, -(a * g_i));
      store(v + i, v_next);
      store(theta + i, fma(lr, v_next, theta_i));
      run_theta_g = fma(theta_i, g_i, run_theta_g);
      run_g_g = fma(g_i, g_i, run_g_g);
      const f64x16 theta_d = to_double(theta_i), v_d = to_double(v_i);
      add_product(v_v, v_d, v_d);
      add_product(v_g, v_d, to_double(g_i));
      add_product(theta_v, theta_d, v_d);
      add_product(theta_theta, theta_d, theta_d);
    }
    theta_g = theta_g + to_double(run_theta_g);
    g_g = g_g + to_double(run_g_g);
  }
  return {tree_sum(theta_g), tree_sum(g_g), tree_sum(v_v), tree_sum(v_g), tree_sum(theta_v), tree_sum(theta_theta)};
}

UpdateSums sgd_plain(int64_t n, float* theta, const float* g, const SgdStep& step) {
  const f32x16 lr = splat(step.lr), a = splat(step.one_minus_dampening), lambda = splat(step.weight_decay);
  f64x16 theta_g{}, g_g{}, theta_theta{};
  for (int64_t first = 0; first < n; first += float_run * lanes) {
    const int64_t end = n - first < float_run * lanes ? n : first + float_run * lanes;
    f32x16 run_theta_g = zero(), run_g_g = zero();
    for (int64_t i = first; i < end; i += lanes) {
      const f32x16 theta_i = load(theta + i);
      const f32x16 g_i = fma(lambda, theta_i, load(g + i));
      store(theta + i, fma(lr, -(a * g_i), theta_i));
      run_theta_g = fma(theta_i, g_i, run_theta_g);
      run_g_g = fma(g_i, g_i, run_g_g);
      const f64x16 theta_d = to_double(theta_i);
      add_product(theta_theta, theta_d, theta_d);
    }
    theta_g = theta_g + to_double(run_theta_g);
    g_g = g_g + to_double(run_g_g);
  }
  return {tree_sum(theta_g), tree_sum(g_g), 0.0, 0.0, 0.0, tree_sum(theta_theta)};
}

void norms(int64_t n, const float* theta, const float* v, double* theta_theta, double* theta_v, double* v_v) {
  f64x16 tt{}, tv{}, vv{};
  for (int64_t i = 0; i < n; i += lanes) {
    const f64x16 theta_i = to_double(load(theta + i));
    add_product(tt, theta_i, theta_i);
    if (v) {
      const f64x16 v_i = to_double(load(v + i));
      add_product(tv, theta_i, v_i);
      add_product(vv, v_i, v_i);
    }
  }
  *theta_theta = tree_sum(tt);
  *theta_v = tree_sum(tv);
  *v_v = tree_sum(vv);
}

}  // namespace
}  // namespace quench::kernels
