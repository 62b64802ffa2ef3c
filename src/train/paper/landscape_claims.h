// What figures 2 and 3 show, and whether shuffling can be the reason for it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "train/paper/claims.h"

namespace quench::train {

/// Figure 2, means over all chains: at the end of every stage O_L and O_R agree within 1 %, each stage with its own
/// interval; and the level of O_R is about proportional to eta: the exponent of a power law through the stages is
/// within 0.8 and 1.2, its interval from the scatter about the law; undecided when a stage was out of
/// equilibrium (equilibrium.h). Of a single stage nothing is said of that.
std::vector<Claim> stage_claims(std::span<const FigureRun> runs);

/// Figure 3: of each sampling, whether its stages were in equilibrium (equilibrium.h); and, in terms of O_FB/eta,
/// which a harmonic loss has constant to leading order in eta, differences within the same runs in pairs, of the
/// two samplings as of independent runs:
/// - the points of larger eta lie above the straight line through the origin and the smallest eta, as a bias by
///   shuffling would have it: held when most do beyond their 95 % intervals and none lies below it, failed the
///   other way round. Of shuffling, where there are such runs;
/// with shuffling:
/// - at the smallest eta O_FB of eq. 18 falls below that of iid sampling, below the corrected and below the
///   telescoped one;
/// - corrected, and telescoped, shuffling and iid sampling agree within 10 % at every eta.
/// Undecided, with the stages named, when one of those that a claim rests on was out of equilibrium. Claims that
/// need runs of both samplings are left out where there are those of one.
std::vector<Claim> landscape_claims(const Figure& figure, std::span<const FigureRun> runs);

}  // namespace quench::train
