#include "train/report/run_charts.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "io/numbers.h"

namespace quench::train {
namespace {

constexpr std::size_t stretches = 400;

bool is_alone(std::span<const RunCurves> runs) { return runs.size() == 1; }

/// "O_L" of the only run, "O_L of seed2" of one among several.
std::string curve_name(std::span<const RunCurves> runs, const RunCurves& run, const std::string& what) {
  return is_alone(runs) ? what : run.name + (what.empty() ? "" : ", " + what);
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
    chart.series.push_back(
        log_series(run, "f_batch_bar", curve_name(runs, run, is_alone(runs) ? "half-running" : ""), colour));
    if (is_alone(runs)) chart.series.push_back(log_series(run, "f", "training set", 1, Series::Line::dashed));
    ++colour;
  }
  chart.y.logarithmic = spans_decades(chart);
  return chart;
}

Chart relation_chart(std::span<const RunCurves> runs) {
  Chart chart = empty_chart(runs, "observables", "Both sides of the relation, half-running averages",
                            {.label = "O_L, O_R", .logarithmic = true});
  int colour = 0;
  for (const RunCurves& run : runs) {
    chart.series.push_back(log_series(run, "O_L", curve_name(runs, run, "O_L"), colour));
    chart.series.push_back(
        log_series(run, "O_R", curve_name(runs, run, "O_R"), is_alone(runs) ? 1 : colour, Series::Line::dotted));
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
  Chart chart = empty_chart(runs, "ratio", "O_L / O_R, and the threshold", {.label = "O_L / O_R"});
  const double threshold = io::parse_double(runs.front().setting("fdr-threshold")).value_or(0.01);
  int colour = 0;
  for (const RunCurves& run : runs) {
    Series curve = log_series(run, "ratio", curve_name(runs, run, is_alone(runs) ? "O_L / O_R" : ""), colour++);
    if (is_alone(runs)) {
      const std::vector<double> sd = run.column("ratio_sd");
      for (std::size_t i = 0; i < sd.size(); ++i) {
        curve.low.push_back(curve.y[i] - sd[i]);
        curve.high.push_back(curve.y[i] + sd[i]);
      }
    }
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
    // The rate of an epoch holds from its beginning.
    Series curve = log_series(run, "lr", curve_name(runs, run, is_alone(runs) ? "learning rate" : ""), colour++);
    curve.stairs = true;
    if (!curve.x.empty()) {
      curve.x.push_back(curve.x.back());
      curve.y.push_back(curve.y.back());
      for (std::size_t i = 0; i + 1 < curve.x.size(); ++i) curve.x[i] -= 1;
    }
    chart.series.push_back(std::move(curve));
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
    if (is_alone(runs)) {
      const std::vector<double> error = run.column("test_accuracy_error");
      for (std::size_t i = 0; i < error.size(); ++i) {
        test.low.push_back(test.y[i] - error[i]);
        test.high.push_back(test.y[i] + error[i]);
      }
    }
    chart.series.push_back(std::move(test));
    ++colour;
  }
  return chart;
}

}  // namespace

Series log_series(const RunCurves& run, std::string_view column, std::string name, int colour, Series::Line line) {
  return {
      .name = std::move(name), .colour = colour, .line = line, .x = run.column("epoch"), .y = run.column(column)};
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
