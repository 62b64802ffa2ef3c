// Whether stages of chains were in equilibrium when they were measured, on which what figure 3 says rests.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "train/paper/claims.h"

namespace quench::train {

/// How far a stage is from equilibrium: O_L/O_R - 1 over its second half, the mean over repetitions, with the 95 %
/// interval that the runs' own errors give (their scatter over a few seeds says too little).
Estimate stage_imbalance(std::span<const FigureRun> runs, std::string_view branch, std::size_t stage);

/// As the verdict of a run has it: failed, out of equilibrium, beyond 1 % and beyond the interval, beyond 100 %
/// whatever the interval, or not known; held within 1 % when the interval is no wider; else undecided, for it is in
/// equilibrium as far as can be told.
Outcome in_equilibrium(const Estimate& imbalance);

/// All stages of a branch: failed when one is out of equilibrium, held when all are known to be in it. rates:
/// theirs.
Claim equilibrium_claim(std::span<const FigureRun> runs, std::string_view branch, std::span<const double> rates);

/// "; iid at 0.005 is out of equilibrium by -8.3 +- 2.6 %" for each stage of the branch that is, all or one of
/// them.
std::string out_of_equilibrium(std::span<const FigureRun> runs, std::string_view branch,
                               std::span<const double> rates);
std::string out_of_equilibrium(std::span<const FigureRun> runs, std::string_view branch,
                               std::span<const double> rates, std::size_t stage);

}  // namespace quench::train
