#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>

#include "quench/fdr.h"
#include "traces.h"

using namespace quench;
using test::step_between;

namespace {

constexpr std::int64_t epoch = 100;

/// The verdict after `steps` steps in which |theta|^2 follows `norm`, with O_R = 0.01 and eta = 0.1.
FdrVerdict verdict_of(std::int64_t steps, const std::function<double(double)>& norm, VerdictOptions options = {}) {
  FdrAverages averages;
  for (std::int64_t t = 0; t < steps; ++t) {
    const auto now = static_cast<double>(t);
    averages.observe(0, step_between(norm(now), norm(now + 1), 0.01));
  }
  options.steps_per_epoch = epoch;
  options.weight_decay = 0.01;
  return fdr_verdict(averages, options);
}

/// A stationary wiggle, with a period that fits no window.
double wiggle(double t, double size) { return size * std::sin(t * 0.7); }

}  // namespace

TEST_CASE("in the first two epochs after the restart the verdict is: warming up") {
  CHECK(verdict_of(0, [](double) { return 1; }).verdict == Verdict::warming_up);
  CHECK(verdict_of(1, [](double) { return 1; }).verdict == Verdict::warming_up);
  CHECK(verdict_of(2 * epoch - 1, [](double) { return 1; }).verdict == Verdict::warming_up);
  CHECK(verdict_of(2 * epoch, [](double) { return 1; }).verdict == Verdict::equilibrated);
}

TEST_CASE("numbers that are not finite, or an O_R that is not positive, keep it there") {
  FdrAverages averages;
  for (int i = 0; i < 500; ++i) averages.observe(0, step_between(1, 1, i == 400 ? -100 : 0.01));
  CHECK(fdr_verdict(averages, {.steps_per_epoch = epoch}).verdict == Verdict::warming_up);
  averages.observe(0, step_between(1, 1, std::nan("")));
  CHECK(fdr_verdict(averages, {.steps_per_epoch = epoch}).verdict == Verdict::warming_up);
}

TEST_CASE("a norm that moves one way is drifting, and the likely cause is named") {
  const auto falls = [](double t) { return 5 - 1e-3 * t + wiggle(t, 1e-4); };
  const auto grows = [](double t) { return 5 + 1e-3 * t + wiggle(t, 1e-4); };
  FdrVerdict v = verdict_of(1000, falls);
  CHECK(v.verdict == Verdict::norm_drifting);
  CHECK(v.cause == "the norm still falls");
  CHECK(v.whole.ratio == doctest::Approx(1.5).epsilon(0.01));
  CHECK(verdict_of(1000, grows).cause == "the norm still grows");
  CHECK(verdict_of(1000, grows, {.after_cut = true}).cause == "the norm grows to that of the new rate");
  CHECK(verdict_of(1000, falls, {.after_cut = true}).cause == "the norm falls to that of the new rate");
  FdrAverages averages;
  for (int t = 0; t < 1000; ++t) averages.observe(0, step_between(grows(t), grows(t + 1), 0.01));
  v = fdr_verdict(averages, {.steps_per_epoch = epoch, .weight_decay = 0});
  CHECK(v.cause == "the norm grows: without weight decay nothing confines it");
}

TEST_CASE("the epochs to go of an exponential relaxation are those that it takes") {
  const auto relaxing = [](double t) { return 5 + std::exp(-t / 400); };
  const FdrVerdict v = verdict_of(1000, relaxing);
  REQUIRE(v.verdict == Verdict::norm_drifting);
  std::int64_t end = 1000;
  for (;; end += epoch) {
    FdrAverages averages;
    for (std::int64_t t = 0; t < end; ++t) {
      const auto now = static_cast<double>(t);
      averages.observe(0, step_between(relaxing(now), relaxing(now + 1), 0.01));
    }
    if (std::abs(averages.half_running().ratio - 1) < 0.01) break;
  }
  CHECK(v.epochs_to_go == doctest::Approx(static_cast<double>(end - 1000) / epoch).epsilon(0.001).scale(1));
  // A drift that does not slow down has no end in sight.
  CHECK(std::isnan(verdict_of(1000, [](double t) { return 5 - 1e-3 * t; }).epochs_to_go));
}

TEST_CASE("the epochs to go of a relaxation with noise end where its error bar is narrow enough too") {
  // Noise of B = 5 |theta|^2 that limits longer than the relaxation lasts.
  const auto relaxing = [](double t) {
    return 5 + 2 * std::exp(-t / 400) + 0.04 * std::sin(t * 6.283185307179586 / 5);
  };
  const FdrVerdict v = verdict_of(1000, relaxing);
  REQUIRE(v.verdict == Verdict::norm_drifting);
  std::int64_t small = 0, known = 0;  // the first epochs' ends at which |r| < X, and 2 s < X too
  for (std::int64_t end = 1000; known == 0; end += epoch) {
    const FdrWindow w = verdict_of(end, relaxing).whole;
    if (small == 0 && std::abs(w.ratio - 1) < 0.01) small = end;
    if (std::abs(w.ratio - 1) < 0.01 && 2 * w.ratio_sd < 0.01) known = end;
  }
  REQUIRE(small < known - 5 * epoch);
  CHECK(v.epochs_to_go == doctest::Approx(static_cast<double>(known - 1000) / epoch).epsilon(0.05));
}

TEST_CASE("without weight decay no end of a drift is promised while the norm grows") {
  const auto verdict = [](double sign, double decay) {
    FdrAverages averages;
    const auto norm = [&](double t) { return 5 + sign * std::exp(-t / 400); };
    for (int t = 0; t < 1000; ++t) averages.observe(0, step_between(norm(t), norm(t + 1), 0.01));
    return fdr_verdict(averages, {.steps_per_epoch = epoch, .weight_decay = decay});
  };
  CHECK(verdict(-1, 0).verdict == Verdict::norm_drifting);
  CHECK(std::isnan(verdict(-1, 0).epochs_to_go));
  CHECK(verdict(-1, 0.01).epochs_to_go > 1);
  CHECK(verdict(1, 0).epochs_to_go > 1);  // it falls
}

TEST_CASE("a norm that came back where it was in the middle makes a bounce") {
  const auto valley = [](double t) { return 5 + 1e-6 * (t - 750) * (t - 750); };
  const auto hill = [](double t) { return 5 - 1e-6 * (t - 750) * (t - 750); };
  FdrVerdict v = verdict_of(1000, valley);
  CHECK(v.verdict == Verdict::bounce_suspected);
  CHECK(std::abs(v.whole.ratio - 1) < 0.01);  // which the bare rule takes for equilibrium
  CHECK(v.cause == "the norm fell and grew again");
  CHECK(verdict_of(1000, hill).cause == "the norm grew and fell again");
}

TEST_CASE("a stationary norm is in equilibrium when the error bar can tell, and limited by noise before") {
  // Its variance is size^2 / 2, so B = 5 |theta|^2 has 12.5 size^2, and s = 5 size / (N 0.01).
  const double size = 0.01;
  FdrVerdict v = verdict_of(1000, [&](double t) { return 5 + wiggle(t, size); });
  CHECK(v.verdict == Verdict::noise_limited);
  CHECK(v.whole.ratio_sd == doctest::Approx(5 * size / (500 * 0.01)).epsilon(0.02));
  // 2 s = 0.02 at 10 epochs: twice as many will do.
  CHECK(v.epochs_to_go == doctest::Approx(10).epsilon(0.1));
  v = verdict_of(3000, [&](double t) { return 5 + wiggle(t, size); });
  CHECK(v.verdict == Verdict::equilibrated);
  CHECK(v.epochs_to_go == 0);
}

TEST_CASE("verdicts have the names of their enumerators") {
  CHECK(verdict_name(Verdict::warming_up) == "warming_up");
  CHECK(verdict_name(Verdict::bounce_suspected) == "bounce_suspected");
  CHECK(verdict_name(Verdict::norm_drifting) == "norm_drifting");
  CHECK(verdict_name(Verdict::noise_limited) == "noise_limited");
  CHECK(verdict_name(Verdict::equilibrated) == "equilibrated");
}
