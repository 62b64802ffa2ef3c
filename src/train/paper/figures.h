// The figures of the paper (Yaida, ICLR 2019): which runs make them up, with which settings.
#pragma once

#include <cstdint>
#include <optional>
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
  std::string sampling = "both";  ///< of figures 2 and 3: shuffle, iid or both; of both figure 2 has shuffle
  double lr_max = 0;              ///< of figures 2 and 3: only stages with eta up to that; 0: all
  double lr_min = 0;              ///< and down to that
};

/// One part of the sequential protocol (appendix B): epochs at a constant learning rate.
struct PaperStage {
  double lr;
  std::int64_t epochs;
};

/// "0.0005", where io::to_text has the shorter "5e-04".
std::string rate_text(double rate);

/// One curve of a figure: a way to train, repeated for every seed.
struct Branch {
  std::string_view name;    ///< "adaptive"
  std::string_view legend;  ///< "adaptive, X 0.01, Y 0.1"
  int colour;
  bool drawn = true;  ///< false: only for what is claimed, and in the data
};

struct Figure {
  enum class Kind {
    relation,    ///< f^B above O_L and O_R (figure 1)
    schedules,   ///< learning rate, f, accuracy (figures 4 and S2)
    optimizers,  ///< f, accuracy (figure S1)
    stages,      ///< O_L and O_R of every stage of a chain (figure 2)
    landscape    ///< O_FB at the ends of the stages against eta (figure 3)
  };
  std::string_view name;   ///< "4a"
  std::string_view title;  ///< what it shows
  Kind kind;
  std::string_view dataset;
  double momentum;
  std::int64_t epochs;        ///< of each run; of a chain, of the run that it starts from
  std::uint64_t seed_offset;  ///< S2b to S2d begin with other initial weights
  std::span<const Branch> branches;
  std::span<const PaperStage> stages{};  ///< of a chain, which continues from stage to stage; else none

  bool is_chain() const { return !stages.empty(); }
};

std::span<const Figure> paper_figures();

struct PaperRun {
  const Branch* branch;
  std::string name;  ///< of its folder; runs that figures share have one
  Settings settings;
  std::string start{};   ///< name of the run from whose last parameters it starts (settings.init); empty: of none
  bool resumes = false;  ///< long: goes on from its newest checkpoint where it was interrupted
};

/// All runs of a figure, seed by seed, but for the one that chains start from. Of a chain: the repetitions differ
/// in data_seed alone.
std::vector<PaperRun> paper_runs(const Figure& figure, const PaperOptions& options);

/// The one run that all chains of a figure start from: learning rate 0.1, 100 epochs before scaling.
std::optional<PaperRun> start_run(const Figure& figure, const PaperOptions& options);

/// The stages of a chain that the options leave, with their scaled epochs.
std::vector<PaperStage> chosen_stages(const Figure& figure, const PaperOptions& options);

/// The figure's epochs at that scale, at least one.
std::int64_t scaled_epochs(std::int64_t epochs, double scale);

/// How many of a run's epochs count as its end: 20 of 400.
std::int64_t figure_end(std::int64_t epochs);

}  // namespace quench::train
