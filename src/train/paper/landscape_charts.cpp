#include "train/paper/landscape_charts.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "io/numbers.h"
#include "io/text.h"
#include "train/paper/stage_samples.h"

namespace quench::train {
namespace {

/// Rows first .. last (from 0) of a column.
std::vector<double> part(const std::vector<double>& column, std::size_t first, std::size_t last) {
  return {column.begin() + static_cast<std::ptrdiff_t>(first),
          column.begin() + static_cast<std::ptrdiff_t>(last + 1)};
}

// Of the estimators, in their order.
constexpr Series::Line lines[] = {Series::Line::solid, Series::Line::dashed, Series::Line::dotted};
static_assert(std::size(lines) == std::size(estimators));
constexpr int line_colour = 4;
constexpr double step_aside = 2.5;  // of one series from the next

/// O_FB, or O_FB/eta, of all samplings and estimators, and the straight line.
Chart panel(const Figure& figure, std::span<const FigureRun> runs, bool over_eta) {
  const std::vector<double> rates = stage_rates(runs);
  Chart chart;
  double shift = -2.5 * step_aside;
  for (std::size_t e = 0; e < std::size(estimators); ++e) {
    for (const Branch& branch : figure.branches) {
      Series series{.name = io::joined({branch.legend, ", ", estimators[e].name}),
                    .colour = branch.colour,
                    .line = lines[e],
                    .dots = true,
                    .shift = shift};
      shift += step_aside;
      for (std::size_t i = 0; i < rates.size(); ++i) {
        const StageSample sample = stage_sample(runs, branch.name, i, estimators[e].column);
        const Estimate mean = sample.times(over_eta ? 1 / rates[i] : 1).mean();
        series.x.push_back(rates[i]);
        series.y.push_back(mean.value);
        series.low.push_back(mean.value - mean.error);
        series.high.push_back(mean.value + mean.error);
      }
      const auto is_of = [&](const FigureRun& run) { return run.branch->name == branch.name; };
      if (std::any_of(runs.begin(), runs.end(), is_of)) chart.series.push_back(std::move(series));
    }
  }
  if (rates.empty()) return chart;
  const auto [low, high] = std::minmax_element(rates.begin(), rates.end());
  const auto smallest = static_cast<std::size_t>(low - rates.begin());
  Series straight{.name = "straight line", .colour = line_colour, .x = {over_eta ? *low : 0, *high}};
  const double slope = chart.series.front().y[smallest] / (over_eta ? 1 : *low);
  for (const double x : straight.x) straight.y.push_back(over_eta ? slope : slope * x);
  chart.series.insert(chart.series.begin(), std::move(straight));
  // Room for the outermost bars.
  if (over_eta) {
    chart.x = {.label = "eta", .logarithmic = true, .low = *low / 1.2, .high = *high * 1.2};
  } else {
    chart.x = {.label = "eta", .low = 0.0, .high = *high * 1.04};
  }
  return chart;
}

}  // namespace

std::vector<Chart> stage_charts(std::span<const FigureRun> runs, const std::string& title) {
  Chart chart{.name = "stages",
              .title = title,
              .x = {.label = "epochs of the stage", .low = 0.0},
              .y = {.label = "O_L solid, O_R dotted", .logarithmic = true}};
  // The first chain last, over the others.
  for (std::size_t chain = runs.size(); chain-- > 0;) {
    const FigureRun& run = runs[chain];
    const std::vector<double> first = run.stages.numbers("first_epoch"), last = run.stages.numbers("last_epoch");
    const std::vector<double> rates = run.stages.numbers("lr");
    const std::vector<double> o_l = run.curves.column("O_L"), o_r = run.curves.column("O_R");
    for (std::size_t i = 0; i < rates.size(); ++i) {
      const auto begin = static_cast<std::size_t>(first[i]) - 1, end = static_cast<std::size_t>(last[i]) - 1;
      const int colour = static_cast<int>(i);
      Series left{.colour = colour, .y = part(o_l, begin, end)},
          right{.colour = colour, .y = part(o_r, begin, end)};
      for (std::size_t epoch = begin; epoch <= end; ++epoch)
        left.x.push_back(static_cast<double>(epoch - begin + 1));
      right.x = left.x;
      if (chain == 0) {
        left.name = "eta " + rate_text(rates[i]);
        right.line = Series::Line::dotted;
      } else {
        left.line = right.line = Series::Line::faint;
        if (chart.series.empty()) left.name = "other seeds";
      }
      chart.series.push_back(std::move(left));
      chart.series.push_back(std::move(right));
    }
  }
  return {chart};
}

std::vector<Chart> landscape_charts(const Figure& figure, std::span<const FigureRun> runs,
                                    const std::string& title) {
  Chart points = panel(figure, runs, false), slopes = panel(figure, runs, true);
  points.name = "landscape";
  points.title = title;
  points.y.label = "O_FB";
  slopes.name = "slopes";
  slopes.title = "O_FB / eta: of a harmonic loss constant to leading order";
  slopes.y.label = "O_FB / eta";
  return {points, slopes};
}

}  // namespace quench::train
