#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "allocation_counter.h"
#include "fdr/compensated_sum.h"
#include "quench/error.h"
#include "quench/fdr.h"
#include "quench/fdr_tensors.h"
#include "traces.h"

using namespace quench;
using test::Quadratic;

TEST_CASE("the sides of the relation are those of the paper, without momentum from the gradient") {
  Observables o;
  o.lr = 0.2;
  o.theta_g = 3;
  o.g_g = 5;
  o.v_v = 7;
  o.theta_v = 11;
  o.theta_theta = 13;
  FdrSides s = fdr_sides(o);
  CHECK(s.o_l == 3);
  CHECK(s.o_r == doctest::Approx(0.5 * 0.2 * 5));
  CHECK(s.boundary == doctest::Approx(13 / 0.4));
  CHECK(fdr_sides(o, true).o_r == doctest::Approx(0.5 * 0.2 * 7));
  o.dampening = 0.25;
  CHECK(fdr_sides(o).o_r == doctest::Approx(0.5 * 0.2 * 0.75 * 5));
  o.momentum = 0.9;
  s = fdr_sides(o);
  CHECK(s.o_r == doctest::Approx(1.9 / 1.5 * 0.2 * 7));
  CHECK(s.boundary == doctest::Approx(0.1 * 13 / 0.4 + 0.9 * 11 - 1.9 * 0.1 * 7));
}

TEST_CASE("half-running averages are those of equation 15 at every step, also after a restart") {
  FdrAverages averages;
  CHECK_THROWS_AS(averages.half_running(), Error);
  for (int run = 0; run < 2; ++run) {
    Quadratic q(3, 11 + static_cast<std::uint64_t>(run));
    std::vector<double> loss, o_l, o_r;
    for (std::size_t t = 1; t <= 200; ++t) {
      const Observables o = q.step();
      averages.observe(static_cast<double>(t) * 0.1, o);
      loss.push_back(static_cast<double>(t) * 0.1);
      o_l.push_back(o.theta_g);
      o_r.push_back(0.05 * o.g_g);
      double mean_loss = 0, mean_l = 0, mean_r = 0;
      for (std::size_t i = t / 2; i < t; ++i) {
        mean_loss += loss[i];
        mean_l += o_l[i];
        mean_r += o_r[i];
      }
      const auto n = static_cast<double>(t - t / 2);
      const FdrWindow w = averages.half_running();
      CHECK(w.first == static_cast<std::int64_t>(t / 2));
      CHECK(w.last == static_cast<std::int64_t>(t));
      CHECK(std::abs(w.loss - mean_loss / n) < 1e-12);
      CHECK(std::abs(w.o_l - mean_l / n) < 1e-12);
      CHECK(std::abs(w.o_r - mean_r / n) < 1e-12);
      CHECK(std::abs(w.ratio - mean_l / mean_r) <= 1e-9 * std::abs(w.ratio));
    }
    averages.restart();
    CHECK(averages.steps() == 0);
  }
}

TEST_CASE("a window that is not there is refused, with its steps") {
  FdrAverages averages;
  averages.observe(1, test::step_between(1, 1, 1));
  CHECK_THROWS_WITH_AS(averages.window(0, 2), "window of steps 0 to 2, expected 0 <= first < last <= 1", Error);
  CHECK_THROWS_AS(averages.window(1, 1), Error);
  CHECK_THROWS_AS(averages.level_errors(0, 1), Error);
}

TEST_CASE("sums keep what additions in turn would lose") {
  fdr::CompensatedSum sum;
  for (int i = 0; i < 1000; ++i) {
    sum.add(1e16);
    sum.add(1.0);
    sum.add(-1e16);
  }
  CHECK(sum.value() == 1000);
}

TEST_CASE("observing allocates nothing where room was made") {
  FdrAverages averages;
  averages.reserve(500);
  FdrTensors tensors(2, 100);
  const Observables both[2] = {test::step_between(2, 1, 1), test::step_between(1, 2, 3)};
  for (int i = 0; i < 100; ++i) tensors.observe(both);
  tensors.half_running();
  const test::AllocationCounter counter;
  for (int i = 0; i < 500; ++i) averages.observe(1, both[0]);
  for (int i = 0; i < 100; ++i) tensors.observe(both);
  CHECK(counter.count() == 0);
}

TEST_CASE("the averages of tensors are half-running at the ends of epochs, with epochs of any length and phase") {
  for (const std::int64_t length : {1, 2, 7, 10}) {
    for (const std::int64_t phase : {std::int64_t{0}, length / 2}) {
      FdrTensors tensors(2, length);
      tensors.restart(phase);
      FdrAverages first, second;
      Quadratic a(2, 5), b(3, 6);
      std::int64_t checked = 0;
      for (std::int64_t t = 1; t <= 8 * length; ++t) {
        const Observables both[2] = {a.step(), b.step()};
        first.observe(0, both[0]);
        second.observe(0, both[1]);
        tensors.observe(both);
        if ((t + phase) % length != 0) {
          CHECK_THROWS_AS(tensors.half_running(), Error);
          continue;
        }
        const std::vector<TensorSides> sides = tensors.half_running();
        CHECK(sides[0].o_l == doctest::Approx(first.half_running().o_l));
        CHECK(sides[1].o_r == doctest::Approx(second.half_running().o_r));
        CHECK(sides[1].ratio == doctest::Approx(second.half_running().ratio));
        ++checked;
      }
      CHECK(checked >= 7);
    }
  }
}

TEST_CASE("the error bar of the ratio is its scatter, within 15 %, with and without momentum and far from zero") {
  for (const double momentum : {0.0, 0.9}) {
    for (const double centre : {0.0, 1.0}) {
      Quadratic q(20, 17);
      q.momentum = momentum;
      q.centre = centre;
      q.lr = momentum > 0 ? 0.02 : 0.1;
      constexpr int windows = 700, steps = 1000;
      for (int i = 0; i < 2000; ++i) q.step();
      double sum = 0, squares = 0, predicted = 0;
      for (int w = 0; w < windows; ++w) {
        FdrAverages averages;
        for (int i = 0; i < steps; ++i) averages.observe(0, q.step());
        const FdrWindow window = averages.window(0, steps);
        sum += window.ratio - 1;
        squares += (window.ratio - 1) * (window.ratio - 1);
        predicted += window.ratio_sd * window.ratio_sd;
      }
      const double mean = sum / windows, scatter = std::sqrt(squares / windows - mean * mean);
      INFO("momentum " << momentum << " centre " << centre << " scatter " << scatter);
      CHECK(std::sqrt(predicted / windows) == doctest::Approx(scatter).epsilon(0.15));
      CHECK(std::abs(mean) < 4 * scatter / std::sqrt(windows));
    }
  }
}

TEST_CASE("batch means give the error of the levels, of correlated steps too") {
  Quadratic q(5, 19);
  q.lr = 0.2;
  for (int i = 0; i < 1000; ++i) q.step();
  constexpr int windows = 300, steps = 4000;
  double sum = 0, squares = 0, predicted = 0;
  for (int w = 0; w < windows; ++w) {
    FdrAverages averages;
    for (int i = 0; i < steps; ++i) averages.observe(0, q.step());
    const double level = averages.window(0, steps).o_l, error = averages.level_errors(0, steps).o_l;
    sum += level;
    squares += level * level;
    predicted += error * error;
  }
  const double mean = sum / windows, scatter = std::sqrt(squares / windows - mean * mean);
  CHECK(std::sqrt(predicted / windows) == doctest::Approx(scatter).epsilon(0.15));
}
