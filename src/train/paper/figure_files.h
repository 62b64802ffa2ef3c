// A figure as files, and what it says on the console.
#pragma once

#include <filesystem>
#include <span>

#include "train/console.h"
#include "train/paper/claims.h"
#include "train/paper/figures.h"

namespace quench::train {

/// Writes NAME.svg, NAME.html and NAME.csv to the folder, of figure 3 also NAME-means.csv, and prints the claims.
/// Throws Error when a file cannot be written.
void draw_figure(const Figure& figure, std::span<const FigureRun> runs, const PaperOptions& options,
                 const std::filesystem::path& folder, Console& console);

/// The data of all runs as one table: a row an epoch; of figure 3 a row a stage, with all columns of stages.csv.
std::string figure_csv(const Figure& figure, std::span<const FigureRun> runs);

/// Figure 3: means over repetitions of each quantity, stage and sampling, with half their 95 % interval (empty
/// where it is unknown), of how many runs they are, and half the interval that the runs' own errors give (empty
/// where one has none). The last quantity, ratio_minus_1, is O_L/O_R - 1: whether the stage was in equilibrium.
std::string means_csv(const Figure& figure, std::span<const FigureRun> runs);

}  // namespace quench::train
