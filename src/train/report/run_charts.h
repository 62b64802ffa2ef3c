// The diagrams of runs: loss, O_L and O_R, their ratio, learning rate, accuracy.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "train/plot/chart.h"
#include "train/report/run_curves.h"

namespace quench::train {

/// Over epochs. One run: all its curves, with cuts marked. Several: each in a colour of its own, the main curves
/// only. At least one.
std::vector<Chart> run_charts(std::span<const RunCurves> runs);

/// Whether O_L and O_R are those of the relation: not of an optimiser without velocity, where they tell how the
/// norm of the parameters drifts.
bool measures_relation(const RunCurves& run);

/// A column of the log at the ends of epochs, ready to draw: x in epochs. Of what passes over the data sets
/// measure, only the epochs in which it was.
Series log_series(const RunCurves& run, std::string_view column, std::string name, int colour,
                  Series::Line line = Series::Line::solid);

/// The learning rate as stairs: that of an epoch holds from its beginning.
Series rate_series(const RunCurves& run, std::string name, int colour);

/// The half-running average (eq. 15) of what steps.bin has of each step, 0 its loss, 1 O_L, 2 O_R: after every step
/// of a few at the beginning, and then of some hundred. The log's column where there is no steps.bin, or the
/// learning rate was cut, at which averages begin anew.
Series running_series(const RunCurves& run, std::size_t which, std::string name, int colour,
                      Series::Line line = Series::Line::solid);

/// The mini-batch loss: in each of a few hundred stretches of steps its lowest and highest value, as a band.
Series loss_range(const RunCurves& run, int colour);

}  // namespace quench::train
