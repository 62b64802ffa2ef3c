#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "quench/error.h"
#include "quench/fdr.h"
#include "traces.h"

using namespace quench;
using test::Quadratic;
using test::step_between;

namespace {

/// The published scheduler, written from its description: the observables of every step since the last cut in
/// lists, means of the later half of them every `period` steps, the velocity before the step.
struct Published {
  double lr, threshold, decay;
  std::size_t period;
  std::vector<double> o_l, o_r;

  bool step(const std::vector<double>& theta, const std::vector<double>& v, const std::vector<double>& g,
            double momentum, double dampening) {
    double v2 = 0, left = 0;
    for (std::size_t i = 0; i < theta.size(); ++i) {
      v2 += v[i] * v[i];
      left += theta[i] * g[i];
    }
    o_l.push_back(left);
    o_r.push_back(0.5 * lr * (1 + momentum) / (1 - dampening) * v2);
    if (o_l.size() % period != 0) return false;
    double mean_l = 0, mean_r = 0;
    for (std::size_t i = o_l.size() / 2; i < o_l.size(); ++i) {
      mean_l += o_l[i];
      mean_r += o_r[i];
    }
    if (!(std::abs(mean_l / mean_r - 1) < threshold)) return false;
    lr = static_cast<double>(static_cast<float>(lr * (1 - decay)));
    o_l.clear();
    o_r.clear();
    return true;
  }
};

/// A scheduler after `steps` steps that agree, at rate 0.1.
float after_agreement(FdrScheduler& schedule, float lr, int steps = 10) {
  for (int i = 0; i < steps; ++i) schedule.observe(step_between(1, 1, 1));
  return schedule.end_of_epoch(lr);
}

}  // namespace

TEST_CASE("fed the same gradients, the scheduler cuts at the steps at which the published one does") {
  for (const double momentum : {0.0, 0.5}) {
    Quadratic q(50, 23);
    q.momentum = momentum;
    q.dampening = momentum == 0 ? 0 : 0.25;
    for (double& theta : q.theta) theta = 3;
    FdrScheduler schedule({.threshold = 0.05, .decay = 0.2, .lagged_velocity = true});
    Published published{
        .lr = static_cast<double>(0.1F), .threshold = 0.05, .decay = 0.2, .period = 100, .o_l = {}, .o_r = {}};
    float lr = 0.1F;
    int cuts = 0;
    for (int t = 1; t <= 5000; ++t) {
      q.lr = static_cast<double>(lr);
      q.draw();
      if (t == 1) CHECK(fdr_sides(q.measured(), true).o_r == 0);  // there is no velocity yet
      schedule.observe(q.measured());
      const bool cut = published.step(q.theta, q.v, q.g, q.momentum, q.dampening);
      q.move();
      if (schedule.averages().steps() % 100 == 0) lr = schedule.end_of_epoch(lr);
      REQUIRE(static_cast<double>(lr) == published.lr);
      cuts += cut ? 1 : 0;
    }
    INFO("momentum " << momentum);
    CHECK(cuts >= 5);
    CHECK(cuts <= 45);
  }
}

TEST_CASE("a cut multiplies the rate by 1 - Y and restarts the averages; without one they go on") {
  FdrScheduler schedule;
  CHECK(after_agreement(schedule, 0.1F) == static_cast<float>(static_cast<double>(0.1F) * 0.9));
  CHECK(schedule.decision().cut);
  CHECK(schedule.averages().steps() == 0);
  for (int i = 0; i < 10; ++i) schedule.observe(step_between(1, 0.99, 0.1));
  CHECK(schedule.end_of_epoch(0.09F) == 0.09F);
  CHECK_FALSE(schedule.decision().cut);
  CHECK(schedule.decision().finding.statistic == doctest::Approx(0.5));
  CHECK(schedule.averages().steps() == 10);
}

TEST_CASE("the threshold itself is not below the threshold") {
  FdrDetector at({.threshold = 0.5}), above({.threshold = 0.5000001});
  for (FdrDetector* detector : {&at, &above}) detector->observe(0, step_between(1, 0.75, 1, 0.25));  // O_L = 1.5
  CHECK_FALSE(at.test().spent);
  CHECK(above.test().spent);
}

TEST_CASE("no cut goes below the least rate, and no more than the most are made") {
  FdrScheduler least({.lr_min = 0.085});
  CHECK(after_agreement(least, 0.1F) == doctest::Approx(0.09));
  CHECK(after_agreement(least, 0.09F) == 0.085F);
  CHECK(after_agreement(least, 0.085F) == 0.085F);
  CHECK(std::string(least.decision().outcome) == "no cut: the rate is the least allowed");
  FdrScheduler most({.max_cuts = 1});
  CHECK(after_agreement(most, 0.1F) == doctest::Approx(0.09));
  CHECK(after_agreement(most, 0.09F) == 0.09F);
  CHECK(std::string(most.decision().outcome) == "no cut: the most cuts were made");
}

TEST_CASE("an O_R that is not positive, and numbers that are not finite, cut nothing") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double o_r : {0.0, -1.0, infinity, std::numeric_limits<double>::quiet_NaN()}) {
    FdrScheduler schedule({.threshold = 10});
    for (int i = 0; i < 10; ++i) schedule.observe(step_between(1, 1, o_r));
    CHECK(schedule.end_of_epoch(0.1F) == 0.1F);
    CHECK_FALSE(schedule.decision().finding.spent);
  }
  FdrScheduler empty;
  CHECK(empty.end_of_epoch(0.1F) == 0.1F);
}

TEST_CASE("options out of range are refused by name") {
  CHECK_THROWS_WITH_AS(FdrScheduler({.threshold = 0}), "threshold is 0, expected a finite number > 0", Error);
  CHECK_THROWS_WITH_AS(FdrScheduler({.decay = 1}), "decay is 1, expected 0 < decay < 1", Error);
  CHECK_THROWS_WITH_AS(FdrScheduler({.decay = 0}), "decay is 0, expected 0 < decay < 1", Error);
  CHECK_THROWS_WITH_AS(FdrScheduler({.lr_min = -1}), "lr_min is -1, expected a finite number >= 0", Error);
  CHECK_THROWS_WITH_AS(FdrScheduler({.max_cuts = -1}), "max_cuts is -1, expected at least 0", Error);
}

TEST_CASE("demanding equilibrium refuses a norm that only passes by where it was, which the bare rule takes") {
  FdrDetector bare, strict({.demand_equilibrium = true});
  // |theta|^2 falls and grows again between the middle and the end: O_L = O_R on the whole.
  const auto norm = [](int t) { return 1 + 1e-6 * (t - 750) * (t - 750); };
  for (int t = 0; t < 1000; ++t) {
    for (FdrDetector* detector : {&bare, &strict}) detector->observe(0, step_between(norm(t), norm(t + 1), 0.01));
  }
  CHECK(bare.test().spent);
  CHECK_FALSE(strict.test().spent);
  // And takes a true equilibrium.
  Quadratic q(2000, 29);
  for (int t = 0; t < 300; ++t) q.step();
  bool taken = false;
  FdrDetector settled({.demand_equilibrium = true});
  for (int t = 1; t <= 4000; ++t) {
    settled.observe(0, q.step());
    if (t % 500 == 0) taken = taken || settled.test().spent;
  }
  CHECK(taken);
}
