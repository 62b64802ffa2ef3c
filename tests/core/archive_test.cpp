#include "quench/archive.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "quench/audit.h"
#include "quench/detectors.h"
#include "quench/error.h"
#include "quench/fdr.h"
#include "quench/fdr2.h"
#include "quench/fdr_tensors.h"

using namespace quench;

namespace {

/// Of every kind of value.
struct Everything {
  double real = 0.1;
  float single = 0.2F;
  std::int64_t whole = -3;
  int small = 4;
  bool flag = true;
  std::size_t size = 5;
  std::string text = "six";
  std::vector<double> reals{7, std::numeric_limits<double>::infinity(), -0.0};
  std::vector<float> singles{8};
  std::vector<std::int64_t> wholes{};
  std::vector<double> fixed{9, 10};

  void archive(Archive& archive) {
    archive.value("real", real);
    archive.value("single", single);
    archive.value("whole", whole);
    {
      const Archive::Group group(archive, "inner");
      archive.value("small", small);
      archive.value("flag", flag);
    }
    archive.value("size", size);
    archive.value("text", text);
    archive.values("reals", reals);
    archive.values("singles", singles);
    archive.values("wholes", wholes);
    archive.values("fixed", std::span(fixed));
  }
};

std::string complaint(auto action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

Observables random_step(std::mt19937& random) {
  std::normal_distribution<double> normal;
  Observables o;
  o.theta_g = 1 + normal(random);
  o.g_g = 2 + std::abs(normal(random));
  o.v_v = 3 + std::abs(normal(random));
  o.v_g = normal(random);
  o.theta_v = normal(random);
  o.theta_theta = 100 + normal(random);
  o.drift = normal(random);
  o.lr = 0.1;
  o.momentum = 0.9;
  return o;
}

/// Feeds two objects alike, archives the first midway, and has a third go on from there: `compare` gets both at the
/// end.
template <typename Make, typename Feed, typename Compare>
void check_continuation(Make make, Feed feed, Compare compare) {
  auto whole = make();
  std::mt19937 random(1);
  for (int step = 0; step < 57; ++step) feed(whole, random);
  Archive out;
  whole.archive(out);
  Archive in(out.entries());
  auto part = make();
  part.archive(in);
  CHECK_NOTHROW(in.require_all_read());
  std::mt19937 same = random;
  for (int step = 0; step < 43; ++step) {
    feed(whole, random);
    feed(part, same);
  }
  compare(whole, part);
}

}  // namespace

TEST_SUITE("archive") {
  TEST_CASE("values come back bit for bit, whatever order the entries are in") {
    Everything before;
    Archive out;
    before.archive(out);
    CHECK_FALSE(out.reading());
    CHECK(out.entries()[3].name == "inner.small");
    std::vector<Archive::Entry> entries = out.entries();
    std::swap(entries[0], entries[7]);
    Archive in(entries);
    Everything after{.real = 0,
                     .single = 0,
                     .whole = 0,
                     .small = 0,
                     .flag = false,
                     .size = 0,
                     .text = "",
                     .reals = {},
                     .singles = {1, 2},
                     .wholes = {1},
                     .fixed = {0, 0}};
    after.archive(in);
    CHECK_NOTHROW(in.require_all_read());
    CHECK(after.real == before.real);
    CHECK(after.single == before.single);
    CHECK(after.whole == before.whole);
    CHECK(after.small == before.small);
    CHECK(after.flag == before.flag);
    CHECK(after.size == before.size);
    CHECK(after.text == before.text);
    CHECK(after.reals == before.reals);
    CHECK(std::signbit(after.reals[2]));
    CHECK(after.singles == before.singles);
    CHECK(after.wholes.empty());
    CHECK(after.fixed == before.fixed);
  }

  TEST_CASE("bytes are little-endian") {
    Archive out;
    std::int64_t value = 0x0102030405060708;
    out.value("x", value);
    CHECK(out.entries()[0].bytes == "\x08\x07\x06\x05\x04\x03\x02\x01");
  }

  TEST_CASE("what is missing, of another kind or left over is named") {
    Archive out;
    double x = 1;
    std::vector<double> three(3);
    out.value("x", x);
    out.values("three", three);
    const std::vector<Archive::Entry>& entries = out.entries();
    CHECK(complaint([&] { Archive(entries).value("y", x); }) == "state y: found none, expected f64");
    float single = 0;
    CHECK(complaint([&] { Archive(entries).value("x", single); }) == "state x: found f64, expected f32");
    CHECK(complaint([&] { Archive(entries).value("three", x); }) == "state three: found 24 bytes, expected 8");
    Archive in(entries);
    in.value("x", x);
    CHECK(complaint([&] { in.require_all_read(); }) ==
          "state three: found it, expected none: it is of other options");
    CHECK(complaint([&] { in.value("x", x); }) == "state x: found none, expected f64");
    CHECK(complaint([&] { Archive({entries[0], entries[0]}); }) == "state x: found two, expected one");
    CHECK(complaint([&] {
            Archive({{"x", Archive::Type::f64, "123"}}).values("x", three);
          }) == "state x: found 3 bytes, expected a multiple of 8");
  }

  TEST_CASE("averages go on with the same bits") {
    check_continuation([] { return FdrAverages(); },
                       [](FdrAverages& a, std::mt19937& random) {
                         const Observables step = random_step(random);
                         a.observe(step.theta_g, step);
                       },
                       [](const FdrAverages& a, const FdrAverages& b) {
                         const FdrWindow x = a.half_running(), y = b.half_running();
                         CHECK(x.first == y.first);
                         CHECK(x.o_l == y.o_l);
                         CHECK(x.o_r == y.o_r);
                         CHECK(x.ratio_sd == y.ratio_sd);
                         CHECK(a.level_errors(20, 100).o_l == b.level_errors(20, 100).o_l);
                       });
  }

  TEST_CASE("averages of tensors go on with the same bits") {
    check_continuation([] { return FdrTensors(2, 10); },
                       [](FdrTensors& a, std::mt19937& random) {
                         const Observables steps[] = {random_step(random), random_step(random)};
                         a.observe(steps);
                       },
                       [](FdrTensors& a, FdrTensors& b) {
                         const std::vector<TensorSides> x = a.half_running(), y = b.half_running();
                         for (std::size_t i = 0; i < 2; ++i) {
                           CHECK(x[i].o_l == y[i].o_l);
                           CHECK(x[i].o_r == y[i].o_r);
                         }
                       });
  }

  TEST_CASE("averages of the second relation go on with the same bits") {
    int step = 0;
    check_continuation([] { return Fdr2Averages(); },
                       [&](Fdr2Averages& a, std::mt19937& random) {
                         a.observe(random_step(random));
                         const auto t = a.steps();
                         if (t % 10 == 3) a.add_telescoped(t, static_cast<double>(t));
                         if (t % 10 == 0) a.add_epoch(t / 10, static_cast<double>(t * t));
                         ++step;
                       },
                       [](const Fdr2Averages& a, const Fdr2Averages& b) {
                         const Fdr2Window x = a.half_running(10), y = b.half_running(10);
                         CHECK(x.o_fb.mean == y.o_fb.mean);
                         CHECK(x.o_fb.error == y.o_fb.error);
                         CHECK(x.o_fb_tel.mean == y.o_fb_tel.mean);
                         CHECK(x.samples == y.samples);
                         CHECK(x.h_eff.mean == y.h_eff.mean);
                       });
  }

  TEST_CASE("detectors go on with the same bits") {
    std::vector<float> value(32, 1.0F);
    Parameter parameter{.name = "w", .shape = {32}, .value = value, .gradient = {}};
    for (const std::string_view name : detector_names()) {
      INFO(name);
      struct Holder {
        std::unique_ptr<Detector> detector;
        void archive(Archive& archive) { detector->archive(archive); }
      };
      double loss = 0;
      check_continuation(
          [&] {
            return Holder{make_detector(name, {{&parameter, 1}, nullptr})};
          },
          [&](Holder& h, std::mt19937& random) {
            loss += 1;
            const Observables step = random_step(random);
            h.detector->observe(step.theta_g, step);
            if (static_cast<int>(step.g_g * 100) % 10 == 0) h.detector->test();
          },
          [](Holder& a, Holder& b) {
            const Finding x = a.detector->test(), y = b.detector->test();
            CHECK(x.spent == y.spent);
            CHECK((x.statistic == y.statistic || (std::isnan(x.statistic) && std::isnan(y.statistic))));
          });
    }
  }
}
