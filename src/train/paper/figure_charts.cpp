#include "train/paper/figure_charts.h"

#include <algorithm>
#include <cmath>

#include "train/paper/landscape_charts.h"
#include "train/report/run_charts.h"

namespace quench::train {
namespace {

/// The name of the first curve of a branch; those of its other seeds have none in the legend.
std::string legend(std::span<const FigureRun> runs, const FigureRun& run, std::string_view text) {
  const auto first =
      std::find_if(runs.begin(), runs.end(), [&](const FigureRun& r) { return r.branch == run.branch; });
  return &*first == &run ? std::string(text) : std::string();
}

/// Limits that hold the curves but for the first twentieth of their points, in which they fall from far above.
void fit(Chart& chart) {
  double low = INFINITY, high = -INFINITY;
  const auto hold = [&](const std::vector<double>& values) {
    for (std::size_t i = values.size() / 20; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) continue;
      low = std::min(low, values[i]);
      high = std::max(high, values[i]);
    }
  };
  for (const Series& series : chart.series) {
    hold(series.y);
    hold(series.low);
    hold(series.high);
  }
  if (!(low < high)) return;
  const double margin = (high - low) * 0.05;
  chart.y.low = low - margin;
  chart.y.high = high + margin;
}

Chart panel(std::string name, std::string title, Axis y) {
  return {
      .name = std::move(name), .title = std::move(title), .x = {.label = "epoch", .low = 0.0}, .y = std::move(y)};
}

std::vector<Chart> relation_charts(std::span<const FigureRun> runs, const std::string& title) {
  Chart loss = panel("loss", title, {.label = "f^B"});
  Chart sides =
      panel("observables", "Half-running averages", {.label = "O_L, O_R", .logarithmic = true, .low = 1e-3});
  for (const FigureRun& run : runs) {
    Series range = loss_range(run.curves, 0);
    range.name = legend(runs, run, "f^B, range of mini-batches");
    loss.series.push_back(std::move(range));
    loss.series.push_back(running_series(run.curves, 0, legend(runs, run, "half-running"), 0));
    sides.series.push_back(running_series(run.curves, 1, legend(runs, run, "O_L"), 0));
    sides.series.push_back(running_series(run.curves, 2, legend(runs, run, "O_R"), 1, Series::Line::dotted));
  }
  fit(loss);
  return {loss, sides};
}

std::vector<Chart> training_charts(std::span<const FigureRun> runs, const std::string& title, bool with_rate) {
  Chart rate = panel("rate", title, {.label = "eta", .logarithmic = true});
  Chart loss = panel("loss", with_rate ? "Loss over the training set, with weight decay" : title, {.label = "f"});
  Chart accuracy = panel("accuracy", "Accuracy: training solid, test dashed", {.label = "accuracy"});
  for (const FigureRun& run : runs) {
    if (!run.branch->drawn) continue;
    const int colour = run.branch->colour;
    // The rate of AMSGrad is that of another rule.
    if (run.curves.setting("optimizer") == "sgd") {
      rate.series.push_back(rate_series(run.curves, legend(runs, run, run.branch->legend), colour));
    }
    loss.series.push_back(log_series(run.curves, "f", legend(runs, run, run.branch->legend), colour));
    accuracy.series.push_back(log_series(run.curves, "train_accuracy", {}, colour));
    accuracy.series.push_back(log_series(run.curves, "test_accuracy", {}, colour, Series::Line::dashed));
  }
  fit(loss);
  fit(accuracy);
  if (with_rate) return {rate, loss, accuracy};
  return {loss, accuracy};
}

}  // namespace

std::vector<Chart> figure_charts(const Figure& figure, std::span<const FigureRun> runs, const std::string& note) {
  const std::string title = "Figure " + std::string(figure.name) + ": " + std::string(figure.title) + note;
  if (figure.kind == Figure::Kind::relation) return relation_charts(runs, title);
  if (figure.kind == Figure::Kind::stages) return stage_charts(runs, title);
  if (figure.kind == Figure::Kind::landscape) return landscape_charts(figure, runs, title);
  return training_charts(runs, title, figure.kind == Figure::Kind::schedules);
}

}  // namespace quench::train
