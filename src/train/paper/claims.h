// Whether a figure shows what the paper says it shows, computed from its runs with their error.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "io/csv_contents.h"
#include "train/paper/figures.h"
#include "train/report/run_curves.h"

namespace quench::train {

enum class Outcome { held, failed, undecided };

/// "HELD", "FAILED" or "UNDECIDED".
std::string outcome_word(Outcome outcome);

/// One sentence about a figure.
struct Claim {
  std::string sentence;  ///< the claim, the figures it rests on, and the outcome
  Outcome outcome;
};

/// An estimate with the half width of its 95 % interval.
struct Estimate {
  double value;
  double error;
};

/// 97.5 % quantile of Student's t, within 1e-3 for whole numbers of degrees of freedom; below 4 never too small for
/// others. freedom >= 1.
double student(double freedom);

/// The mean of several values, with Student's t; of one value with 1.96 times its own standard deviation.
Estimate mean_estimate(std::span<const double> values, double deviation_of_one);

/// The error of the sum or difference of independent values with these errors.
double combined(double a, double b);

/// held when value > bound beyond the error, failed when value < bound beyond it; undecided between, when something
/// is not finite, and for an error of 0: then it is not known, as no measurement is exact.
Outcome above(const Estimate& estimate, double bound);

/// A run of a figure with what it left.
struct FigureRun {
  const Branch* branch;
  RunCurves curves;
  io::CsvContents stages{};  ///< stages.csv of a chain
};

/// Figure 1: |O_L/O_R - 1| at the end is below 1 %. Figure 4: in test accuracy and f, averaged over the last
/// twentieth of the epochs (20 of 400), adaptive is not worse than preset (by more than 0.2 points; 1 % of f) and
/// better than AMSGrad. S1: AMSGrad is not worse than Adam in the same sense. S2: quick has the lower f in the
/// first tenth of the epochs than preset and adaptive; at the end it is below adaptive in test accuracy, below
/// preset in it too, at most 1.01 times its f, and better than AMSGrad in both. Of one seed a test accuracy has the
/// error of the number of test images; how f would differ with another seed is not known then, and what rests on it
/// is undecided. Figures 2 and 3: see landscape_claims.h.
std::vector<Claim> figure_claims(const Figure& figure, std::span<const FigureRun> runs);

}  // namespace quench::train
