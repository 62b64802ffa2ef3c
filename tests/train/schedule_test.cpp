// The schedule of a run: what it cuts when, and what it writes of it. Most of it on made-up steps.
#include "train/schedule.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "allocation_counter.h"
#include "archive_with.h"
#include "complaint.h"
#include "fdr/traces.h"
#include "io/csv_contents.h"
#include "io/files.h"
#include "io/numbers.h"
#include "optim/three_tensors.h"
#include "quench/archive.h"
#include "temporary_folder.h"
#include "train/epoch_row.h"

namespace {

using namespace quench;
using io::to_text;
using quench_test::ThreeTensors;
using test::read_all;
using test::TemporaryFolder;

constexpr std::int64_t per_epoch = 10;

/// Measures what it is told to, and changes nothing.
class MadeUp final : public Optimizer {
 public:
  MadeUp() : Optimizer(0.1F), tensors_(3) {}

  /// A step without momentum whose |theta|^2 goes from `now` to `next`, with O_R = 0.5.
  void make(double now, double next) {
    sums_ = test::step_between(now, next, 0.5, static_cast<double>(lr));
    sums_.v_g = 1;  // gradients that turn against each other, for Pflug
    norms_.theta_theta = norms_.watched = next;
    // The tensors have a half, a third and a sixth of it, but for O_R, which all is the first one's.
    const double shares[] = {1.0 / 2, 1.0 / 3, 1.0 / 6};
    for (std::size_t i = 0; i < 3; ++i) {
      tensors_[i] = sums_;
      tensors_[i].theta_g *= shares[i];
      if (i > 0) tensors_[i].g_g = 0;
    }
  }

  const Observables& step() override { return sums_; }
  double step(Model&, const Batch&) override { return 0; }
  const Observables& observables() const override { return sums_; }
  std::span<const Observables> per_tensor() const override { return tensors_; }
  Norms norms() const override { return norms_; }
  void watch(std::int64_t, std::int64_t) override {}
  void flush_tiny() override {}
  void restart() override {}
  void archive(Archive&) override {}

 private:
  Observables sums_;
  Norms norms_;
  std::vector<Observables> tensors_;
};

double still(double) { return 5; }
double growing(double t) { return 5 + 0.01 * t; }

/// A schedule, what it measures and where it writes.
struct Run {
  TemporaryFolder folder;
  ThreeTensors model;
  MadeUp made_up;
  io::CsvTable decisions{io::disk(), folder / "decisions.csv", train::decision_columns()};
  io::CsvTable layers{io::disk(), folder / "layers.csv", train::layer_columns()};
  io::GrowingFile steps{io::disk(), folder / "steps.bin", "QSTEPS1\n"};
  train::Settings settings;
  std::vector<train::FdrRow> rows;
  std::vector<float> rates;  // at the beginning of each epoch, and after the last
  std::int64_t cuts = 0;
  int stage_begins_in = 0;       // that epoch
  std::int64_t allocations = 0;  // of steps, from the second epoch on

  /// So many epochs in which |theta|^2 is norm(t) after t steps; the loss of step t is t.
  void train(int epochs, const std::function<double(double)>& norm) {
    train::Schedule schedule({made_up, model.parameters(), decisions, layers, steps}, settings, per_epoch);
    made_up.make(norm(0), norm(0));
    schedule.begin();
    double t = 0;
    for (int epoch = 1; epoch <= epochs; ++epoch) {
      rates.push_back(made_up.lr);
      if (epoch == stage_begins_in) schedule.begin_stage();
      schedule.begin_epoch(epoch);
      for (int i = 0; i < per_epoch; ++i, ++t) {
        made_up.make(norm(t), norm(t + 1));
        const test::AllocationCounter counter;
        schedule.step(t + 1);
        if (epoch > 1) allocations += counter.count();
      }
      rows.push_back(schedule.end_epoch());
      CHECK(rows.back().next_lr == made_up.lr);
    }
    rates.push_back(made_up.lr);
    cuts = schedule.cuts();
  }

  io::CsvContents table(const char* name) const { return io::parse_csv(read_all(folder / name), name); }
  /// A column of decisions.csv, only of rows in which `filter` is `value`.
  std::vector<std::string> column(const char* name, const char* filter = "active", const char* value = "1") const {
    const io::CsvContents all = table("decisions.csv");
    std::vector<std::string> result;
    for (const auto& row : all.rows) {
      if (row[all.index(filter)] == value) result.push_back(row[all.index(name)]);
    }
    return result;
  }
  std::int64_t count(const std::string& detector) const {
    std::int64_t found = 0;
    for (const std::string& name : column("detector", "active", "0")) found += name == detector ? 1 : 0;
    return found;
  }
};

using Words = std::vector<std::string>;

TEST_SUITE("schedule") {
  TEST_CASE("a state in which steps, epoch and numbers to write disagree is refused") {
    Run run;
    const auto make = [&] {
      return train::Schedule({run.made_up, run.model.parameters(), run.decisions, run.layers, run.steps},
                             run.settings, per_epoch);
    };
    train::Schedule schedule = make();
    run.made_up.make(5, 5);
    schedule.begin();
    schedule.begin_epoch(1);
    for (int i = 0; i < 3; ++i) schedule.step(1);
    CHECK(schedule.steps() == 3);
    Archive out;
    schedule.archive(out);
    const auto with = [&](const std::string& name, std::int64_t value) {
      Archive in(test::archive_with(out.entries(), name, value));
      train::Schedule reader = make();
      return test::complaint([&] { reader.archive(in); });
    };
    CHECK(with("schedule.step", 3) == "none");
    CHECK(with("schedule.step", 4) ==
          "state schedule: found 9 numbers of the steps of epoch 1, expected 3 for each of 4 up to step 4");
    CHECK(with("schedule.epoch", 2) ==
          "state schedule: found 9 numbers of the steps of epoch 2, expected 3 for each of 3 up to step 3");
    CHECK(with("schedule.step", -7) == "state schedule.step: found -7, expected 0 .. 1125899906842624");
    CHECK(with("schedule.epoch", std::numeric_limits<std::int64_t>::min()).starts_with("state schedule.epoch: "));
    CHECK(with("schedule.cutter.cuts", -1).starts_with("state schedule.cutter.cuts: "));
  }

  TEST_CASE("fdr cuts at the end of an epoch in which the sides agree, and begins anew") {
    Run run;
    run.train(3, [](double t) { return t < 10 ? growing(t) : growing(10); });
    // The window of epoch 1 is steps 6 to 10, in which the norm grows, that of epoch 2 steps 11 to 20.
    CHECK(run.rates == std::vector<float>{0.1F, 0.1F, 0.09F, 0.081F});
    CHECK(run.cuts == 2);
    CHECK_FALSE(run.rows[0].cut);
    CHECK(run.rows[1].cut);
    CHECK(run.rows[2].cut);
    CHECK(run.column("t") == Words{"10", "20", "10"});
    CHECK(run.column("window_start") == Words{"5", "10", "5"});
  }

  TEST_CASE("every test is a row of decisions.csv with its numbers") {
    Run run;
    run.train(2, [](double t) { return t < 10 ? growing(t) : growing(10); });
    const io::CsvContents all = run.table("decisions.csv");
    REQUIRE(all.columns == train::decision_columns());
    const auto cell = [&](std::size_t row, const char* name) { return all.rows.at(row)[all.index(name)]; };
    REQUIRE(run.column("t").size() == 2);
    CHECK(cell(0, "epoch") == "1");
    CHECK(cell(0, "step") == "10");
    CHECK(cell(0, "detector") == "fdr");
    CHECK(cell(0, "active") == "1");
    CHECK(cell(0, "limit") == "0.01");
    CHECK(cell(0, "spent") == "0");
    CHECK(cell(0, "cut") == "0");
    CHECK(cell(0, "reason") == "O_L and O_R differ");
    CHECK(cell(0, "outcome") == "wait");
    // O_L = O_R - 0.01 / (2 lr), each step.
    const double o_l = 0.5 - 0.01 / 0.2;
    CHECK(*io::parse_double(cell(0, "O_R")) == doctest::Approx(0.5).epsilon(1e-12));
    CHECK(*io::parse_double(cell(0, "O_L")) == doctest::Approx(o_l).epsilon(1e-6));
    CHECK(*io::parse_double(cell(0, "ratio")) == doctest::Approx(o_l / 0.5).epsilon(1e-6));
    CHECK(*io::parse_double(cell(0, "statistic")) == doctest::Approx(1 - o_l / 0.5).epsilon(1e-6));
    CHECK(*io::parse_double(cell(0, "ratio_sd")) > 0);
    CHECK(cell(0, "lr") == "0.1");
    CHECK(cell(0, "next_lr") == "0.1");
    CHECK(cell(1, "spent") == "1");
    CHECK(cell(1, "cut") == "1");
    CHECK(cell(1, "next_lr") == "0.09");
    CHECK(cell(1, "outcome") == "cut");
  }

  TEST_CASE("--fdr-every tests every so many steps since the last cut") {
    Run run;
    run.settings.fdr_every = 4;
    run.train(2, still);
    // Each is a cut, after which the count begins anew: 4, 8, 12 and so on, whatever the epochs.
    CHECK(run.column("step") == Words{"4", "8", "12", "16", "20"});
    CHECK(run.column("epoch") == Words{"1", "1", "2", "2", "2"});
    CHECK(run.column("t") == Words{"4", "4", "4", "4", "4"});
    CHECK(run.cuts == 5);
    CHECK(run.rates[1] == doctest::Approx(0.1 * 0.9 * 0.9));
    CHECK(run.rows[0].cut);
    CHECK(run.rows[1].cut);

    Run waiting;
    waiting.settings.fdr_every = 4;
    waiting.train(2, growing);
    CHECK(waiting.column("step") == Words{"4", "8", "12", "16", "20"});
    CHECK(waiting.column("t") == Words{"4", "8", "12", "16", "20"});
    CHECK(waiting.cuts == 0);
  }

  TEST_CASE("a constant rate is never cut, whatever the relation says and however often it is tested") {
    for (const std::int64_t every : {0, 3}) {
      Run run;
      run.settings.schedule = "constant";
      run.settings.fdr_every = every;
      run.train(4, still);
      CHECK(run.cuts == 0);
      CHECK(run.rates.back() == 0.1F);
      CHECK(run.column("detector").empty());
      // The relation watches like the others and says it once, for as long as it holds.
      CHECK(run.count("fdr") == 1);
    }
  }

  TEST_CASE("Adam's rate stays constant with --fdr-every") {
    Run run;
    run.settings.optimizer = "adam";
    run.settings.schedule = "constant";
    run.settings.fdr_every = 3;
    run.train(4, still);
    CHECK(run.cuts == 0);
    CHECK(run.column("detector").empty());
    CHECK(run.count("fdr") == 0);  // not the relation
    CHECK(run.count("sasa") == 0);
  }

  TEST_CASE("preset cuts after so many epochs, also when steps are to be tested") {
    for (const std::int64_t every : {0, 3}) {
      Run run;
      run.settings.schedule = "preset";
      run.settings.preset_epochs = 2;
      run.settings.cut_factor = 0.5;
      run.settings.fdr_every = every;
      run.train(5, growing);
      CHECK(run.rates == std::vector<float>{0.1F, 0.1F, 0.05F, 0.05F, 0.025F, 0.025F});
      CHECK(run.column("statistic") == Words{"1", "2", "1", "2", "1"});
    }
  }

  TEST_CASE("--lr-min and --max-cuts end the cuts, and decisions.csv says why") {
    Run least;
    least.settings.fdr_decay = 0.3;
    least.settings.lr_min = 0.06;
    least.train(4, still);
    CHECK(least.rates[1] == 0.07F);
    CHECK(least.rates[2] == 0.06F);
    CHECK(least.rates.back() == 0.06F);
    CHECK(least.column("outcome") ==
          Words{"cut", "cut", "no cut: the rate is the least allowed", "no cut: the rate is the least allowed"});
    Run most;
    most.settings.max_cuts = 1;
    most.train(3, still);
    CHECK(most.cuts == 1);
    CHECK(most.column("outcome") ==
          Words{"cut", "no cut: the most cuts were made", "no cut: the most cuts were made"});
  }

  TEST_CASE("--detectors says who watches") {
    // The norm turns at each epoch's end, which ABEL takes for a bounce at every second turn.
    const auto zigzag = [](double t) {
      const double within = std::fmod(t, 2.0 * per_epoch);
      return 5 + 0.01 * (within < per_epoch ? within : 2.0 * per_epoch - within);
    };
    for (const std::string who : {"none", "cheap", "all"}) {
      Run run;
      run.settings.detectors = who;
      run.settings.max_cuts = 0;
      run.train(12, zigzag);
      CHECK((run.count("abel") > 0) == (who != "none"));
      CHECK((run.count("pflug") > 0) == (who == "all"));  // after 100 steps
      CHECK(run.count("fdr") == 0);                       // decides, and does not watch
      if (who == "none") CHECK(run.column("detector", "active", "0").empty());
      for (const std::string& outcome : run.column("outcome", "active", "0")) CHECK(outcome == "would cut");
    }
  }

  TEST_CASE("the velocity is stored for what needs it") {
    train::Settings settings;
    CHECK_FALSE(train::wants_velocity(settings));
    settings.detectors = "all";
    CHECK(train::wants_velocity(settings));
    settings = {};
    settings.schedule = "pflug";
    CHECK(train::wants_velocity(settings));
    settings = {};
    settings.fdr_lagged = true;
    CHECK(train::wants_velocity(settings));
  }

  TEST_CASE("another detector decides when it is the schedule, by --cut-factor") {
    Run run;
    run.settings.schedule = "pflug";
    run.settings.cut_factor = 0.25;
    run.settings.fdr_every = 7;
    run.train(12, still);
    CHECK(run.column("detector").front() == "pflug");
    CHECK(run.column("step", "cut", "1") == Words{"105"});  // the first seventh step after its 100 steps of burn-in
    CHECK(run.rates.back() == 0.025F);
    CHECK(run.count("pflug") == 0);
    CHECK(run.count("fdr") > 0);
  }

  TEST_CASE("layers.csv has the relation of each tensor at the ends of epochs") {
    Run run;
    run.settings.schedule = "constant";
    run.train(2, still);
    const io::CsvContents all = run.table("layers.csv");
    CHECK(all.columns == Words{"epoch", "step", "tensor", "O_L", "O_R", "ratio"});
    REQUIRE(all.rows.size() == 6);
    CHECK(Words(all.rows[0].begin(), all.rows[0].begin() + 3) == Words{"1", "10", "a"});
    CHECK(Words(all.rows[5].begin(), all.rows[5].begin() + 3) == Words{"2", "20", "c"});
    CHECK(*io::parse_double(all.rows[3][3]) == doctest::Approx(0.25).epsilon(1e-12));  // half of O_L = O_R = 0.5
    CHECK(*io::parse_double(all.rows[3][4]) == doctest::Approx(0.5).epsilon(1e-12));
    CHECK(*io::parse_double(all.rows[3][5]) == doctest::Approx(0.5).epsilon(1e-12));
    CHECK(*io::parse_double(all.rows[4][3]) == doctest::Approx(0.5 / 3).epsilon(1e-12));
    CHECK(all.rows[4][5].empty());  // of O_R = 0
  }

  TEST_CASE("steps.bin has loss, O_L and O_R of each step, little-endian doubles") {
    Run run;
    run.settings.schedule = "constant";
    run.train(2, growing);
    const std::string bytes = read_all(run.folder / "steps.bin");
    REQUIRE(bytes.size() == 8 + 20 * 24);
    CHECK(bytes.starts_with("QSTEPS1\n"));
    const auto number = [&](std::size_t step, std::size_t which) {
      std::uint64_t bits = 0;
      for (std::size_t i = 8; i-- > 0;)
        bits = bits << 8 | static_cast<unsigned char>(bytes[8 + 24 * step + 8 * which + i]);
      return std::bit_cast<double>(bits);
    };
    for (std::size_t step = 0; step < 20; ++step) {
      CHECK(number(step, 0) == static_cast<double>(step + 1));
      CHECK(number(step, 1) == doctest::Approx(0.5 - 0.01 / 0.2).epsilon(1e-6));
      CHECK(number(step, 2) == doctest::Approx(0.5).epsilon(1e-12));
    }
  }

  TEST_CASE("a step allocates nothing, with all that watches it and the audit, unless it is tested") {
    Run run;
    run.settings.detectors = "all";
    run.train(6, growing);
    CHECK(run.allocations == 0);
    CHECK(run.rows.back().audit.passed());
    Run tested;
    tested.settings.fdr_every = 3;
    tested.train(6, growing);
    if (test::AllocationCounter::available()) CHECK(tested.allocations > 0);
  }

  TEST_CASE("both forms of the audit are measured at the end of every epoch, also after cuts within one") {
    Run run;
    run.settings.fdr_every = 7;
    run.train(6, [](double t) { return 5 + (t > 20 ? 0 : 0.01 * t); });
    CHECK(run.cuts > 0);
    for (const train::FdrRow& row : run.rows) {
      CHECK(std::abs(row.audit.residual) <= row.audit.bound);
      CHECK(std::isfinite(row.audit.drift_residual));
    }
  }

  TEST_CASE("levels have the error of batch means, where the window is long enough") {
    Run run;
    run.settings.schedule = "constant";
    run.train(2, growing);
    REQUIRE(run.rows[1].levels);
    // Losses 11 to 20 in three batches of 3, 3 and 4 steps: means 12, 15 and 18.5 about 15.5.
    CHECK(run.rows[1].levels->loss ==
          doctest::Approx(std::sqrt((3.5 * 3.5 + 0.5 * 0.5 + 3.0 * 3.0) / 6)).epsilon(1e-12));
    CHECK(run.rows[1].levels->o_r < 1e-12);
    train::EpochRow row;
    row.fdr = run.rows[1];
    const std::vector<std::string> cells = train::log_cells(row), columns = train::log_columns();
    REQUIRE(cells.size() == columns.size());
    CHECK(columns[columns.size() - 3] == "f_batch_bar_sd");
    CHECK(cells[cells.size() - 3] == to_text(run.rows[1].levels->loss));
    CHECK(cells[cells.size() - 1] == to_text(run.rows[1].levels->o_r));
    CHECK(train::log_cells({}).back().empty());
  }

  TEST_CASE("a stage begins new averages, and its norm goes to that of another rate") {
    Run run;
    run.settings.schedule = "stages";
    run.stage_begins_in = 4;
    run.train(6, growing);
    const auto first = [&](std::size_t epoch) { return run.rows[epoch - 1].verdict.whole.first; };
    CHECK(first(3) == 3 * per_epoch / 2);
    CHECK(first(4) == per_epoch / 2);
    CHECK(first(6) == 3 * per_epoch / 2);
    CHECK(run.rows[2].verdict.cause == "the norm still grows");
    CHECK(run.rows[5].verdict.cause == "the norm grows to that of the new rate");
    CHECK(run.cuts == 0);
  }

  TEST_CASE("--theta-c measures the parameters from where the window began") {
    Run run;
    run.settings.theta_c = true;
    run.settings.schedule = "constant";
    Sgd sgd(run.model.parameters(), {.lr = 0.1F});
    train::Schedule schedule({sgd, run.model.parameters(), run.decisions, run.layers, run.steps}, run.settings,
                             per_epoch);
    std::vector<std::vector<float>> start;
    for (const Parameter& p : run.model.parameters().tensors) start.emplace_back(p.value.begin(), p.value.end());
    schedule.begin();
    schedule.begin_epoch(1);
    double sum = 0;
    for (int i = 0; i < per_epoch; ++i) {
      run.model.draw_gradients();
      for (std::size_t t = 0; t < start.size(); ++t) {
        const Parameter& p = run.model.parameters().tensors[t];
        for (std::size_t k = 0; k < start[t].size(); ++k)
          sum += (static_cast<double>(p.value[k]) - static_cast<double>(start[t][k])) *
                 static_cast<double>(p.gradient[k]);
      }
      sgd.step();
      schedule.step(0);
    }
    const train::FdrRow row = schedule.end_epoch();
    REQUIRE(row.shifted);
    CHECK(row.shifted->first == 0);
    CHECK(row.shifted->last == per_epoch);
    CHECK(row.shifted->o_l == doctest::Approx(sum / per_epoch).epsilon(1e-4));
    Run without;
    without.train(1, still);
    CHECK_FALSE(without.rows[0].shifted);
  }
}

}  // namespace
