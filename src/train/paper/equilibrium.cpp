#include "train/paper/equilibrium.h"

#include <algorithm>
#include <cmath>

#include "io/text.h"
#include "train/paper/claim_words.h"
#include "train/paper/stage_samples.h"

namespace quench::train {
namespace {

constexpr double tolerance = 0.01;  // of abs(O_L/O_R - 1), the X of a run's verdict
// What an interval excuses at most. While a run relaxes, its drift makes its own error large as well.
constexpr double most_excused = 1;

}  // namespace

Estimate stage_imbalance(std::span<const FigureRun> runs, std::string_view branch, std::size_t stage) {
  return imbalance(runs, branch, stage).mean_by_own_errors();
}

Outcome in_equilibrium(const Estimate& imbalance) {
  const double off = std::abs(imbalance.value);
  // An error that is not known excuses nothing.
  if (!(off <= tolerance || (off <= imbalance.error && off <= most_excused))) return Outcome::failed;
  return off <= tolerance && imbalance.error <= tolerance ? Outcome::held : Outcome::undecided;
}

Claim equilibrium_claim(std::span<const FigureRun> runs, std::string_view branch, std::span<const double> rates) {
  std::string list;
  Outcome worst = Outcome::held;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    const Estimate off = stage_imbalance(runs, branch, i);
    const Outcome one = in_equilibrium(off);
    if (worst != Outcome::failed && one != Outcome::held) worst = one;
    add_item(list, {shown(off, 0.01), " at ", rate_text(rates[i]), one == Outcome::failed ? " (out)" : ""});
  }
  return claim({"Equilibrium, ", branch,
                ": in every stage abs(O_L/O_R - 1) is below 1 %, and known to 1 % by the runs' own errors; "
                "O_L/O_R - 1 in % is ",
                list, repetitions(imbalance(runs, branch, 0).values.size())},
               worst);
}

std::string out_of_equilibrium(std::span<const FigureRun> runs, std::string_view branch,
                               std::span<const double> rates) {
  std::string text;
  for (std::size_t i = 0; i < rates.size(); ++i) text += out_of_equilibrium(runs, branch, rates, i);
  return text;
}

std::string out_of_equilibrium(std::span<const FigureRun> runs, std::string_view branch,
                               std::span<const double> rates, std::size_t stage) {
  const Estimate off = stage_imbalance(runs, branch, stage);
  if (in_equilibrium(off) != Outcome::failed) return {};
  return io::joined(
      {"; ", branch, " at ", rate_text(rates[stage]), " is out of equilibrium by ", shown(off, 0.01), " %"});
}

}  // namespace quench::train
