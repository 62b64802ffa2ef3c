#include "selftest/ensemble.h"

#include <cmath>
#include <cstddef>
#include <memory>

#include "io/numbers.h"
#include "quench/error.h"

namespace quench::selftest {
namespace {

constexpr std::size_t alignment = 64;  // of parameters, in bytes

/// The first `count` floats of the memory that begin at a multiple of the alignment.
std::span<float> aligned(std::vector<float>& memory, std::size_t count) {
  memory.resize(count + alignment / sizeof(float));
  void* start = memory.data();
  std::size_t space = memory.size() * sizeof(float);
  return {static_cast<float*>(std::align(alignment, count * sizeof(float), start, space)), count};
}

/// A vector [chains] for each coordinate and replica.
std::vector<Parameter> tensors(std::span<float> theta, std::span<float> gradient, std::size_t chains) {
  std::vector<Parameter> result;
  for (std::size_t first = 0; first < theta.size(); first += chains) {
    Parameter p;
    p.name = "chains";
    p.shape = {static_cast<std::int64_t>(chains)};
    p.value = theta.subspan(first, chains);
    p.gradient = gradient.subspan(first, chains);
    result.push_back(p);
  }
  return result;
}

SgdOptions options(const Rule& rule, double mu_factor) {
  return {.lr = rule.lr,
          .momentum = static_cast<float>(rule.mu() * mu_factor),
          .dampening = rule.dampening,
          .weight_decay = rule.weight_decay};
}

void add(Observables& to, const Observables& more) {
  to.theta_g += more.theta_g;
  to.g_g += more.g_g;
  to.v_v += more.v_v;
  to.v_g += more.v_g;
  to.theta_v += more.theta_v;
  to.theta_theta += more.theta_theta;
}

}  // namespace

std::string label(const Rule& rule) {
  return ", mu " + io::to_text(rule.momentum) + ", nu " + io::to_text(rule.dampening);
}

Estimate estimate(std::span<const double, replicas> values) {
  constexpr auto n = static_cast<double>(replicas);
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / (n * (n - 1)))};
}

std::size_t scaled(std::size_t chains, double scale) {
  if (!(scale > 0 && scale <= 1000)) {
    throw Error("the scale of the selftest is " + io::to_text(scale) + ", expected > 0 and at most 1000");
  }
  const double groups = std::ceil(static_cast<double>(chains) * scale / 16);
  return 16 * static_cast<std::size_t>(groups);
}

Ensemble::Ensemble(const Rule& rule, double mu_factor, std::size_t coordinates, std::size_t chains,
                   std::int64_t steps)
    : coordinates_(coordinates),
      chains_(chains),
      steps_(steps),
      theta_(aligned(memory_, 2 * coordinates * replicas * chains)),
      gradient_(theta_.subspan(coordinates * replicas * chains)),
      tensors_(tensors(theta_.first(gradient_.size()), gradient_, chains)),
      sgd_({tensors_, &one_thread_}, options(rule, mu_factor)),
      tensor_averages_(coordinates * replicas, steps),
      sums_(coordinates * replicas) {
  for (std::size_t t = 0; t < tensors_.size(); ++t) velocity_.push_back(sgd_.velocity(t).data());
  averages_.reserve(steps);
}

void Ensemble::step() {
  const bool in_window = measuring();
  averages_.observe(0, sgd_.step());
  tensor_averages_.observe(sgd_.per_tensor());
  if (in_window) {
    for (std::size_t t = 0; t < sums_.size(); ++t) add(sums_[t], sgd_.per_tensor()[t]);
  }
  if (++done_ == steps_) sides_ = tensor_averages_.half_running();
}

Observables Ensemble::mean(std::size_t replica) const {
  Observables m;
  for (std::size_t c = 0; c < coordinates_; ++c) add(m, sums_[c * replicas + replica]);
  const double n = static_cast<double>(chains_) * static_cast<double>(steps_ - steps_ / 2);
  for (double* sum : {&m.theta_g, &m.g_g, &m.v_v, &m.v_g, &m.theta_v, &m.theta_theta}) *sum /= n;
  return m;
}

void Report::add(std::string_view name, double expected, const Estimate& measured) {
  checks_.push_back({std::string(name) + suffix_, expected, measured.mean, measured.sigma});
}

Estimate Ensemble::moment(double Observables::*sum) const {
  return of_replicas([&](std::size_t r) { return mean(r).*sum; });
}

TensorSides Ensemble::sides(std::size_t replica) const {
  TensorSides sum;
  for (std::size_t c = 0; c < coordinates_; ++c) {
    sum.o_l += sides_[c * replicas + replica].o_l / static_cast<double>(chains_);
    sum.o_r += sides_[c * replicas + replica].o_r / static_cast<double>(chains_);
  }
  return sum;
}

template <typename Side>
Estimate Ensemble::of_sides(Side side) const {
  const FdrWindow whole = averages_.half_running();
  return {side(whole) / static_cast<double>(all()),
          of_replicas([&](std::size_t r) { return side(sides(r)); }).sigma};
}

Estimate Ensemble::o_l() const {
  return of_sides([](const auto& s) { return s.o_l; });
}
Estimate Ensemble::o_r() const {
  return of_sides([](const auto& s) { return s.o_r; });
}
Estimate Ensemble::o_l_minus_o_r() const {
  return of_sides([](const auto& s) { return s.o_l - s.o_r; });
}

}  // namespace quench::selftest
