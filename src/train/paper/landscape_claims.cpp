#include "train/paper/landscape_claims.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <string_view>

#include "core/math.h"
#include "io/numbers.h"
#include "io/text.h"
#include "train/paper/claim_words.h"
#include "train/paper/equilibrium.h"
#include "train/paper/stage_samples.h"

namespace quench::train {
namespace {

using io::significant;
using io::to_text;

constexpr double side_agreement = 0.01;      // of O_L and O_R
constexpr double exponent_reach = 0.2;       // of "about proportional"
constexpr double estimator_agreement = 0.1;  // of shuffling and independent draws

/// The outcome for several estimates that must all be within +-reach.
Outcome all_within(std::span<const Estimate> estimates, double reach) {
  Outcome all = Outcome::held;
  for (const Estimate& estimate : estimates) {
    const Outcome one = above({-std::abs(estimate.value), estimate.error}, -reach);
    if (one == Outcome::failed) return one;
    if (one == Outcome::undecided) all = one;
  }
  return all;
}

/// " (4 seeds)", when the figure is not the paper's, of one chain.
std::string of_several(std::span<const FigureRun> runs) {
  return runs.size() > 1 ? repetitions(runs.size()) : std::string();
}

Claim agreement_claim(std::span<const FigureRun> runs, std::span<const double> rates) {
  std::string list;
  std::vector<Estimate> ends;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    ends.push_back(imbalance(runs, runs.front().branch->name, i).mean());
    add_item(list, {shown(ends.back(), 0.01), " at ", rate_text(rates[i])});
  }
  return claim(
      {"O_L and O_R agree within 1 % at the end of every stage: O_L/O_R - 1 in % is ", list, of_several(runs)},
      all_within(ends, side_agreement));
}

/// The exponent p of y ~ x^p by least squares of the logarithms, with a 95 % interval from the scatter.
Estimate power_law(std::span<const double> x, std::span<const double> y) {
  std::vector<double> u, v;
  for (const double value : x) u.push_back(logarithm(value));
  for (const double value : y) v.push_back(logarithm(value));
  const auto count = static_cast<double>(x.size());
  const double mean_u = std::accumulate(u.begin(), u.end(), 0.0) / count;
  const double mean_v = std::accumulate(v.begin(), v.end(), 0.0) / count;
  double uu = 0, uv = 0, rest = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    uu += (u[i] - mean_u) * (u[i] - mean_u);
    uv += (u[i] - mean_u) * (v[i] - mean_v);
  }
  for (std::size_t i = 0; i < u.size(); ++i) {
    const double off = v[i] - mean_v - uv / uu * (u[i] - mean_u);
    rest += off * off;
  }
  constexpr double unknown = std::numeric_limits<double>::infinity();
  if (x.size() < 3) return {uv / uu, unknown};
  return {uv / uu, student(count - 2) * std::sqrt(rest / (count - 2) / uu)};
}

/// "<words>: HELD" of a claim that rests on stages in equilibrium. out: which are not; then it is undecided, and
/// says so.
Claim claim_in_equilibrium(std::initializer_list<std::string_view> words, std::string_view out, Outcome outcome) {
  return claim({io::joined(words), out}, out.empty() ? outcome : Outcome::undecided);
}

Claim level_claim(std::span<const FigureRun> runs, std::span<const double> rates) {
  std::vector<double> levels;
  std::string list;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    levels.push_back(stage_sample(runs, runs.front().branch->name, i, "O_R").mean().value);
    add_item(list, {significant(levels.back(), 3), " at ", rate_text(rates[i])});
  }
  const Estimate exponent = power_law(rates, levels);
  const Estimate off{-std::abs(exponent.value - 1), exponent.error};
  return claim_in_equilibrium({"The level of O_R is about proportional to eta: as eta to the power ",
                               shown(exponent), ", expected 0.8 to 1.2; O_R is ", list, of_several(runs)},
                              out_of_equilibrium(runs, runs.front().branch->name, rates),
                              above(off, -exponent_reach));
}

/// O_FB/eta of a branch at a stage, by the estimator of that column.
StageSample over_eta(std::span<const FigureRun> runs, std::string_view branch, std::size_t stage, double eta,
                     std::string_view column) {
  return stage_sample(runs, branch, stage, column).times(1 / eta);
}

/// On which side of the straight line the larger learning rates lie.
Claim side_claim(std::span<const FigureRun> runs, std::string_view branch, std::span<const double> rates,
                 std::size_t smallest) {
  const std::string out = out_of_equilibrium(runs, branch, rates);
  const auto at = [&](std::size_t i) { return over_eta(runs, branch, i, rates[i], "O_FB"); };
  const StageSample base = at(smallest);
  std::string list;
  int higher = 0, lower = 0, open = 0;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    if (i == smallest) continue;
    const Estimate rise = difference_in_pairs(at(i), base);
    const Outcome side = above(rise, 0);
    (side == Outcome::held ? higher : side == Outcome::failed ? lower : open) += 1;
    add_item(list, {shown(rise), " at ", rate_text(rates[i]),
                    side == Outcome::held     ? " (above)"
                    : side == Outcome::failed ? " (below)"
                                              : " (open)"});
  }
  // All share the error of the smallest eta, so that chance moves them to one side together: most are there no more
  // often by chance than one interval is. A single one of several would be.
  Outcome outcome = Outcome::undecided;
  if (higher > open && lower == 0) outcome = Outcome::held;
  if (lower > open && higher == 0) outcome = Outcome::failed;
  return claim_in_equilibrium(
      {"Eq. 18, ", branch, ": the points of larger eta lie above the straight line through the origin and eta = ",
       rate_text(rates[smallest]), branch == "shuffle" ? ", as a bias by shuffling would have it" : "", ": above ",
       to_text(higher), ", below ", to_text(lower), ", open ", to_text(open), "; O_FB/eta is ", shown(base.mean()),
       " there, and more by ", list, repetitions(base.values.size())},
      out, outcome);
}

/// O_FB/eta of one sampling by one estimator, at the stage of the smallest eta.
struct Slope {
  std::string_view branch, column, name;
};

/// At that stage the slope `high` is above `low`.
Claim below_claim(std::string_view statement, std::span<const FigureRun> runs, std::span<const double> rates,
                  std::size_t stage, const Slope& low, const Slope& high) {
  const auto sample = [&](const Slope& slope) {
    return over_eta(runs, slope.branch, stage, rates[stage], slope.column);
  };
  const StageSample below = sample(low), over = sample(high);
  const Estimate gap =
      high.branch == low.branch ? difference_in_pairs(over, below) : difference_of_means(over, below);
  std::string out = out_of_equilibrium(runs, low.branch, rates, stage);
  if (high.branch != low.branch) out += out_of_equilibrium(runs, high.branch, rates, stage);
  return claim_in_equilibrium(
      {statement, ": at eta = ", rate_text(rates[stage]), " O_FB/eta is ", shown(below.mean()), " ", low.name, ", ",
       shown(over.mean()), " ", high.name, ", higher by ", shown(gap), repetitions(below.values.size())},
      out, above(gap, 0));
}

/// By that estimator the samplings agree.
Claim unbiased_claim(std::span<const FigureRun> runs, std::span<const double> rates, const Estimator& estimator) {
  std::string list;
  std::vector<Estimate> gaps;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    const StageSample iid = over_eta(runs, "iid", i, rates[i], estimator.column);
    const StageSample shuffle = over_eta(runs, "shuffle", i, rates[i], estimator.column);
    // The error of a quotient is that of the difference of both in the same units.
    const double quotient = shuffle.mean().value / iid.mean().value;
    const Estimate off = difference_of_means(shuffle, iid.times(quotient));
    const Estimate gap{quotient - 1, off.error / std::abs(iid.mean().value)};
    gaps.push_back(gap);
    add_item(list, {shown(gap, 0.01), " at ", rate_text(rates[i])});
  }
  return claim_in_equilibrium(
      {"O_FB ", estimator.name, ", shuffle and iid agree within 10 %: shuffle / iid - 1 in % is ", list,
       repetitions(stage_sample(runs, "shuffle", 0, estimator.column).values.size())},
      io::joined({out_of_equilibrium(runs, "shuffle", rates), out_of_equilibrium(runs, "iid", rates)}),
      all_within(gaps, estimator_agreement));
}

}  // namespace

std::vector<Claim> stage_claims(std::span<const FigureRun> runs) {
  const std::vector<double> rates = stage_rates(runs);
  std::vector<Claim> claims = {agreement_claim(runs, rates)};
  if (rates.size() > 1) claims.push_back(level_claim(runs, rates));
  return claims;
}

std::vector<Claim> landscape_claims(const Figure& figure, std::span<const FigureRun> runs) {
  const std::vector<double> rates = stage_rates(runs);
  const auto smallest = static_cast<std::size_t>(std::min_element(rates.begin(), rates.end()) - rates.begin());
  const std::vector<std::string_view> branches = branches_with_runs(figure, runs);
  std::vector<Claim> claims;
  for (const std::string_view branch : branches) claims.push_back(equilibrium_claim(runs, branch, rates));
  if (rates.size() > 1) claims.push_back(side_claim(runs, branches.front(), rates, smallest));
  if (branches.front() != "shuffle") return claims;
  if (branches.size() > 1) {
    claims.push_back(below_claim("Eq. 18, shuffle falls below iid as eta goes to 0", runs, rates, smallest,
                                 {"shuffle", "O_FB", "of shuffle"}, {"iid", "O_FB", "of iid"}));
  }
  for (const Estimator& estimator : unbiased_estimators) {
    claims.push_back(below_claim(
        io::joined({"Shuffle, eq. 18 falls below O_FB ", estimator.name, " as eta goes to 0"}), runs, rates,
        smallest, {"shuffle", "O_FB", "by eq. 18"}, {"shuffle", estimator.column, estimator.name}));
  }
  if (branches.size() == 1) return claims;
  for (const Estimator& estimator : unbiased_estimators) claims.push_back(unbiased_claim(runs, rates, estimator));
  return claims;
}

}  // namespace quench::train
