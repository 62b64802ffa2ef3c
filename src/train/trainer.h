// The training loop: epochs of steps, what is measured, logged and shown on the way.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "io/csv.h"
#include "io/progress.h"
#include "quench/dataset.h"
#include "quench/model.h"
#include "quench/optimizer.h"
#include "train/checkpoint.h"
#include "train/console.h"
#include "train/epoch_row.h"
#include "train/interrupt.h"
#include "train/landscape.h"
#include "train/run_folder.h"
#include "train/run_record.h"
#include "train/schedule.h"

namespace quench::train {

/// What the objects of a run, the tables among them, take at most for a state of so many bytes: its arrays in
/// vectors that have room to grow.
constexpr std::uint64_t most_state_memory(std::uint64_t state_bytes) { return 8 * state_bytes + 64 * 1024; }

class Trainer {
 public:
  /// What a run is made of; all of it must outlive the Trainer.
  struct Parts {
    const Dataset& data;
    Model& model;
    Optimizer& optimizer;
    Schedule& schedule;
    Landscape* landscape;  ///< null: nothing of it is measured, and the run has one stage
    RunFolder& folder;     ///< the log is its first table
    Console& console;
    const InterruptWatch& interrupt;
  };

  /// record: the settings to follow, and where what was done is noted.
  Trainer(const Parts& parts, RunRecord& record);

  /// Goes on where the checkpoint was written: reads everything but the parameters and the files. Throws Error when
  /// that contradicts itself. Takes at most most_state_memory.
  void resume(Archive& archive);

  /// Trains until the last epoch, true, or until a signal comes, false. Throws Error when a loss is not finite,
  /// naming the step. A row that cannot be written is kept and tried again an epoch later, with one warning; a
  /// checkpoint that cannot is a warning too.
  bool run();

 private:
  bool train();
  void begin_epoch();
  /// The rest of the epoch that position_ is in. False when a signal ended it before its last step.
  bool train_epoch(EpochRow& row);
  /// One update; returns the mini-batch loss with L2 of the parameters before it.
  double step(const Batches& batches, std::int64_t epoch, std::int64_t step_of_epoch);
  /// False when a signal came before all was measured that the end of a stage asks for.
  bool end_stage();
  void measure(EpochRow& row);
  void report(const EpochRow& row);
  /// Warns once when a file cannot be written, and once when it can be again.
  void check_files();
  double l2(double theta_squared) const;
  [[noreturn]] void diverged(const char* what, double value, std::int64_t epoch, std::int64_t step_of_epoch);
  /// Since the trainer was made.
  double seconds() const;
  bool checkpoint_is_due() const;
  void write_checkpoint();
  /// Everything but the parameters; the files of the folder come first when reading.
  void archive(Archive& archive);

  /// Where in the run it is, between two steps.
  struct Position {
    std::int64_t epoch = 1;
    std::int64_t step = 0;  // steps of the epoch that are made
    float lr = 0;           // that the epoch began with
    double loss_sum = 0;    // over the steps made
    double seconds = 0;     // that they took
  };

  Parts parts_;
  RunRecord& record_;
  io::Progress progress_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double last_finite_loss_ = 0;
  bool any_finite_loss_ = false;
  std::vector<bool> file_failed_;  // which could not be written the last time: tables, then steps.bin
  bool audit_failed_ = false;
  Position position_;
  bool resumed_ = false;
  double elapsed_before_ = 0;  // seconds, until it was resumed
  std::vector<Stage> stages_;
  Checkpoints checkpoints_;
  CheckpointInterval interval_;
  double checkpoint_time_ = 0;  // of the last one
  std::int64_t checkpoint_step_ = -1;
  bool checkpoint_failed_ = false;
};

}  // namespace quench::train
