#include "quench/detectors.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "allocation_counter.h"
#include "core/random.h"
#include "quench/error.h"
#include "quench/fdr.h"

using namespace quench;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// A step without momentum with these sides and this norm.
Observables step_of(double o_l, double o_r, double theta_theta = 1) {
  Observables o;
  o.lr = 0.1;
  o.theta_g = o_l;
  o.g_g = o_r / (0.5 * o.lr);
  o.theta_theta = theta_theta;
  o.v_g = not_a_number;
  return o;
}

/// Tests after every step in `values`, given as |theta|^2; the number of the first test that says spent, or 0.
int first_spent(Detector& detector, const std::vector<double>& norms) {
  int test = 0;
  for (const double norm : norms) {
    detector.observe(1, step_of(1, 1, norm));
    ++test;
    if (detector.test().spent) return test;
  }
  return 0;
}

/// Parameters of one tensor that the test moves.
struct Point {
  std::vector<float> value = std::vector<float>(4000, 0.0F);
  Parameter parameter;
  Point() { parameter.value = value; }
  Parameters parameters() { return {std::span<Parameter>(&parameter, 1)}; }
};

}  // namespace

TEST_CASE("preset is spent at every so many tests since the restart") {
  PresetDetector preset({.epochs = 3});
  CHECK_FALSE(preset.test().spent);
  CHECK_FALSE(preset.test().spent);
  CHECK(preset.test().spent);
  preset.restart();
  CHECK_FALSE(preset.test().spent);
  CHECK(preset.test().statistic == 2);
  CHECK_THROWS_WITH_AS(PresetDetector({.epochs = 0}), "epochs is 0, expected at least 1", Error);
}

TEST_CASE("abel is spent at the second bounce of the norm") {
  AbelDetector abel;
  // Falls, grows (first bounce at test 4), grows, falls (second at test 6).
  CHECK(first_spent(abel, {10, 8, 6, 7, 8, 7.5, 7}) == 6);
  abel.restart();
  CHECK(first_spent(abel, {10, 8, 6, 7, 8, 9, 10, 11}) == 0);
  abel.restart();
  CHECK(first_spent(abel, {10, 8, 8, 8, 6, 5, 4}) == 0);  // standing still is no bounce
  abel.restart();
  CHECK(first_spent(abel, {10, not_a_number, 8, not_a_number, 6, not_a_number, 7, not_a_number}) == 0);
}

TEST_CASE("plateau is spent at the patience-th test in a row without progress") {
  PlateauDetector plateau({.patience = 3, .improvement = 0.01});
  const auto test = [&](double loss) {
    plateau.observe(loss + 1, step_of(1, 1));
    plateau.observe(loss - 1, step_of(1, 1));
    return plateau.test().spent;
  };
  for (const double loss : {4.0, 3.0, 2.0}) CHECK_FALSE(test(loss));
  CHECK_FALSE(test(1.99));  // half a per cent is no progress: 1
  CHECK_FALSE(test(2.5));   // 2
  CHECK(test(2.0));         // 3
  plateau.restart();
  // A spike, and then a steady descent from above the best: no plateau until it took too long to come back.
  for (const double loss : {2.0, 9.0, 1.9, 1.8, 1.7, 1.6}) CHECK_FALSE(test(loss));
  plateau.restart();
  for (int i = 0; i < 10; ++i) CHECK_FALSE(test(not_a_number));
  CHECK_THROWS_WITH_AS(PlateauDetector({.patience = 0}), "patience is 0, expected at least 1", Error);
}

TEST_CASE("pflug is spent when gradients turn against each other, without momentum and with dampening") {
  // h = 1: g = theta + noise. Far away g . g' > 0; once there, the noise of one step is what the next undoes.
  Random random(3, Stream::weights);
  PflugDetector pflug({.burn_in = 10});
  double theta = 1000, last = 0;
  const auto walk = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      const double g = theta + random.normal();
      Observables o = step_of(theta * g, 0.05 * g * g);
      o.dampening = 0.5;
      o.v_g = -0.5 * last * g;
      pflug.observe(0, o);
      theta -= 0.1 * 0.5 * g;
      last = g;
    }
  };
  walk(30);
  CHECK(theta > 100);
  CHECK_FALSE(pflug.test().spent);
  CHECK(pflug.test().statistic > 0);
  walk(400);
  pflug.restart();
  CHECK_FALSE(pflug.test().spent);  // nothing known yet
  last = 0;
  walk(20'000);
  CHECK(pflug.test().spent);

  pflug.restart();
  for (int i = 0; i < 100; ++i) pflug.observe(0, step_of(1, 1));
  CHECK_FALSE(pflug.test().spent);
  CHECK(std::string(pflug.test().reason) == "the velocity is not stored");
}

TEST_CASE("pesme tells travelling and diffusing parameters from those that stay") {
  for (const int kind : {2, 1, 0}) {  // the slope
    Point point;
    PesmeDetector pesme(point.parameters());
    Random random(5, Stream::weights);
    std::vector<double> place(point.value.size());
    bool spent = false;
    double statistic = 0;
    for (int step = 1; step <= 600; ++step) {
      for (std::size_t i = 0; i < place.size(); ++i) {
        if (kind == 2) place[i] += 0.01;
        if (kind == 1) place[i] += random.normal();
        if (kind == 0) place[i] += -0.5 * place[i] + random.normal();
        point.value[i] = static_cast<float>(place[i]);
      }
      pesme.observe(0, step_of(1, 1));
    }
    const Finding finding = pesme.test();
    spent = finding.spent;
    statistic = finding.statistic;
    INFO("slope " << kind << ", measured " << statistic);
    CHECK(spent == (kind == 0));
    CHECK(std::abs(statistic - kind) < 0.2);
    CHECK(std::isnan(pesme.test().statistic));  // nothing was measured since
    // From the restart on everything counts anew, from where the parameters are.
    pesme.restart();
    pesme.observe(0, step_of(1, 1));
    CHECK(std::isnan(pesme.test().statistic));
  }
  Point point;
  CHECK_THROWS_WITH_AS(PesmeDetector(point.parameters(), {.q = 1}), "q is 1, expected a finite number > 1", Error);
}

TEST_CASE("sasa is spent when the interval of O_L - O_R is within the tolerance, and not before") {
  Random random(7, Stream::weights);
  const auto feed = [&](SasaDetector& sasa, int steps, double offset) {
    for (int i = 0; i < steps; ++i) sasa.observe(0, step_of(1 + offset + 0.1 * random.normal(), 1));
  };
  SasaDetector settled;
  feed(settled, 1998, 0);
  CHECK(std::string(settled.test().reason) == "too few steps");
  feed(settled, 2, 0);
  const Finding finding = settled.test();
  CHECK(finding.spent);
  // 1000 values of deviation 0.1: the interval's half is about 1.3 x 0.1 / sqrt(1000) = 0.0041, the mean less.
  CHECK(finding.statistic > 0.003);
  CHECK(finding.statistic < 0.014);

  SasaDetector off;
  feed(off, 4000, 0.019);  // the mean is within the tolerance, the interval is not
  CHECK_FALSE(off.test().spent);
  CHECK(off.test().statistic > 0.02);

  SasaDetector late;  // only the latest half counts
  feed(late, 2000, 5);
  feed(late, 2000, 0);
  CHECK(late.test().spent);
  late.restart();
  CHECK_FALSE(late.test().spent);

  SasaDetector broken;
  feed(broken, 2500, 0);
  broken.observe(0, step_of(not_a_number, 1));
  CHECK_FALSE(broken.test().spent);
  SasaDetector negative;
  for (int i = 0; i < 2500; ++i) negative.observe(0, step_of(-1, -1));
  CHECK_FALSE(negative.test().spent);
}

TEST_CASE("detectors allocate nothing where room was made") {
  Point point;
  for (const std::string_view name : detector_names()) {
    const std::unique_ptr<Detector> detector = make_detector(name, point.parameters());
    CHECK(detector->name() == name);
    detector->reserve(1000);
    const test::AllocationCounter counter;
    for (int i = 0; i < 1000; ++i) detector->observe(1, step_of(1, 1));
    detector->test();
    detector->restart();
    INFO(std::string(name));
    CHECK(counter.count() == 0);
  }
  CHECK_THROWS_WITH_AS(make_detector("coin", point.parameters()),
                       "unknown detector \"coin\", expected one of sasa, pflug, pesme, abel, plateau, preset",
                       Error);
}
