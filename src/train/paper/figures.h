// The figures of the paper (Yaida, ICLR 2019) that single runs make up: which runs, with which settings.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "train/settings.h"

namespace quench::train {

/// What all figures of a command share.
struct PaperOptions {
  std::int64_t seeds = 1;
  std::uint64_t seed = 1;       ///< of the initial weights; the i-th repetition has seed + i
  std::uint64_t data_seed = 1;  ///< of the shuffling, likewise
  double epochs_scale = 1;      ///< all stages are that much as long, rounded to whole epochs
  std::string data = "data";
  bool data_given = false;
  std::int64_t threads = 0;
};

/// One curve of a figure: a way to train, repeated for every seed.
struct Branch {
  std::string_view name;    ///< "adaptive"
  std::string_view legend;  ///< "adaptive, X 0.01, Y 0.1"
  int colour;
};

struct Figure {
  enum class Kind {
    relation,   ///< f^B above O_L and O_R (figure 1)
    schedules,  ///< learning rate, f, accuracy (figures 4 and S2)
    optimizers  ///< f, accuracy (figure S1)
  };
  std::string_view name;   ///< "4a"
  std::string_view title;  ///< what it shows
  Kind kind;
  std::string_view dataset;
  double momentum;
  std::int64_t epochs;
  std::uint64_t seed_offset;  ///< S2b to S2d begin with other initial weights
  std::span<const Branch> branches;
};

std::span<const Figure> paper_figures();

struct PaperRun {
  const Branch* branch;
  std::string name;  ///< of its folder; runs that figures share have one
  Settings settings;
};

/// All runs of a figure, seed by seed.
std::vector<PaperRun> paper_runs(const Figure& figure, const PaperOptions& options);

/// The figure's epochs at that scale, at least one.
std::int64_t scaled_epochs(std::int64_t epochs, double scale);

}  // namespace quench::train
