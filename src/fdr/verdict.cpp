#include <algorithm>
#include <cmath>

#include "core/float_environment.h"
#include "core/math.h"
#include "quench/fdr.h"

namespace quench {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t horizon = 100'000;  // epochs beyond which nothing is predicted

double excess(const FdrWindow& w) { return w.ratio - 1.0; }

/// Whether a window's ratio is off by more than the threshold and the noise.
bool drifts(const FdrWindow& w, double threshold) {
  return std::abs(excess(w)) > std::max(threshold, 2.0 * w.ratio_sd);
}

bool is_known(const FdrWindow& w) { return std::isfinite(w.ratio) && std::isfinite(w.ratio_sd); }

/// Var B / a^2 but for the drift: within quarters of the window, less that of a straight line which moves as far as
/// B did, 1/12 of the square. What fluctuates more slowly than a quarter is missed.
double variance_about_trend(const FdrAverages& averages, const FdrWindow& w) {
  const std::int64_t quarters = std::min<std::int64_t>(4, w.steps());
  double sum = 0;
  for (std::int64_t i = 0; i < quarters; ++i) {
    const FdrWindow q =
        averages.window(w.first + w.steps() * i / quarters, w.first + w.steps() * (i + 1) / quarters);
    const auto n = static_cast<double>(q.steps());
    const double sd = q.ratio_sd * n * q.o_r, moved = n * (q.o_l - q.o_r);
    sum += std::max(0.5 * sd * sd - moved * moved / 12.0, 0.0);
  }
  return sum / static_cast<double>(quarters);
}

/// Epochs until the half-running |r| falls below the threshold when O_L - O_R decays exponentially, as it did from
/// the window's earlier half to its later one, and until twice its standard deviation does, which falls with 1/t.
double epochs_of_relaxation(const FdrAverages& averages, const FdrVerdict& v, const VerdictOptions& options) {
  const double earlier = v.earlier.o_l - v.earlier.o_r, later = v.later.o_l - v.later.o_r;
  const double fall = later / earlier;
  if (!(fall > 0.0 && fall < 1.0)) return unknown;
  const double apart = 0.5 * static_cast<double>(v.earlier.steps() + v.later.steps());
  const double tau = apart / -logarithm(fall);  // in steps
  const auto end = static_cast<double>(v.whole.last), per_epoch = static_cast<double>(options.steps_per_epoch);
  // The difference at the window's end, from its mean over the later half.
  const auto n = static_cast<double>(v.later.steps());
  const double at_end = later * (n / tau) / (exponential(n / tau) - 1.0);
  const double noise = variance_about_trend(averages, v.later);
  // Both fall with t: the first epoch at which they are below is found by bisection.
  const auto below = [&](std::int64_t epochs) {
    const double t = end + static_cast<double>(epochs) * per_epoch, half = 0.5 * t;
    const double sum = tau * (exponential(-(half - end) / tau) - exponential(-(t - end) / tau));
    const double least = options.threshold * v.later.o_r * half;
    return std::abs(at_end * sum) < least && 2.0 * std::sqrt(2.0 * noise) < least;
  };
  std::int64_t low = 0, high = 1;
  while (!below(high)) {
    low = high;
    high *= 2;
    if (high > horizon) return unknown;
  }
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    (below(middle) ? high : low) = middle;
  }
  return static_cast<double>(high);
}

std::string cause_of_drift(const FdrVerdict& v, const VerdictOptions& options) {
  // O_L > O_R: the pull wins, |theta|^2 falls.
  const bool shrinking = excess(v.whole) > 0;
  if (options.weight_decay == 0.0 && !shrinking) return "the norm grows: without weight decay nothing confines it";
  if (options.after_cut)
    return shrinking ? "the norm falls to that of the new rate" : "the norm grows to that of the new rate";
  return shrinking ? "the norm still falls" : "the norm still grows";
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::warming_up:
      return "warming_up";
    case Verdict::bounce_suspected:
      return "bounce_suspected";
    case Verdict::norm_drifting:
      return "norm_drifting";
    case Verdict::noise_limited:
      return "noise_limited";
    case Verdict::equilibrated:
      return "equilibrated";
  }
  return "";
}

FdrVerdict fdr_verdict(const FdrAverages& averages, const VerdictOptions& options) {
  const FloatEnvironment environment;
  FdrVerdict v;
  const std::int64_t t = averages.steps();
  if (t < 2) return v;
  v.whole = averages.half_running();
  const std::int64_t middle = v.whole.first + (v.whole.steps() + 1) / 2;
  v.earlier = averages.window(v.whole.first, middle);
  v.later = middle < t ? averages.window(middle, t) : v.earlier;
  if (t < 2 * options.steps_per_epoch || !is_known(v.whole) || !is_known(v.earlier) || !is_known(v.later)) return v;

  const double x = options.threshold, r = std::abs(excess(v.whole));
  const double r1 = excess(v.earlier), r2 = excess(v.later), s = v.whole.ratio_sd;
  // Without weight decay a norm that grows has nowhere to settle.
  const bool unconfined = options.weight_decay == 0.0 && excess(v.whole) < 0;
  if (r1 * r2 < 0 && drifts(v.earlier, x) && drifts(v.later, x) && r < 0.5 * std::min(std::abs(r1), std::abs(r2))) {
    v.verdict = Verdict::bounce_suspected;
    v.cause = r1 > 0 ? "the norm fell and grew again" : "the norm grew and fell again";
  } else if (r >= x && r > 2.0 * s) {
    v.verdict = Verdict::norm_drifting;
    v.cause = cause_of_drift(v, options);
    v.epochs_to_go = unconfined ? unknown : epochs_of_relaxation(averages, v, options);
  } else if (2.0 * s >= x) {
    v.verdict = Verdict::noise_limited;
    const double epochs = static_cast<double>(t) / static_cast<double>(options.steps_per_epoch);
    v.epochs_to_go = unconfined ? unknown : std::ceil(epochs * (2.0 * s / x - 1.0));
  } else {
    v.verdict = Verdict::equilibrated;
    v.epochs_to_go = 0;
  }
  return v;
}

}  // namespace quench
