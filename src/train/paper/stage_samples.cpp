#include "train/paper/stage_samples.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace quench::train {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

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

Estimate difference(const StageSample& a, const StageSample& b) {
  const std::size_t count = a.values.size();
  if (count == b.values.size() && count > 0) {
    std::vector<double> differences;
    for (std::size_t i = 0; i < count; ++i) differences.push_back(a.values[i] - b.values[i]);
    return mean_estimate(differences, combined(a.errors[0], b.errors[0]));
  }
  const Estimate first = a.mean(), second = b.mean();
  return {first.value - second.value, combined(first.error, second.error)};
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
