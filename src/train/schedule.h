// What happens to the learning rate in a run, and what is known about it: the detector that decides, those that
// only watch, the averages of the fluctuation-dissipation relation and the audit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/csv.h"
#include "quench/archive.h"
#include "quench/audit.h"
#include "quench/detector.h"
#include "quench/fdr.h"
#include "quench/fdr_shift.h"
#include "quench/fdr_tensors.h"
#include "quench/optimizer.h"
#include "train/settings.h"

namespace quench::train {

/// What the end of an epoch tells about the relation.
struct FdrRow {
  FdrVerdict verdict;
  AuditResult audit;
  /// Of the window's means of loss, O_L and O_R: one standard error each, from batch means; empty for windows of
  /// fewer than 4 steps.
  std::optional<FdrLevels> levels;
  std::optional<FdrWindow> shifted;  ///< with --theta-c
  double theta_squared = 0;          ///< |theta|^2
  double v_squared = 0;              ///< |v|^2 of the velocity that made the last step
  bool cut = false;                  ///< the learning rate was cut in this epoch or at its end
  float next_lr = 0;
};

/// decisions.csv: a row for each test of the detector that decides, and one for each time that another would have
/// cut. layers.csv: a row for each tensor and epoch.
std::vector<std::string> decision_columns();
std::vector<std::string> layer_columns();

/// Whether a run without momentum has to store the velocity: for a detector that was asked for, or for the audit of
/// an O_R that is of the velocity before the step.
bool wants_velocity(const Settings& settings);

class Schedule {
 public:
  /// What it measures and where it writes; all must outlive it. Failures to write are kept by the tables and come
  /// out with the next flush.
  struct Parts {
    Optimizer& optimizer;
    Parameters parameters;
    io::CsvTable& decisions;
    io::CsvTable& layers;
    io::GrowingFile& steps;
  };
  Schedule(const Parts& parts, const Settings& settings, std::int64_t steps_per_epoch);

  /// Before the first step.
  void begin();
  void begin_epoch(std::int64_t epoch);
  /// Goes on in the middle of the epoch that the archive was written in.
  void continue_epoch();
  /// The learning rate and the velocity were changed from outside, between two epochs.
  void begin_stage() { restart(); }
  /// After each step: loss is that of the mini-batch with L2. Where --fdr-every asks for a test, that writes a row
  /// of decisions.csv and may change the learning rate; elsewhere nothing is allocated.
  void step(double loss);
  /// Tests, checks, and sets the learning rate of the next epoch.
  FdrRow end_epoch();

  std::int64_t cuts() const { return cutter_.cuts(); }
  /// Since the start of the run.
  std::int64_t steps() const { return step_; }
  /// All that later decisions and rows depend on.
  void archive(Archive& archive);

 private:
  struct Watcher {
    std::unique_ptr<Detector> detector;
  };
  /// Whether steps within an epoch are tested: not by what never cuts, nor by what counts epochs.
  bool tests_steps() const;
  /// Tests the detector that decides, if one does; true when the rate was cut.
  bool decide();
  void watch_others();
  void restart();
  /// Makes room for the steps of an epoch, and chooses what the optimiser watches in it.
  void prepare_epoch();
  void write_decision(const Detector& detector, bool active, const Decision& decision);
  void write_layers();
  void write_steps();
  Detector& active() { return active_ ? *active_ : static_cast<Detector&>(fdr_); }

  Parts parts_;
  const Settings& settings_;
  std::int64_t steps_per_epoch_;
  FdrDetector fdr_;
  std::unique_ptr<Detector> active_;  // null: fdr_ decides, or nothing does
  Cutter cutter_;
  std::vector<Watcher> watchers_;
  FdrTensors tensors_;
  std::optional<FdrShift> shift_;
  Audit audit_;
  std::vector<std::string> tensor_names_;
  std::vector<double> steps_;          // of the epoch, three numbers each, for steps.bin
  std::int64_t epoch_ = 0, step_ = 0;  // step: since the start of the run
  bool fdr_was_spent_ = false;
  bool cut_in_epoch_ = false;
};

}  // namespace quench::train
