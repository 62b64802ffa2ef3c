// Figures 2 and 3.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "train/paper/claims.h"
#include "train/plot/chart.h"

namespace quench::train {

/// Figure 2: O_L and O_R of a chain, stage by stage, over the epochs since the stage began; of several, those of
/// the first, and faintly behind them the others'.
std::vector<Chart> stage_charts(std::span<const FigureRun> runs, const std::string& title);

/// Figure 3: means over repetitions with 95 % intervals, of each sampling and estimator. Above O_FB against
/// eta, with the straight line from the origin through the smallest eta of the paper's estimator (of shuffle, where
/// there is any); below O_FB/eta, which that line has constant.
std::vector<Chart> landscape_charts(const Figure& figure, std::span<const FigureRun> runs,
                                    const std::string& title);

}  // namespace quench::train
