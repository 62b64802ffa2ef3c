// The update of stochastic gradient descent and the sums measured in the same pass.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

/// Groups of 16 whose products are summed in float before they are added in double.
constexpr int64_t float_run = 8;

UpdateSums sgd(int64_t n, float* theta, const float* g, float* v, const SgdStep& step) {
  const f32x16 lr = splat(step.lr), mu = splat(step.momentum), a = splat(step.one_minus_dampening),
               lambda = splat(step.weight_decay);
  f64x16 theta_g{}, g_g{}, v_v{}, v_g{}, theta_v{}, theta_theta{};
  for (int64_t first = 0; first < n; first += float_run * lanes) {
    const int64_t end = n - first < float_run * lanes ? n : first + float_run * lanes;
    f32x16 s_theta_g = zero(), s_g_g = zero(), s_v_v = zero(), s_v_g = zero(), s_theta_v = zero(),
           s_theta_theta = zero();
    for (int64_t i = first; i < end; i += lanes) {
      const f32x16 theta_i = load(theta + i), v_i = load(v + i);
      const f32x16 g_i = fma(lambda, theta_i, load(g + i));
      const f32x16 v_next = fma(mu, v_i, -(a * g_i));
      store(v + i, v_next);
      store(theta + i, fma(lr, v_next, theta_i));
      s_theta_g = fma(theta_i, g_i, s_theta_g);
      s_g_g = fma(g_i, g_i, s_g_g);
      s_v_v = fma(v_i, v_i, s_v_v);
      s_v_g = fma(v_i, g_i, s_v_g);
      s_theta_v = fma(theta_i, v_i, s_theta_v);
      s_theta_theta = fma(theta_i, theta_i, s_theta_theta);
    }
    theta_g = theta_g + to_double(s_theta_g);
    g_g = g_g + to_double(s_g_g);
    v_v = v_v + to_double(s_v_v);
    v_g = v_g + to_double(s_v_g);
    theta_v = theta_v + to_double(s_theta_v);
    theta_theta = theta_theta + to_double(s_theta_theta);
  }
  return {tree_sum(theta_g), tree_sum(g_g), tree_sum(v_v), tree_sum(v_g), tree_sum(theta_v), tree_sum(theta_theta)};
}

UpdateSums sgd_plain(int64_t n, float* theta, const float* g, const SgdStep& step) {
  const f32x16 lr = splat(step.lr), a = splat(step.one_minus_dampening), lambda = splat(step.weight_decay);
  f64x16 theta_g{}, g_g{}, v_v{}, theta_v{}, theta_theta{};
  for (int64_t first = 0; first < n; first += float_run * lanes) {
    const int64_t end = n - first < float_run * lanes ? n : first + float_run * lanes;
    f32x16 s_theta_g = zero(), s_g_g = zero(), s_v_v = zero(), s_theta_v = zero(), s_theta_theta = zero();
    for (int64_t i = first; i < end; i += lanes) {
      const f32x16 theta_i = load(theta + i);
      const f32x16 g_i = fma(lambda, theta_i, load(g + i));
      const f32x16 v_next = -(a * g_i);
      const f32x16 theta_next = fma(lr, v_next, theta_i);
      store(theta + i, theta_next);
      s_theta_g = fma(theta_i, g_i, s_theta_g);
      s_g_g = fma(g_i, g_i, s_g_g);
      s_v_v = fma(v_next, v_next, s_v_v);
      s_theta_v = fma(theta_next, v_next, s_theta_v);
      s_theta_theta = fma(theta_i, theta_i, s_theta_theta);
    }
    theta_g = theta_g + to_double(s_theta_g);
    g_g = g_g + to_double(s_g_g);
    v_v = v_v + to_double(s_v_v);
    theta_v = theta_v + to_double(s_theta_v);
    theta_theta = theta_theta + to_double(s_theta_theta);
  }
  return {tree_sum(theta_g), tree_sum(g_g), tree_sum(v_v), 0.0, tree_sum(theta_v), tree_sum(theta_theta)};
}

void norms(int64_t n, const float* theta, const float* v, double* theta_theta, double* theta_v, double* v_v) {
  f64x16 tt{}, tv{}, vv{};
  for (int64_t i = 0; i < n; i += lanes) {
    const f64x16 theta_i = to_double(load(theta + i));
    tt = fma(theta_i, theta_i, tt);
    if (v) {
      const f64x16 v_i = to_double(load(v + i));
      tv = fma(theta_i, v_i, tv);
      vv = fma(v_i, v_i, vv);
    }
  }
  *theta_theta = tree_sum(tt);
  *theta_v = tree_sum(tv);
  *v_v = tree_sum(vv);
}

}  // namespace
}  // namespace quench::kernels
