#include "train/paper/claims.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/student.h"
#include "io/numbers.h"
#include "train/paper/landscape_claims.h"

namespace quench::train {
namespace {

using io::fixed;
using io::significant;
using io::to_text;

constexpr double normal_975 = 1.959964;    // 97.5 % quantile of the normal distribution
constexpr double agreement = 0.01;         // of O_L and O_R
constexpr double accuracy_margin = 0.002;  // 0.2 points
constexpr double relative_f_margin = 0.01;
constexpr double unknown = std::numeric_limits<double>::infinity();  // an error that a single seed does not tell

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double middle = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - middle) * (value - middle);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

std::size_t last_epochs(std::size_t epochs) {
  return static_cast<std::size_t>(figure_end(static_cast<std::int64_t>(epochs)));
}

std::span<const double> tail(std::span<const double> values) { return values.last(last_epochs(values.size())); }

/// A quantity of each run of one branch, and how uncertain it is by itself.
struct Sample {
  std::vector<double> values{};
  double deviation_of_one = 0;
};

template <typename Measure>
Sample sample(std::span<const FigureRun> runs, std::string_view branch, Measure measure) {
  Sample result;
  for (const FigureRun& run : runs) {
    if (run.branch->name != branch) continue;
    const auto [value, uncertainty] = measure(run.curves);
    result.values.push_back(value);
    result.deviation_of_one = uncertainty;
  }
  return result;
}

struct Measured {
  double value, uncertainty;
};

Measured last_accuracy(const RunCurves& run) {
  const std::vector<double> accuracy = run.column("test_accuracy"), error = run.column("test_accuracy_error");
  return {mean(tail(accuracy)), mean(tail(error))};
}

Measured last_f(const RunCurves& run) {
  const std::vector<double> f = run.column("f");
  return {mean(tail(f)), unknown};
}

/// Over those epochs of the first tenth after which f was measured.
Measured first_f(const RunCurves& run) {
  std::vector<double> f = run.column("f");
  f.resize(std::max<std::size_t>(1, f.size() / 10));
  std::erase_if(f, [](double value) { return std::isnan(value); });
  return {mean(f), unknown};
}

/// The mean difference of two branches, paired by seed.
Estimate difference(const Sample& a, const Sample& b) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < std::min(a.values.size(), b.values.size()); ++i)
    differences.push_back(a.values[i] - b.values[i]);
  return mean_estimate(differences, combined(a.deviation_of_one, b.deviation_of_one));
}

/// "0.5": half of the 95 % interval.
std::string error_text(const Estimate& estimate) {
  return std::isfinite(estimate.error) ? significant(estimate.error, 2) : std::string("unknown");
}

/// " (10,000 test images)", those of the first run.
std::string images_text(std::span<const FigureRun> runs) {
  const double images = runs.front().curves.column("test_images").back();
  return std::isfinite(images) ? " (" + io::grouped(static_cast<std::uint64_t>(images)) + " test images)" : "";
}

/// "...: adaptive 0.9730 +- 0.0016, preset 0.9735 +- 0.0016 (10,000 test images), gain ...": what is said of two
/// branches by one measure of their runs. An accuracy has its binomial error: averages over epochs and seeds are of
/// the same images.
Claim compare(std::span<const FigureRun> runs, std::string_view better, std::string_view worse,
              Measured (*measure)(const RunCurves&), double margin, const std::string& statement) {
  const bool accuracy = measure == last_accuracy;
  const Sample a = sample(runs, better, measure), b = sample(runs, worse, measure);
  // Differences in the direction that is claimed.
  const Estimate gain = accuracy ? difference(a, b) : difference(b, a);
  const Outcome outcome = above(gain, -margin);
  const auto shown = [&](const Sample& s) {
    return accuracy ? fixed(mean(s.values), 4) + " +- " + fixed(s.deviation_of_one, 4) : fixed(mean(s.values), 5);
  };
  return {statement + ": " + std::string(better) + " " + shown(a) + ", " + std::string(worse) + " " + shown(b) +
              (accuracy ? images_text(runs) : std::string()) + ", gain " + significant(gain.value, 3) + " +- " +
              error_text(gain) + " (" + to_text(a.values.size()) +
              (a.values.size() == 1 ? " seed): " : " seeds): ") + outcome_word(outcome),
          outcome};
}

Claim agreement_claim(const Figure& figure, std::span<const FigureRun> runs) {
  std::string first;
  const Sample ends = sample(runs, figure.branches.front().name, [&](const RunCurves& run) {
    const std::vector<double> ratio = run.column("ratio"), sd = run.column("ratio_sd");
    const auto found =
        std::find_if(ratio.begin(), ratio.end(), [](double r) { return std::abs(r - 1) < agreement; });
    first += (first.empty() ? "" : ", ") +
             (found == ratio.end() ? std::string("never") : "at epoch " + to_text(found - ratio.begin() + 1));
    return Measured{ratio.back() - 1, sd.back()};
  });
  const Estimate end = mean_estimate(ends.values, ends.deviation_of_one);
  const Outcome outcome = above({-std::abs(end.value), end.error}, -agreement);
  return {"O_L and O_R agree within 1 % at the end: O_L/O_R - 1 = " + significant(100 * end.value, 3) + " +- " +
              significant(100 * end.error, 2) + " %, first below 1 %: " + first + ": " + outcome_word(outcome),
          outcome};
}

/// " over the last 20 epochs".
std::string ending(std::span<const FigureRun> runs) {
  const std::size_t count = last_epochs(runs.front().curves.log.rows.size());
  return count == 1 ? " of the last epoch" : " over the last " + to_text(count) + " epochs";
}

std::vector<Claim> schedule_claims(std::span<const FigureRun> runs) {
  const std::string end = ending(runs);
  const double f_margin = relative_f_margin * mean(sample(runs, "preset", last_f).values);
  return {
      compare(runs, "adaptive", "preset", last_accuracy, accuracy_margin,
              "Test accuracy" + end + ": adaptive is at least preset - 0.2 points"),
      compare(runs, "adaptive", "amsgrad", last_accuracy, 0, "Test accuracy" + end + ": adaptive is above AMSGrad"),
      compare(runs, "adaptive", "preset", last_f, f_margin, "f" + end + ": adaptive is at most 1.01 times preset"),
      compare(runs, "adaptive", "amsgrad", last_f, 0, "f" + end + ": adaptive is below AMSGrad")};
}

std::vector<Claim> quick_claims(std::span<const FigureRun> runs) {
  const std::string end = ending(runs), start = "f over the first tenth of the epochs: quick is below ";
  const double f_margin = relative_f_margin * mean(sample(runs, "preset", last_f).values);
  return {
      compare(runs, "quick", "preset", first_f, 0, start + "preset"),
      compare(runs, "quick", "adaptive", first_f, 0, start + "adaptive"),
      compare(runs, "adaptive", "quick", last_accuracy, 0, "Test accuracy" + end + ": quick ends below adaptive"),
      compare(runs, "preset", "quick", last_accuracy, 0, "Test accuracy" + end + ": quick ends below preset"),
      compare(runs, "quick", "amsgrad", last_accuracy, 0, "Test accuracy" + end + ": quick is above AMSGrad"),
      compare(runs, "quick", "preset", last_f, f_margin, "f" + end + ": quick is at most 1.01 times preset"),
      compare(runs, "quick", "amsgrad", last_f, 0, "f" + end + ": quick is below AMSGrad")};
}

}  // namespace

std::string outcome_word(Outcome outcome) {
  switch (outcome) {
    case Outcome::held:
      return "HELD";
    case Outcome::failed:
      return "FAILED";
    case Outcome::undecided:
      break;
  }
  return "UNDECIDED";
}

double student(double freedom) {
  // Exact where the expansion is not accurate. Between them a straight line in 1 / freedom, of which the quantile
  // is a convex function.
  constexpr double exact[] = {12.7062, 4.3027, 3.1824, 2.7764};
  if (freedom >= static_cast<double>(std::size(exact)))
    return freedom > static_cast<double>(std::size(exact)) ? student_quantile(normal_975, freedom)
                                                           : exact[std::size(exact) - 1];
  const auto below = static_cast<std::size_t>(freedom);
  const auto whole = static_cast<double>(below);
  const double rest = (1 / whole - 1 / freedom) / (1 / whole - 1 / (whole + 1));
  return exact[below - 1] + rest * (exact[below] - exact[below - 1]);
}

Estimate mean_estimate(std::span<const double> values, double deviation_of_one) {
  constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
  if (values.empty()) return {nothing, nothing};
  if (values.size() == 1) return {values[0], normal_975 * deviation_of_one};
  return {mean(values), student(static_cast<double>(values.size() - 1)) * deviation(values) /
                            std::sqrt(static_cast<double>(values.size()))};
}

double combined(double a, double b) { return std::sqrt(a * a + b * b); }

Outcome above(const Estimate& estimate, double bound) {
  if (!(estimate.error > 0)) return Outcome::undecided;
  if (estimate.value - estimate.error > bound) return Outcome::held;
  if (estimate.value + estimate.error < bound) return Outcome::failed;
  return Outcome::undecided;
}

std::vector<Claim> figure_claims(const Figure& figure, std::span<const FigureRun> runs) {
  switch (figure.kind) {
    case Figure::Kind::relation:
      return {agreement_claim(figure, runs)};
    case Figure::Kind::schedules:
      return figure.name.starts_with("S2") ? quick_claims(runs) : schedule_claims(runs);
    case Figure::Kind::stages:
      return stage_claims(runs);
    case Figure::Kind::landscape:
      return landscape_claims(figure, runs);
    case Figure::Kind::optimizers:
      break;
  }
  const std::string end = ending(runs);
  const double f_margin = relative_f_margin * mean(sample(runs, "adam", last_f).values);
  return {compare(runs, "amsgrad", "adam", last_accuracy, accuracy_margin,
                  "Test accuracy" + end + ": AMSGrad is at least Adam - 0.2 points"),
          compare(runs, "amsgrad", "adam", last_f, f_margin, "f" + end + ": AMSGrad is at most 1.01 times Adam")};
}

}  // namespace quench::train
