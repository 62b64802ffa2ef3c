#include "quench/archive.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "archive_with.h"
#include "complaint.h"
#include "fdr/traces.h"
#include "graph/experiment.h"
#include "optim/three_tensors.h"
#include "quench/adam.h"
#include "quench/audit.h"
#include "quench/detectors.h"
#include "quench/fdr.h"
#include "quench/fdr2.h"
#include "quench/fdr_shift.h"
#include "quench/fdr_tensors.h"
#include "quench/sgd.h"

using namespace quench;
using quench_test::bits;
using quench_test::ThreeTensors;
using test::archive_with;
using test::complaint;

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

/// What an object archives.
std::vector<Archive::Entry> archived(auto& object) {
  Archive out;
  object.archive(out);
  return out.entries();
}

/// Whether both would archive the same.
bool same_state(auto& a, auto& b) {
  return std::ranges::equal(archived(a), archived(b), [](const Archive::Entry& x, const Archive::Entry& y) {
    return x.name == y.name && x.type == y.type && x.bytes == y.bytes;
  });
}

/// Has an object read all that another one archives.
void copy_state(auto& from, auto& to) {
  Archive in(archived(from));
  to.archive(in);
  CHECK_NOTHROW(in.require_all_read());
}

/// Bit patterns, so that NaN equals NaN.
std::uint64_t bits_of(double value) { return std::bit_cast<std::uint64_t>(value); }

bool same_bits(const Observables& a, const Observables& b) {
  const auto same = [&](double Observables::*member) { return bits_of(a.*member) == bits_of(b.*member); };
  return same(&Observables::theta_g) && same(&Observables::g_g) && same(&Observables::v_v) &&
         same(&Observables::v_g) && same(&Observables::theta_v) && same(&Observables::theta_theta) &&
         same(&Observables::lr) && same(&Observables::theta_d) && same(&Observables::d_d);
}

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(const Parameters&)>;

/// Three tensors that an optimiser moves, by gradients drawn at random.
struct Training {
  ThreeTensors model;
  std::unique_ptr<Optimizer> optimizer;

  explicit Training(const MakeOptimizer& make) : optimizer(make(model.parameters())) {}
  void step() {
    model.draw_gradients();
    optimizer->step();
  }
  /// The parameters and what draws the gradients, which no optimiser archives.
  void copy_world(Training& from) {
    const Parameters there = from.model.parameters();
    for (std::size_t t = 0; t < there.tensors.size(); ++t)
      std::ranges::copy(there.tensors[t].value, model.parameters().tensors[t].value.begin());
    model.random = from.model.random;
  }
};

bool same_parameters(Training& a, Training& b) {
  const Parameters x = a.model.parameters(), y = b.model.parameters();
  for (std::size_t t = 0; t < x.tensors.size(); ++t) {
    if (bits(x.tensors[t].value) != bits(y.tensors[t].value)) return false;
  }
  return true;
}

struct Rule {
  const char* name;
  MakeOptimizer make;
};

/// Every rule, in every mode of storage.
std::vector<Rule> rules() {
  const auto sgd = [](SgdOptions options) {
    return [options](const Parameters& p) { return std::make_unique<Sgd>(p, options); };
  };
  const auto adam = [](bool amsgrad) {
    return [amsgrad](const Parameters& p) {
      return std::make_unique<Adam>(p, AdamOptions{.weight_decay = 0.01F, .amsgrad = amsgrad});
    };
  };
  return {{"SGD", sgd({.lr = 0.1F, .weight_decay = 0.01F, .keep_velocity = false})},
          {"SGD that keeps its velocity", sgd({.lr = 0.1F, .keep_velocity = true})},
          {"SGD with momentum and dampening", sgd({.lr = 0.1F, .momentum = 0.9F, .dampening = 0.2F})},
          {"Adam", adam(false)},
          {"AMSGrad", adam(true)}};
}

/// What reading an object says when one entry of its archive is another.
template <typename Object, typename Value>
std::string with(Object& object, const std::string& name, Value value) {
  Archive out;
  object.archive(out);
  Archive in(archive_with(out.entries(), name, value));
  return complaint([&] { object.archive(in); });
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
    std::vector<double> four(4);
    CHECK(complaint([&] { Archive(entries).values("three", std::span(four)); }) ==
          "state three: found 24 bytes, expected 32");
    std::vector<std::int64_t> wholes;
    CHECK(complaint([&] { Archive(entries).values("three", wholes); }) == "state three: found f64, expected i64");
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

  TEST_CASE("numbers that do not fit, and counts of which sums could overflow, are refused") {
    const auto read = [](std::int64_t stored, auto action) {
      Archive out;
      out.value("n", stored);
      Archive in(out.entries());
      return complaint([&] { action(in); });
    };
    const auto as_int = [](Archive& in) {
      int n = 0;
      in.value("n", n);
    };
    CHECK(read(-2147483648, as_int) == "none");
    CHECK(read(2147483648, as_int) == "state n: found 2147483648, expected -2147483648 .. 2147483647");
    std::size_t size = 0;
    CHECK(read(-1, [&](Archive& in) { in.value("n", size); }) ==
          "state n: found -1, expected 0 .. 9223372036854775807");
    std::int64_t count = 7;
    const auto as_count = [&](Archive& in) { in.count("n", count); };
    CHECK(read(Archive::most_count, as_count) == "none");
    CHECK(count == Archive::most_count);
    CHECK(read(Archive::most_count + 1, as_count) ==
          "state n: found 1125899906842625, expected 0 .. 1125899906842624");
    CHECK(read(-1, as_count) == "state n: found -1, expected 0 .. 1125899906842624");
    CHECK(count == Archive::most_count);
    int small = 0;
    CHECK(read(2147483647, [&](Archive& in) { in.count("n", small); }) ==
          "state n: found 2147483647, expected 0 .. 1073741823");
  }

  TEST_CASE("a state that no steps lead to is refused, or its use is") {
    FdrTensors tensors(1, 10);
    const Observables step;
    for (int i = 0; i < 10; ++i) tensors.observe({&step, 1});
    CHECK(with(tensors, "phase", std::int64_t{10}) == "the archive has windows begin 10 steps into an epoch of 10");
    FdrTensors longer(1, 10);
    for (int i = 0; i < 10; ++i) longer.observe({&step, 1});
    // As if an epoch had ended of which nothing was stored.
    CHECK(with(longer, "step", std::int64_t{1000}) == "none");
    CHECK(complaint([&] { longer.half_running(); }) == "averages of tensors: no sums were stored after 500 steps");

    std::vector<float> value(16, 1.0F);
    Parameter parameter{.name = "w", .shape = {16}, .value = value, .gradient = {}};
    const auto pesme_with = [&](const std::string& name, auto changed) {
      PesmeDetector pesme({{&parameter, 1}, nullptr});
      return with(pesme, name, changed);
    };
    // From 0 the next step to measure at would never come, by multiplying.
    CHECK(pesme_with("exact_next", 0.0).starts_with("the archive has pesme measure at step 0"));
    CHECK(pesme_with("exact_next", -1e300).starts_with("the archive has pesme measure at step -"));
    CHECK(pesme_with("exact_next", std::numeric_limits<double>::quiet_NaN()) != "none");
    CHECK(pesme_with("steps", std::numeric_limits<std::int64_t>::max()) != "none");
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
                         if (t % 10 == 3) {
                           a.add_telescoped(t, static_cast<double>(t));
                           a.add_corrected(t, static_cast<double>(2 * t));
                         }
                         if (t % 10 == 0) a.add_epoch(t / 10, static_cast<double>(t * t));
                         ++step;
                       },
                       [](const Fdr2Averages& a, const Fdr2Averages& b) {
                         const Fdr2Window x = a.half_running(10), y = b.half_running(10);
                         CHECK(x.o_fb.mean == y.o_fb.mean);
                         CHECK(x.o_fb.error == y.o_fb.error);
                         CHECK(x.o_fb_tel.mean == y.o_fb_tel.mean);
                         CHECK(x.o_fb_cor.mean == y.o_fb_cor.mean);
                         CHECK(x.samples == y.samples);
                         CHECK(x.h_eff.mean == y.h_eff.mean);
                       });
  }

  TEST_CASE("detectors go on with the same bits while parameters move") {
    std::vector<float> value(32, 1.0F);
    Parameter parameter{.name = "w", .shape = {32}, .value = value, .gradient = {}};
    const Parameters parameters{{&parameter, 1}, nullptr};
    for (const std::string_view name : detector_names()) {
      INFO(name);
      std::mt19937 random(1);
      std::normal_distribution<float> normal;
      std::unique_ptr<Detector> whole = make_detector(name, parameters), part;
      int finite = 0;
      // Pesme's measures at steps 1, 2, 3, 5, 7, 11, ...: before the archive and after it, from one to the other.
      // SASA's waits for a thousand steps in its window.
      for (int step = 1; step <= 2600; ++step) {
        for (float& x : value) x += normal(random);
        const Observables sums = random_step(random);
        const double loss = 3000.0 / step + std::abs(sums.theta_g);
        whole->observe(loss, sums);
        if (part) part->observe(loss, sums);
        if (step == 61) {
          part = make_detector(name, parameters);
          copy_state(*whole, *part);
        }
        if (step % 13 != 0) continue;
        const Finding a = whole->test();
        if (!part) continue;
        const Finding b = part->test();
        CHECK(a.spent == b.spent);
        CHECK(std::string_view(a.reason) == b.reason);
        CHECK(bits_of(a.statistic) == bits_of(b.statistic));
        CHECK(same_state(*whole, *part));
        finite += std::isfinite(a.statistic) ? 1 : 0;
        if (!a.spent || step < 200) continue;
        whole->restart();
        part->restart();
      }
      CHECK(finite > 2);  // there was something to compare
    }
  }

  TEST_CASE("optimisers go on with the same bits") {
    for (const Rule& rule : rules()) {
      INFO(rule.name);
      Training whole(rule.make);
      for (int step = 0; step < 10; ++step) whole.step();
      whole.optimizer->lr *= 0.5F;  // as a cut leaves it
      Training part(rule.make);
      for (int step = 0; step < 3; ++step) part.step();  // it need not be a fresh one
      part.copy_world(whole);
      copy_state(*whole.optimizer, *part.optimizer);
      for (int step = 0; step < 10; ++step) {
        whole.step();
        part.step();
        CHECK(same_parameters(whole, part));
        CHECK(same_bits(whole.optimizer->observables(), part.optimizer->observables()));
      }
      CHECK(same_state(*whole.optimizer, *part.optimizer));
    }
  }

  TEST_CASE("an optimiser of other options or parameters refuses the state") {
    const std::vector<Rule> all = rules();
    Training plain(all[0].make), momentum(all[2].make), adam(all[3].make), amsgrad(all[4].make);
    Archive without(archived(*plain.optimizer));
    CHECK(complaint([&] { momentum.optimizer->archive(without); }) == "state velocity.a: found none, expected f32");
    Archive with(archived(*momentum.optimizer));
    plain.optimizer->archive(with);
    CHECK(complaint([&] { with.require_all_read(); }) ==
          "state velocity.a: found it, expected none: it is of other options");
    Archive two(archived(*adam.optimizer));
    CHECK(complaint([&] { amsgrad.optimizer->archive(two); }) ==
          "state largest_second_moment.a: found none, expected f32");
    std::vector<Archive::Entry> shorter = archived(*momentum.optimizer);
    shorter[2].bytes.resize(8);
    REQUIRE(shorter[2].name == "velocity.b");
    Archive cut(shorter);
    CHECK(complaint([&] { momentum.optimizer->archive(cut); }) == "state velocity.b: found 8 bytes, expected 12");
  }

  TEST_CASE("the cutter goes on counting cuts") {
    const CutOptions options{.decay = 0.5, .lr_min = 0.01, .max_cuts = 3};
    const Finding spent{.spent = true};
    Cutter whole(options), part(options);
    whole.decide(spent, 1);
    whole.decide(spent, 0.5F);
    copy_state(whole, part);
    CHECK(part.cuts() == 2);
    CHECK(part.decide(spent, 0.25F).next_lr == 0.125F);
    CHECK_FALSE(part.decide(spent, 0.125F).cut);
  }

  TEST_CASE("the scheduler goes on with the same bits") {
    const FdrOptions options{.threshold = 0.4, .decay = 0.5, .max_cuts = 5};
    int compared = 0;
    check_continuation([&] { return FdrScheduler(options); },
                       [](FdrScheduler& s, std::mt19937& random) { s.observe(random_step(random)); },
                       [&](FdrScheduler& a, FdrScheduler& b) {
                         CHECK(a.end_of_epoch(1) == b.end_of_epoch(1));
                         CHECK(bits_of(a.decision().finding.statistic) == bits_of(b.decision().finding.statistic));
                         CHECK(a.averages().steps() == b.averages().steps());
                         ++compared;
                       });
    CHECK(compared == 1);
  }

  TEST_CASE("the audit goes on with the same bits") {
    for (const double momentum : {0.0, 0.9}) {
      INFO(momentum);
      constexpr std::int64_t epoch = 7;
      test::Quadratic quadratic(20, 3);
      quadratic.momentum = momentum;
      FdrAverages averages;
      Audit whole(epoch);
      std::unique_ptr<Audit> part;
      const auto both = [&](auto action) {
        action(whole);
        if (part) action(*part);
      };
      whole.restart(quadratic.norms());
      whole.watch(quadratic.norms());
      int checks = 0;
      for (std::int64_t step = 1; step <= 20 * epoch; ++step) {
        const Observables sums = quadratic.step();
        averages.observe(0, sums);
        both([&](Audit& audit) {
          audit.observe(sums);
          if (audit.wants_norms()) audit.mark(quadratic.norms());
        });
        // In the middle of an epoch, with marks for windows that end after it.
        if (step == 8 * epoch + 3) {
          part = std::make_unique<Audit>(epoch);
          copy_state(whole, *part);
          CHECK(part->wants_norms() == whole.wants_norms());
        }
        if (step % epoch != 0) continue;
        const AuditResult a = whole.check(averages, sums, quadratic.norms());
        if (part) {
          const AuditResult b = part->check(averages, sums, quadratic.norms());
          CHECK(a.first == b.first);
          CHECK(a.last == b.last);
          for (const auto member : {&AuditResult::residual, &AuditResult::bound, &AuditResult::drift_residual,
                                    &AuditResult::drift_bound, &AuditResult::spacings})
            CHECK(bits_of(a.*member) == bits_of(b.*member));
          CHECK(std::isfinite(b.residual));  // the window's beginning was marked, before the archive or after it
          CHECK(b.passed());
          ++checks;
        }
        both([&](Audit& audit) { audit.watch(quadratic.norms()); });
        if (step != 14 * epoch) continue;
        averages.restart();
        both([&](Audit& audit) { audit.restart(quadratic.norms()); });
      }
      CHECK(checks == 12);
    }
  }

  TEST_CASE("marks of the audit that do not fit together are refused") {
    Audit audit(5);
    std::vector<Archive::Entry> entries = archived(audit);
    for (Archive::Entry& entry : entries) {
      if (entry.name == "mark_norms") entry.bytes.resize(entry.bytes.size() + 8);
    }
    Archive in(entries);
    CHECK(complaint([&] { audit.archive(in); }) ==
          "the marks of the audit in the archive are of different lengths");
  }

  TEST_CASE("O_L from a nearby point goes on with the same bits") {
    for (const float momentum : {0.0F, 0.9F}) {
      INFO(momentum);
      constexpr int period = 4;
      const MakeOptimizer make = [&](const Parameters& p) {
        return std::make_unique<Sgd>(p, SgdOptions{.lr = 0.1F, .momentum = momentum});
      };
      struct Shifted {
        Training training;
        FdrAverages averages;
        FdrShift shift;
        explicit Shifted(const MakeOptimizer& m)
            : training(m), shift(dynamic_cast<Sgd&>(*training.optimizer), training.model.parameters(), period) {}
        void step() {
          training.step();
          averages.observe(0, training.optimizer->observables());
        }
        void archive(Archive& archive) {
          training.optimizer->archive(archive);
          averages.archive(archive);
          shift.archive(archive);
        }
      };
      Shifted whole(make);
      // theta_c changes after 4, 8, 16 steps; the window that ends after 20 began before the archive.
      for (int step = 1; step <= 18; ++step) {
        whole.step();
        if (step % period == 0) whole.shift.end_of_period(whole.averages);
      }
      Shifted part(make);
      part.training.copy_world(whole.training);
      copy_state(whole, part);
      for (int step = 19; step <= 40; ++step) {
        whole.step();
        part.step();
        if (step % period != 0) continue;
        const FdrWindow a = whole.shift.end_of_period(whole.averages);
        const FdrWindow b = part.shift.end_of_period(part.averages);
        CHECK(a.first == b.first);
        CHECK(a.last == b.last);
        CHECK(bits_of(a.o_l) == bits_of(b.o_l));
        CHECK(bits_of(a.ratio) == bits_of(b.ratio));
        CHECK(std::isfinite(b.o_l));
      }
    }
  }
}
