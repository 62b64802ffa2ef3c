// The paper's figures, drawn from runs.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "train/paper/claims.h"
#include "train/plot/chart.h"

namespace quench::train {

/// The panels of a figure from top to bottom, with the paper's axes (figures 2 and 3: see landscape_charts.h).
/// note: what the title adds, such as the scale of the epochs.
std::vector<Chart> figure_charts(const Figure& figure, std::span<const FigureRun> runs, const std::string& note);

}  // namespace quench::train
