// What the runs of a figure have at the ends of their stages.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "train/paper/claims.h"

namespace quench::train {

/// The estimators of O_FB (fdr2.h): columns of stages.csv, and what they are called. That of eq. 18 is first; the
/// others are right for any sampling.
struct Estimator {
  std::string_view column, name;
};
inline constexpr Estimator estimators[] = {
    {"O_FB", "eq. 18"}, {"O_FB_cor", "corrected"}, {"O_FB_tel", "telescoped"}};
inline constexpr std::span<const Estimator> unbiased_estimators = std::span(estimators).subspan(1);

/// A quantity at the end of one stage, repetition by repetition.
struct StageSample {
  std::vector<double> values;
  std::vector<double> errors;     ///< one standard error of each by itself; NaN where it has none
  std::vector<double> freedom{};  ///< degrees of freedom of each error, >= 1; empty: many of all

  /// The same in other units: values and errors times `factor`.
  StageSample times(double factor) const;
  /// The mean with its 95 % interval: over repetitions; of one by its own error.
  Estimate mean() const;
  /// The same mean with the 95 % interval that the repetitions' own errors give, as of independent values; its
  /// error is NaN when one has none.
  Estimate mean_by_own_errors() const;
};

/// A column of stages.csv at the stage (from 0) of the branch's runs; errors from the column of that name and
/// _error, if there is one, with as many degrees of freedom as that of a mean over the stage's samples (fdr2.h); of
/// "ratio" from ratio_sd, which is of every step.
StageSample stage_sample(std::span<const FigureRun> runs, std::string_view branch, std::size_t stage,
                         std::string_view column);

/// O_L/O_R - 1 there, which is 0 in equilibrium, with the errors of the ratio.
StageSample imbalance(std::span<const FigureRun> runs, std::string_view branch, std::size_t stage);

/// Mean of a - b of the same runs, at least one, in pairs; of one by their own errors, as of independent values.
Estimate difference_in_pairs(const StageSample& a, const StageSample& b);

/// Mean of a - b of independent runs (Welch's test), a single one with its own error.
Estimate difference_of_means(const StageSample& a, const StageSample& b);

/// Learning rates of the stages that every run has finished.
std::vector<double> stage_rates(std::span<const FigureRun> runs);

/// Names of the branches that have runs, in their order.
std::vector<std::string_view> branches_with_runs(const Figure& figure, std::span<const FigureRun> runs);

}  // namespace quench::train
