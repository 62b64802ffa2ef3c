#include "train/paper/stage_samples.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "quench/fdr2.h"

namespace quench::train {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr double many = std::numeric_limits<double>::infinity();

/// A value with one standard error, and how many degrees of freedom that is of.
struct Measured {
  double value, error, freedom;
};

Estimate interval(const Measured& m) { return {m.value, student(m.freedom) * m.error}; }

double square(double x) { return x * x; }

/// A sum or difference of independent ones, with what Satterthwaite makes of their degrees of freedom.
Measured combination(double value, const Measured& a, const Measured& b) {
  const double of_a = square(a.error), of_b = square(b.error), both = of_a + of_b;
  // Without errors, or when one is not known (NaN): then neither is theirs.
  if (!(both > 0)) return {value, both, many};
  const double freedom = square(both) / (square(of_a) / a.freedom + square(of_b) / b.freedom);
  // No less than the smaller of the two, but for rounding.
  return {value, std::sqrt(both), std::max(std::min(a.freedom, b.freedom), freedom)};
}

/// One value with its own error.
Measured own(const StageSample& sample, std::size_t i) {
  return {sample.values[i], sample.errors[i], sample.freedom.empty() ? many : sample.freedom[i]};
}

/// The mean with the error of its values' scatter; of one its own.
Measured mean_of(const StageSample& sample) {
  const std::size_t count = sample.values.size();
  if (count == 0) return {nothing, nothing, many};
  if (count == 1) return own(sample, 0);
  const auto freedom = static_cast<double>(count - 1);
  const Estimate mean = mean_estimate(sample.values, nothing);
  return {mean.value, mean.error / student(freedom), freedom};
}

}  // namespace

StageSample StageSample::times(double factor) const {
  StageSample result = *this;
  for (double& value : result.values) value *= factor;
  for (double& error : result.errors) error *= std::abs(factor);
  return result;
}

Estimate StageSample::mean() const { return interval(mean_of(*this)); }

Estimate StageSample::mean_by_own_errors() const {
  if (values.empty()) return interval(mean_of(*this));
  const auto count = static_cast<double>(values.size());
  Measured sum = own(*this, 0);
  for (std::size_t i = 1; i < values.size(); ++i) {
    const Measured next = own(*this, i);
    sum = combination(sum.value + next.value, sum, next);
  }
  return interval({sum.value / count, sum.error / count, sum.freedom});
}

StageSample stage_sample(std::span<const FigureRun> runs, std::string_view branch, std::size_t stage,
                         std::string_view column) {
  const std::string error = column == "ratio" ? "ratio_sd" : std::string(column) + "_error";
  StageSample sample;
  for (const FigureRun& run : runs) {
    if (run.branch->name != branch) continue;
    sample.values.push_back(run.stages.numbers(column)[stage]);
    sample.errors.push_back(run.stages.has(error) ? run.stages.numbers(error)[stage] : nothing);
    if (column == "ratio") continue;
    const double samples = run.stages.numbers("samples")[stage];
    sample.freedom.push_back(
        samples > 2 ? static_cast<double>(error_batches(static_cast<std::int64_t>(samples)) - 1) : 1.0);
  }
  return sample;
}

StageSample imbalance(std::span<const FigureRun> runs, std::string_view branch, std::size_t stage) {
  StageSample sample = stage_sample(runs, branch, stage, "ratio");
  for (double& value : sample.values) value -= 1;
  return sample;
}

Estimate difference_in_pairs(const StageSample& a, const StageSample& b) {
  const std::size_t count = a.values.size();
  if (count == 1) return difference_of_means(a, b);
  StageSample pairs;
  for (std::size_t i = 0; i < count; ++i) pairs.values.push_back(a.values[i] - b.values[i]);
  return pairs.mean();
}

Estimate difference_of_means(const StageSample& a, const StageSample& b) {
  const Measured first = mean_of(a), second = mean_of(b);
  return interval(combination(first.value - second.value, first, second));
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
