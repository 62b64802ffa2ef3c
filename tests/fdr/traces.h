// Made-up runs for the tests of the fluctuation-dissipation relation.
#pragma once

#include <cmath>
#include <vector>

#include "core/random.h"
#include "quench/fdr.h"

namespace quench::test {

/// Stochastic gradient descent in double on f = sum h_i (theta_i - centre)^2 / 2 with gradient noise, and what an
/// optimiser would measure of it.
struct Quadratic {
  std::vector<double> h, theta, v, g;
  double centre = 0, noise = 1;
  double lr = 0.1, momentum = 0, dampening = 0;
  Random random;

  Quadratic(std::size_t dimensions, std::uint64_t seed)
      : h(dimensions, 1.0), theta(dimensions), v(dimensions), g(dimensions), random(seed, Stream::weights) {}

  /// Of the state as it is, with the gradient g.
  Observables measured() const {
    Observables o;
    for (std::size_t i = 0; i < h.size(); ++i) {
      o.theta_g += theta[i] * g[i];
      o.g_g += g[i] * g[i];
      o.v_v += v[i] * v[i];
      o.v_g += v[i] * g[i];
      o.theta_v += theta[i] * v[i];
      o.theta_theta += theta[i] * theta[i];
    }
    o.lr = lr;
    o.momentum = momentum;
    o.dampening = dampening;
    return o;
  }
  void draw() {
    for (std::size_t i = 0; i < h.size(); ++i) g[i] = h[i] * (theta[i] - centre) + noise * random.normal();
  }
  /// Returns the growth of |theta|^2.
  double move() {
    double growth = 0;
    for (std::size_t i = 0; i < h.size(); ++i) {
      v[i] = momentum * v[i] - (1 - dampening) * g[i];
      const double next = theta[i] + lr * v[i];
      growth += (next + theta[i]) * (next - theta[i]);
      theta[i] = next;
    }
    return growth;
  }
  Observables step() {
    draw();
    Observables o = measured();
    o.drift = move();
    return o;
  }
  Norms norms() const {
    Norms n;
    for (std::size_t i = 0; i < h.size(); ++i) {
      n.theta_theta += theta[i] * theta[i];
      n.theta_v += theta[i] * v[i];
      n.v_v += v[i] * v[i];
      n.theta_4 += theta[i] * theta[i] * theta[i] * theta[i];
      n.v_4 += v[i] * v[i] * v[i] * v[i];
    }
    n.watched = n.theta_theta;
    return n;
  }
};

/// What a step without momentum measures whose |theta|^2 is `now` and next will be `next`, with O_R = o_r: the
/// identity gives O_L.
inline Observables step_between(double now, double next, double o_r, double lr = 0.1) {
  Observables o;
  o.lr = lr;
  o.theta_theta = now;
  o.g_g = o_r / (0.5 * lr);
  o.theta_g = o_r - (next - now) / (2 * lr);
  o.drift = next - now;
  return o;
}

}  // namespace quench::test
