#include "train/paper/stage_samples.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace quench::train {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

double square(double x) { return x * x; }

bool has_column(const io::CsvContents& table, const std::string& column) {
  return std::find(table.columns.begin(), table.columns.end(), column) != table.columns.end();
}

}  // namespace

StageSample StageSample::times(double factor) const {
  StageSample result = *this;
  for (double& value : result.values) value *= factor;
  for (double& error : result.errors) error *= std::abs(factor);
  return result;
}

Estimate StageSample::mean() const { return mean_estimate(values, errors.empty() ? nothing : errors.front()); }

Estimate StageSample::mean_by_own_errors() const {
  double squares = 0;
  for (const double error : errors) squares += error * error;
  const double average = mean().value, error = std::sqrt(squares) / static_cast<double>(errors.size());
  return mean_estimate({&average, 1}, error);
}

StageSample stage_sample(std::span<const FigureRun> runs, std::string_view branch, std::size_t stage,
                         std::string_view column) {
  const std::string error = column == "ratio" ? "ratio_sd" : std::string(column) + "_error";
  StageSample sample;
  for (const FigureRun& run : runs) {
    if (run.branch->name != branch) continue;
    sample.values.push_back(run.stages.numbers(column)[stage]);
    sample.errors.push_back(has_column(run.stages, error) ? run.stages.numbers(error)[stage] : nothing);
  }
  return sample;
}

StageSample imbalance(std::span<const FigureRun> runs, std::string_view branch, std::size_t stage) {
  StageSample sample = stage_sample(runs, branch, stage, "ratio");
  for (double& value : sample.values) value -= 1;
  return sample;
}

Estimate difference_in_pairs(const StageSample& a, const StageSample& b) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.values.size(); ++i) differences.push_back(a.values[i] - b.values[i]);
  return mean_estimate(differences, combined(a.errors[0], b.errors[0]));
}

Estimate difference_of_means(const StageSample& a, const StageSample& b) {
  const Estimate first = a.mean(), second = b.mean();
  const double value = first.value - second.value;
  if (a.values.size() < 2 || b.values.size() < 2) return {value, combined(first.error, second.error)};
  // Squared standard errors of the means, and what Satterthwaite makes of their degrees of freedom.
  const auto freedom_a = static_cast<double>(a.values.size() - 1),
             freedom_b = static_cast<double>(b.values.size() - 1);
  const double of_a = square(first.error / student(freedom_a));
  const double of_b = square(second.error / student(freedom_b));
  const double both = of_a + of_b;
  if (!(both > 0)) return {value, both};
  const double freedom = both * both / (of_a * of_a / freedom_a + of_b * of_b / freedom_b);
  // Which is no less than the smaller of theirs, but for rounding.
  return {value, student(std::max(std::min(freedom_a, freedom_b), freedom)) * std::sqrt(both)};
}

std::vector<double> stage_rates(std::span<const FigureRun> runs) {
  std::vector<double> rates = runs.empty() ? std::vector<double>() : runs.front().stages.numbers("lr");
  for (const FigureRun& run : runs) rates.resize(std::min(rates.size(), run.stages.rows.size()));
  return rates;
}

std::vector<std::string_view> branches_with_runs(const Figure& figure, std::span<const FigureRun> runs) {
  std::vector<std::string_view> names;
  for (const Branch& branch : figure.branches) {
    const auto is_of = [&](const FigureRun& run) { return run.branch->name == branch.name; };
    if (std::any_of(runs.begin(), runs.end(), is_of)) names.push_back(branch.name);
  }
  return names;
}

}  // namespace quench::train
