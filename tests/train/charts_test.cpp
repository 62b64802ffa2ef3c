// What the diagrams of runs and figures show, from made-up logs.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "io/csv_contents.h"
#include "io/json_value.h"
#include "io/numbers.h"
#include "train/epoch_row.h"
#include "train/paper/figure_charts.h"
#include "train/plot/svg.h"
#include "train/report/run_charts.h"
#include "train/schedule.h"

namespace {

using namespace quench;
using io::to_text;
using train::Chart;
using train::RunCurves;
using train::Series;
using Numbers = std::vector<double>;

constexpr int epochs = 8, steps_per_epoch = 5;

/// A run of 8 epochs, measured after every `every`-th, whose rate is halved after the 4th.
RunCurves made_up(int every, const std::string& optimizer = "sgd") {
  std::string text;
  for (const std::string& column : train::log_columns()) text += (text.empty() ? "" : ",") + column;
  text += '\n';
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    std::string line;
    for (const std::string& column : train::log_columns()) {
      const bool measured =
          column == "f" || column == "cross_entropy" || column.starts_with("train_") || column.starts_with("test_");
      std::string cell = "1";
      if (column == "epoch") cell = to_text(epoch);
      if (column == "lr") cell = epoch <= 4 ? "0.1" : "0.05";
      if (column == "cut") cell = epoch == 4 ? "1" : "0";
      if (column == "verdict") cell = "noise_limited";
      if (measured) cell = epoch % every == 0 ? to_text(epoch * 0.125) : "";
      line += (line.empty() ? "" : ",") + cell;
    }
    text += line + '\n';
  }
  RunCurves run;
  run.name = "run";
  run.log = io::parse_csv(text);
  run.record = io::parse_json(R"({"settings": {"optimizer": ")" + optimizer +
                              R"(", "fdr-threshold": 0.01}, "model": {"steps_per_epoch": 5}})");
  return run;
}

const Chart& named(const std::vector<Chart>& charts, std::string_view name) {
  const auto found = std::find_if(charts.begin(), charts.end(), [&](const Chart& c) { return c.name == name; });
  REQUIRE(found != charts.end());
  return *found;
}

const Series& curve(const Chart& chart, std::string_view name) {
  const auto found =
      std::find_if(chart.series.begin(), chart.series.end(), [&](const Series& s) { return s.name == name; });
  REQUIRE(found != chart.series.end());
  return *found;
}

const train::Figure& figure(std::string_view name) {
  const auto all = train::paper_figures();
  return *std::find_if(all.begin(), all.end(), [&](const train::Figure& f) { return f.name == name; });
}

TEST_SUITE("charts") {
  TEST_CASE("what is measured every other epoch is a curve through the epochs in which it was") {
    const RunCurves run = made_up(2);
    const std::vector<Chart> charts = train::run_charts({&run, 1});
    CHECK(curve(named(charts, "loss"), "training set").x == Numbers{2, 4, 6, 8});
    const Series& test = curve(named(charts, "accuracy"), "test");
    CHECK(test.x == Numbers{2, 4, 6, 8});
    CHECK(test.y == Numbers{0.25, 0.5, 0.75, 1});
    CHECK(test.low.size() == 4);
    CHECK(test.high[3] == 2);  // its error is as large here
    CHECK(curve(named(charts, "loss"), "epoch's mean").x.size() == 8);
    const std::string drawing = train::svg({&named(charts, "accuracy"), 1}, "i");
    CHECK(drawing.find("<path class=\"l0\" d=\"M") != std::string::npos);
    CHECK(std::count(drawing.begin(), drawing.end(), 'L') > 6);  // lines, not points alone
    CHECK(drawing.find("<circle") == std::string::npos);
  }

  TEST_CASE("the half-running loss has the band of its standard error, where the log has that") {
    RunCurves run = made_up(1);
    const auto band = [&] { return curve(named(train::run_charts({&run, 1}), "loss"), "half-running").low; };
    CHECK(band() == Numbers(epochs, 0.0));  // 1 - 1
    run.log.columns[run.log.index("f_batch_bar_sd")] = "something";
    CHECK(band().empty());
  }

  TEST_CASE("the rate of an epoch holds from its beginning, in reports and in figures") {
    const RunCurves run = made_up(1);
    const auto check = [](const Series& series) {
      CHECK(series.stairs);
      CHECK(series.x == Numbers{0, 1, 2, 3, 4, 5, 6, 7, 8});
      CHECK(series.y == Numbers{0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05});
    };
    check(named(train::run_charts({&run, 1}), "learning_rate").series[0]);
    const train::Figure& f = figure("4a");
    const std::vector<train::FigureRun> runs{{&f.branches[1], run}};
    check(named(train::figure_charts(f, runs, ""), "rate").series[0]);
  }

  TEST_CASE("what is measured of Adam is called the drift of the norm") {
    const std::vector<RunCurves> both{made_up(1), made_up(1, "adam")};
    const auto title = [](std::span<const RunCurves> runs, std::string_view name) {
      return named(train::run_charts(runs), name).title;
    };
    CHECK(title({&both[0], 1}, "observables") == "Both sides of the relation, half-running averages");
    CHECK(title({&both[0], 1}, "ratio") == "O_L / O_R, and the threshold");
    CHECK(title({&both[1], 1}, "observables") == "Drift of the norm, not the relation, half-running averages");
    CHECK(title({&both[1], 1}, "ratio") == "Drift of the norm, not the relation, and the threshold");
    CHECK(title(both, "ratio") == "O_L / O_R; of Adam the drift of the norm, and the threshold");
    CHECK(named(train::run_charts({&both[1], 1}), "observables").y.label == "-theta.d/eta, |d|^2/2eta");
    CHECK(curve(named(train::run_charts({&both[1], 1}), "observables"), "|d|^2/2eta").x.size() == epochs);
    CHECK(train::table_header(50).find("O_L/O_R") != std::string::npos);
    CHECK(train::table_header(50, false).find("O_L") == std::string::npos);
    CHECK(train::table_header(50, false).find(" drift of the norm ") != std::string::npos);
    CHECK(train::table_header(50, false).size() == train::table_header(50).size());
  }

  TEST_CASE("figure S2 is drawn without the run that it is only compared with") {
    const train::Figure& f = figure("S2b");
    std::vector<train::FigureRun> runs;
    for (const train::Branch& branch : f.branches) runs.push_back({&branch, made_up(1)});
    CHECK(named(train::figure_charts(f, runs, ""), "loss").series.size() == f.branches.size() - 1);
  }

  TEST_CASE("figure 1 is drawn from every step, and from the log where the steps are not there") {
    const train::Figure& f = figure("1a");
    RunCurves run = made_up(1);
    const auto sides = [&] {
      return curve(
          named(train::figure_charts(f, std::vector<train::FigureRun>{{&f.branches[0], run}}, ""), "observables"),
          "O_R");
    };
    CHECK(sides().x.size() == epochs);
    for (int step = 1; step <= epochs * steps_per_epoch; ++step)
      run.steps.push_back({0.0, 0.0, static_cast<double>(step)});
    CHECK(sides().x.size() == epochs);  // averages begin anew at its cut
    for (std::vector<std::string>& row : run.log.rows) row[run.log.index("cut")] = "0";
    const Series all = sides();
    REQUIRE(all.x.size() == epochs * steps_per_epoch);
    CHECK(all.x.front() == 0.2);
    CHECK(all.x.back() == epochs);
    CHECK(all.y[0] == 1);    // step 1
    CHECK(all.y[1] == 2);    // step 2
    CHECK(all.y[2] == 2.5);  // steps 2 and 3
    CHECK(all.y[9] == 8);    // steps 6 to 10
    run.steps.resize(0);
    for (int step = 0; step < 100'000; ++step) run.steps.push_back({0, 0, 1.0 + step});
    const Series many = sides();
    CHECK(many.x.size() < 1000);
    CHECK(many.x.back() == 100'000.0 / steps_per_epoch);
    CHECK(many.y.back() == 75'000.5);
  }
}

}  // namespace
