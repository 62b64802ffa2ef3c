#include "train/report/run_charts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "io/numbers.h"

namespace quench::train {
namespace {

constexpr std::size_t stretches = 400;
constexpr std::size_t running_points = 600;
/// What passes over the data sets measure.
constexpr std::string_view measured_columns[] = {
    "f", "cross_entropy", "train_accuracy", "test_accuracy", "test_cross_entropy", "test_accuracy_error"};

bool is_alone(std::span<const RunCurves> runs) { return runs.size() == 1; }

/// "O_L" of the only run, "O_L of seed2" of one among several.
std::string curve_name(std::span<const RunCurves> runs, const RunCurves& run, const std::string& what) {
  return is_alone(runs) ? what : run.name + (what.empty() ? "" : ", " + what);
}

/// A band of one error about the curve.
void add_band(Series& curve, const std::vector<double>& error) {
  for (std::size_t i = 0; i < error.size(); ++i) {
    curve.low.push_back(curve.y[i] - error[i]);
    curve.high.push_back(curve.y[i] + error[i]);
  }
}

std::vector<std::pair<double, std::string>> cut_marks(std::span<const RunCurves> runs) {
  std::vector<std::pair<double, std::string>> marks;
  if (!is_alone(runs)) return marks;
  for (const double epoch : runs.front().cuts())
    marks.emplace_back(epoch, "learning rate cut at epoch " + io::to_text(epoch));
  return marks;
}

Chart empty_chart(std::span<const RunCurves> runs, std::string name, std::string title, Axis y) {
  return {.name = std::move(name),
          .title = std::move(title),
          .x = {.label = "epoch", .low = 0.0},
          .y = std::move(y),
          .marks = cut_marks(runs)};
}

bool spans_decades(const Chart& chart) {
  double low = INFINITY, high = 0;
  for (const Series& series : chart.series) {
    for (const double value : series.y) {
      if (!(value > 0) || !std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  return high > 8 * low;
}

Chart loss_chart(std::span<const RunCurves> runs) {
  Chart chart = empty_chart(runs, "loss", "Loss, with weight decay", {.label = "f"});
  int colour = 0;
  for (const RunCurves& run : runs) {
    if (is_alone(runs)) {
      chart.series.push_back(loss_range(run, 0));
      chart.series.push_back(log_series(run, "f_batch", "epoch's mean", 0, Series::Line::faint));
    }
    Series running =
        log_series(run, "f_batch_bar", curve_name(runs, run, is_alone(runs) ? "half-running" : ""), colour);
    // Logs of older runs do not have its error.
    if (is_alone(runs) && std::ranges::find(run.log.columns, "f_batch_bar_sd") != run.log.columns.end())
      add_band(running, run.column("f_batch_bar_sd"));
    chart.series.push_back(std::move(running));
    if (is_alone(runs)) chart.series.push_back(log_series(run, "f", "training set", 1, Series::Line::dashed));
    ++colour;
  }
  chart.y.logarithmic = spans_decades(chart);
  return chart;
}

/// What a diagram of O_L and O_R shows of these runs: `relation`, the drift of the norm, or one of some and the
/// other of others.
std::string of_relation_or_drift(std::span<const RunCurves> runs, const std::string& relation) {
  if (std::ranges::all_of(runs, measures_relation)) return relation;
  if (std::ranges::none_of(runs, measures_relation)) return "Drift of the norm, not the relation";
  return relation + "; of Adam the drift of the norm";
}

Chart relation_chart(std::span<const RunCurves> runs) {
  const bool relation = std::ranges::any_of(runs, measures_relation);
  Chart chart = empty_chart(runs, "observables",
                            of_relation_or_drift(runs, "Both sides of the relation") + ", half-running averages",
                            {.label = relation ? "O_L, O_R" : "-theta.d/eta, |d|^2/2eta", .logarithmic = true});
  int colour = 0;
  for (const RunCurves& run : runs) {
    const bool of_relation = measures_relation(run);
    chart.series.push_back(
        log_series(run, "O_L", curve_name(runs, run, of_relation ? "O_L" : "-theta.d/eta"), colour));
    chart.series.push_back(log_series(run, "O_R", curve_name(runs, run, of_relation ? "O_R" : "|d|^2/2eta"),
                                      is_alone(runs) ? 1 : colour, Series::Line::dotted));
    ++colour;
  }
  return chart;
}

/// How far from 1 the axis of the ratio goes: far enough for most of what comes after the first transients.
double ratio_reach(const std::vector<Series>& curves, double threshold) {
  std::vector<double> distances;
  for (const Series& curve : curves) {
    for (std::size_t i = curve.y.size() / 5; i < curve.y.size(); ++i) {
      if (std::isfinite(curve.y[i])) distances.push_back(std::abs(curve.y[i] - 1));
    }
  }
  double reach = 4 * threshold;
  if (!distances.empty()) {
    const auto most = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() * 9 / 10);
    std::nth_element(distances.begin(), most, distances.end());
    reach = std::max(reach, 1.5 * *most);
  }
  return std::min(reach, 4.0);
}

Chart ratio_chart(std::span<const RunCurves> runs) {
  const bool relation = std::ranges::any_of(runs, measures_relation);
  Chart chart = empty_chart(runs, "ratio", of_relation_or_drift(runs, "O_L / O_R") + ", and the threshold",
                            {.label = relation ? "O_L / O_R" : "ratio"});
  const double threshold = io::parse_double(runs.front().setting("fdr-threshold")).value_or(0.01);
  int colour = 0;
  for (const RunCurves& run : runs) {
    Series curve = log_series(run, "ratio",
                              curve_name(runs, run,
                                         !is_alone(runs) ? ""
                                         : relation      ? "O_L / O_R"
                                                         : "ratio"),
                              colour++);
    if (is_alone(runs)) add_band(curve, run.column("ratio_sd"));
    chart.series.push_back(std::move(curve));
  }
  chart.rules = {1 - threshold, 1, 1 + threshold};
  const double reach = ratio_reach(chart.series, threshold);
  chart.y.low = 1 - reach;
  chart.y.high = 1 + reach;
  return chart;
}

Chart rate_chart(std::span<const RunCurves> runs) {
  Chart chart = empty_chart(runs, "learning_rate", "Learning rate", {.label = "eta", .logarithmic = true});
  int colour = 0;
  for (const RunCurves& run : runs) {
    chart.series.push_back(
        rate_series(run, curve_name(runs, run, is_alone(runs) ? "learning rate" : ""), colour++));
  }
  return chart;
}

Chart accuracy_chart(std::span<const RunCurves> runs) {
  Chart chart = empty_chart(runs, "accuracy", "Accuracy, test with one standard error", {.label = "accuracy"});
  int colour = 0;
  for (const RunCurves& run : runs) {
    chart.series.push_back(log_series(run, "train_accuracy", curve_name(runs, run, "training"), colour));
    Series test = log_series(run, "test_accuracy", curve_name(runs, run, "test"), is_alone(runs) ? 1 : colour,
                             is_alone(runs) ? Series::Line::solid : Series::Line::dashed);
    if (is_alone(runs)) add_band(test, log_series(run, "test_accuracy_error", {}, 0).y);
    chart.series.push_back(std::move(test));
    ++colour;
  }
  return chart;
}

}  // namespace

bool measures_relation(const RunCurves& run) {
  const std::string optimizer = run.setting("optimizer");
  return optimizer.empty() || optimizer == "sgd";
}

Series log_series(const RunCurves& run, std::string_view column, std::string name, int colour, Series::Line line) {
  Series series{
      .name = std::move(name), .colour = colour, .line = line, .x = run.column("epoch"), .y = run.column(column)};
  if (std::find(std::begin(measured_columns), std::end(measured_columns), column) == std::end(measured_columns))
    return series;
  // With --eval-every most epochs may be without: the curve goes from one that has been measured to the next.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (std::isnan(series.y[i])) continue;
    series.x[kept] = series.x[i];
    series.y[kept++] = series.y[i];
  }
  series.x.resize(kept);
  series.y.resize(kept);
  return series;
}

Series rate_series(const RunCurves& run, std::string name, int colour) {
  Series series = log_series(run, "lr", std::move(name), colour);
  series.stairs = true;
  if (series.x.empty()) return series;
  series.x.push_back(series.x.back());
  series.y.push_back(series.y.back());
  for (std::size_t i = 0; i + 1 < series.x.size(); ++i) series.x[i] -= 1;
  return series;
}

Series running_series(const RunCurves& run, std::size_t which, std::string name, int colour, Series::Line line) {
  constexpr std::string_view columns[] = {"f_batch_bar", "O_L", "O_R"};
  if (run.steps.empty() || !run.cuts().empty())
    return log_series(run, columns[which], std::move(name), colour, line);
  Series series{.name = std::move(name), .colour = colour, .line = line};
  const double steps_per_epoch = io::parse_double(run.fact("model", "steps_per_epoch")).value_or(1);
  std::vector<double> sums{0};  // of the first t steps
  for (const std::array<double, 3>& step : run.steps) sums.push_back(sums.back() + step[which]);
  const std::size_t count = run.steps.size(), every = std::max<std::size_t>(1, count / running_points);
  for (std::size_t t = 1; t <= count;
       t += t < 2 * every ? 1 + t / 8 : std::min(every, std::max<std::size_t>(1, count - t))) {
    series.x.push_back(static_cast<double>(t) / steps_per_epoch);
    series.y.push_back((sums[t] - sums[t / 2]) / static_cast<double>(t - t / 2));
  }
  return series;
}

Series loss_range(const RunCurves& run, int colour) {
  Series series{.name = "mini-batches, range", .colour = colour, .line = Series::Line::none};
  const double steps_per_epoch = io::parse_double(run.fact("model", "steps_per_epoch")).value_or(1);
  const std::size_t count = run.steps.size(), pieces = std::min(stretches, count);
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    const std::size_t first = count * piece / pieces, last = count * (piece + 1) / pieces;
    double low = run.steps[first][0], high = low;
    for (std::size_t i = first; i < last; ++i) {
      low = std::min(low, run.steps[i][0]);
      high = std::max(high, run.steps[i][0]);
    }
    series.x.push_back(static_cast<double>(first + last) / 2 / steps_per_epoch);
    series.y.push_back((low + high) / 2);
    series.low.push_back(low);
    series.high.push_back(high);
  }
  return series;
}

std::vector<Chart> run_charts(std::span<const RunCurves> runs) {
  return {loss_chart(runs), relation_chart(runs), ratio_chart(runs), rate_chart(runs), accuracy_chart(runs)};
}

}  // namespace quench::train
