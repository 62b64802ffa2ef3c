// The diagrams of runs: loss, O_L and O_R, their ratio, learning rate, accuracy.
#pragma once

#include <span>
#include <vector>

#include "train/plot/chart.h"
#include "train/report/run_curves.h"

namespace quench::train {

/// Over epochs. One run: all its curves, with cuts marked. Several: each in a colour of its own, the main curves
/// only. At least one.
std::vector<Chart> run_charts(std::span<const RunCurves> runs);

/// Half-running averages (eq. 15) of a log column's epoch ends, ready to draw: x in epochs.
Series log_series(const RunCurves& run, std::string_view column, std::string name, int colour,
                  Series::Line line = Series::Line::solid);

/// The mini-batch loss: in each of a few hundred stretches of steps its lowest and highest value, as a band.
Series loss_range(const RunCurves& run, int colour);

}  // namespace quench::train
