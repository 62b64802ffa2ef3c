// What a run measures of the landscape it walks in: the second relation, stage by stage.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/csv.h"
#include "quench/archive.h"
#include "quench/fdr.h"
#include "quench/fdr2.h"
#include "quench/full_gradient.h"
#include "quench/hessian.h"
#include "quench/model.h"
#include "quench/optimizer.h"
#include "train/settings.h"
#include "train/stages.h"

namespace quench::train {

/// fdr2.csv: a row for each epoch with a measurement. stages.csv: a row for each stage that is done.
std::vector<std::string> fdr2_columns();
std::vector<std::string> stage_columns();

/// |G|^2 over the training set at the ends of epochs, -G_t . v_{t+1} and the corrected pull at a random step of
/// each, their half-running averages since the stage began, and at its end Tr(HC) by products with the Hessian.
class Landscape {
 public:
  /// All must outlive it.
  struct Parts {
    Model& model;
    Optimizer& optimizer;
    const ImageSet& images;
    io::CsvTable& stages;
    io::CsvTable* fdr2;  ///< null unless settings.fdr2_every > 0
  };
  Landscape(const Parts& parts, const Settings& settings, std::int64_t steps_per_epoch);

  /// Before an epoch; the first of a stage begins new averages.
  void begin_epoch(std::int64_t epoch);
  /// The step of the epoch, 0 .. steps_per_epoch - 1, that these are the batches of: returns the mean
  /// cross-entropy, as Optimizer::step does, with a measurement at the state before it where one is due.
  double step(const Batches& epoch, std::int64_t step_of_epoch);
  /// Measures what is due and writes the epoch's row.
  void end_epoch();
  /// After the last epoch of a stage, measures Tr(HC) and writes the stage's row; sides: O_L and O_R of that
  /// epoch's end. False when stop() said so, asked before each product, and not all were made: then nothing is
  /// written, and the row is still due, also after archive(). At other times does nothing.
  bool end_stage(const FdrWindow& sides, const std::function<bool()>& stop);

  void archive(Archive& archive);

 private:
  /// At a random step.
  struct Sample {
    double gradient_sq = 0, telescoped = 0, corrected = 0;
  };
  const Stage& stage() const { return stages_[stage_]; }
  /// Whether the second relation is measured in the epoch.
  bool is_due() const;
  /// Makes the step at which a sample is due, and takes it.
  double sampled_step(const Batches& epoch);
  void write_epoch(double f, const Fdr2Window& window);
  /// Nothing when stop() said so.
  std::optional<Level> tr_hc_directly(const std::function<bool()>& stop);
  void write_stage(const FdrWindow& sides, const Level& direct, const Fdr2Window& window);

  Parts parts_;
  const Settings& settings_;
  std::int64_t steps_per_epoch_;
  std::vector<Stage> stages_;
  std::optional<FullGradient> gradient_;
  std::optional<FullGradient> rest_;  // of what a shuffled epoch has still to come
  Fdr2Averages averages_;
  std::size_t stage_ = 0;
  std::int64_t epoch_ = 0;
  std::int64_t sampled_ = -1;  // the step of the epoch before which it is measured; -1: none
  Sample sample_;
  bool stage_is_due_ = false;  // its row
};

}  // namespace quench::train
