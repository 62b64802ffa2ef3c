#include "quench/audit.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/float_environment.h"
#include "fdr/compensated_sum.h"
#include "fdr/half_window.h"
#include "fdr/sides.h"
#include "quench/error.h"

namespace quench {
namespace {

/// Rounding to float moves a number by this part of it, in the root mean square over mantissas.
constexpr double float_rounding = 2.4e-8;
/// Twice the usual six: where only L2 moves a weight, as at the pixels that are always black, its roundings repeat
/// from step to step instead of cancelling (up to 0.8 of six deviations in the first epoch on MNIST).
constexpr double deviations = 12;
constexpr double float_spacing = 0x1p-23;                   // of numbers from 1 to 2, as a part of 1
constexpr double double_rounding = 1.1102230246251565e-16;  // 2^-53
/// Longest chain of additions in one double of a step's drift: 4,096 elements in 16 lanes, then pieces and tree.
constexpr double drift_chain = 512;
/// The same of the plain pass over the watched elements of a piece, 4,096 one after the other.
constexpr double norm_chain = 4096 + 512;

/// B at a window's end, see fdr.h.
double boundary(const Norms& n, const Observables& rule, bool lagged_velocity) {
  if (fdr::by_displacement(rule)) return n.theta_theta / (2.0 * rule.lr);
  const double mu = rule.momentum;
  double b = (1.0 - mu) * n.theta_theta / (2.0 * rule.lr);
  if (mu != 0.0) b += mu * n.theta_v;
  if (mu != 0.0 || lagged_velocity) b -= (1.0 + mu) * (rule.lr / 2.0) * n.v_v;
  return b;
}

/// |theta' - theta| = eta |v'|, with |v'|^2 by eq. 26.
double update_length(const Observables& step) {
  if (fdr::by_displacement(step)) return std::sqrt(step.d_d);
  const double mu = step.momentum, a = 1.0 - step.dampening;
  double next_v_v = a * a * step.g_g;
  if (mu != 0.0) next_v_v += mu * mu * step.v_v - 2.0 * a * mu * step.v_g;
  return step.lr * std::sqrt(std::max(next_v_v, 0.0));
}

/// Of sums of theta^4 and v^4 at the window's ends: (theta^4 v^4)^(1/4) >= sqrt(sum theta^2 v^2).
double fourth_root(double x) { return std::sqrt(std::sqrt(x)); }

}  // namespace

WindowResidual audit_window(const FdrWindow& window, const Observables& step, const Norms& start, const Norms& end,
                            bool lagged_velocity) {
  const FloatEnvironment environment;
  const bool displacement = fdr::by_displacement(step);
  const double mu = displacement ? 0.0 : step.momentum, a = displacement ? 1.0 : 1.0 - step.dampening,
               eta = step.lr;
  const auto n = static_cast<double>(window.steps());
  const double moved = boundary(end, step, lagged_velocity) - boundary(start, step, lagged_velocity);
  const double difference = window.o_l - window.o_r + moved / (a * n);
  if (displacement) {
    // Nothing was rounded to float between what is compared.
    const double level = 2.0 * norm_chain * std::max(start.theta_theta, end.theta_theta) / (2.0 * eta * n);
    const double sums = drift_chain * (std::sqrt(step.theta_theta * step.d_d) / eta + window.o_r);
    return {difference / window.o_r, double_rounding * (level + sums) / window.o_r};
  }

  // With theta' = theta + eta v' + d and v' = mu v - a g + e, the identity's rest is
  //     (sum ((1 - mu) / eta theta . d + theta . e + mu d . v')) / (a N).
  const double theta_4 = std::max(start.theta_4, end.theta_4);
  const double theta_d = (1.0 - mu) / eta * std::sqrt(theta_4);
  double theta_e = 0;
  if (mu != 0.0) {
    const double theta_v = fourth_root(theta_4 * std::max(start.v_4, end.v_4));
    theta_e = (1.0 + mu) * theta_v;
  }
  // a g is rounded where a is not 1; and theta . g and |g|^2 were summed in float over up to 16 numbers a lane.
  const double theta_g = fourth_root(theta_4) * std::sqrt(step.g_g);
  const double sums = 3.0 * (theta_g + 0.5 * eta * step.g_g) + (a != 1.0 ? theta_g : 0.0);
  const double roundings = std::sqrt(theta_d * theta_d + theta_e * theta_e + sums * sums);
  const double in_float = deviations * float_rounding * roundings / (a * std::sqrt(n));
  const double in_double =
      64.0 * double_rounding * (std::abs(boundary(start, step, lagged_velocity)) / (a * n) + window.o_r);
  return {difference / window.o_r, (in_float + in_double) / window.o_r};
}

struct Audit::State {
  struct Mark {
    std::int64_t step = 0;
    Norms norms;
  };
  fdr::HalfWindows windows;
  std::vector<Mark> marks;  // in order
  std::size_t next = 0;     // the first that a later window may begin with
  // The drift since the last watch().
  std::int64_t drift_first = 0;
  double watched = 0;  // |theta|^2 then
  fdr::CompensatedSum drift;
  double size = 0;  // of the terms that were added: a bound of the sum of their magnitudes

  explicit State(std::int64_t steps_per_epoch) : windows(steps_per_epoch) {}
};

Audit::Audit(std::int64_t steps_per_epoch) {
  if (steps_per_epoch < 1)
    throw Error("an epoch of " + std::to_string(steps_per_epoch) + " steps, expected at least 1");
  state_ = std::make_unique<State>(steps_per_epoch);
}
Audit::~Audit() = default;
Audit::Audit(Audit&&) noexcept = default;
Audit& Audit::operator=(Audit&&) noexcept = default;

void Audit::restart(const Norms& now, std::int64_t phase) {
  State& s = *state_;
  s.windows.restart(phase);
  s.next = 0;
  s.marks.clear();
  s.marks.reserve(4);
  if (wants_norms()) mark(now);
  watch(now);
}

bool Audit::wants_norms() const { return state_->windows.at_beginning(); }

void Audit::mark(const Norms& now) { state_->marks.push_back({state_->windows.steps(), now}); }

void Audit::observe(const Observables& step) {
  const FloatEnvironment environment;
  State& s = *state_;
  s.windows.step();
  s.drift.add(step.drift);
  // |theta' + theta| |theta' - theta|
  const double moved = update_length(step);
  s.size += (2.0 * std::sqrt(step.theta_theta) + moved) * moved;
}

AuditResult Audit::check(const FdrAverages& averages, const Observables& last_step, const Norms& now) {
  const FloatEnvironment environment;
  State& s = *state_;
  AuditResult result;
  result.last = averages.steps();
  result.first = result.last / 2;
  while (s.next < s.marks.size() && s.marks[s.next].step < result.first) ++s.next;
  if (result.last > 0 && s.next < s.marks.size() && s.marks[s.next].step == result.first) {
    const WindowResidual w =
        audit_window(averages.half_running(), last_step, s.marks[s.next].norms, now, averages.lagged_velocity());
    result.residual = w.residual;
    result.bound = w.bound;
  }
  if (s.windows.steps() > s.drift_first) {
    const double scale = std::max(now.watched, s.watched);
    const double unit = scale == 0.0 ? 1.0 : scale;  // biases that have not moved yet
    result.drift_residual = (s.drift.value() - (now.watched - s.watched)) / unit;
    result.drift_bound = double_rounding * (2.0 * norm_chain + drift_chain * s.size / unit);
  }
  result.spacings = update_length(last_step) / (float_spacing * std::sqrt(last_step.theta_theta));
  s.marks.reserve(s.marks.size() + 4);  // what comes until the next check
  return result;
}

void Audit::archive(Archive& archive) {
  State& s = *state_;
  s.windows.archive(archive);
  std::vector<std::int64_t> steps;
  std::vector<double> norms;
  for (const State::Mark& mark : s.marks) {
    const Norms& n = mark.norms;
    steps.push_back(mark.step);
    norms.insert(norms.end(), {n.theta_theta, n.theta_v, n.v_v, n.theta_4, n.v_4, n.watched});
  }
  archive.values("mark_steps", steps);
  archive.values("mark_norms", norms);
  archive.value("next", s.next);
  archive.count("drift_first", s.drift_first);
  archive.value("watched", s.watched);
  s.drift.archive(archive, "drift");
  archive.value("size", s.size);
  if (!archive.reading()) return;
  if (norms.size() != 6 * steps.size() || s.next > steps.size())
    throw Error("the marks of the audit in the archive are of different lengths");
  s.marks.clear();
  s.marks.reserve(steps.size() + 4);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double* n = norms.data() + 6 * i;
    s.marks.push_back(
        {steps[i],
         {.theta_theta = n[0], .theta_v = n[1], .v_v = n[2], .theta_4 = n[3], .v_4 = n[4], .watched = n[5]}});
  }
}

void Audit::watch(const Norms& now) {
  State& s = *state_;
  s.watched = now.watched;
  s.drift = {};
  s.size = 0;
  s.drift_first = s.windows.steps();
}

}  // namespace quench
