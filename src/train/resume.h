// Going on with an earlier run: which checkpoint, and whether it is of the same run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "io/folder_lock.h"
#include "io/json_value.h"
#include "train/checkpoint.h"
#include "train/settings.h"

namespace quench::train {

struct ResumePoint {
  std::filesystem::path run;     ///< the run's folder
  std::filesystem::path folder;  ///< of the checkpoint
  std::int64_t step = 0;
  Checkpoint checkpoint;
  io::JsonValue record;  ///< its run.json
  /// Of the run's folder, where the run goes on in it: nobody else has written there since this was read.
  std::shared_ptr<io::FolderLock> lock;
  /// That of the parameters that the run began with, if it began with those of a file; else empty.
  std::string start_checksum() const;
  std::string warning;  ///< which newer checkpoints could not be read, and why; empty when none
};

/// settings.out, or without one runs/<data set>-<model>-seed<seed>.
std::filesystem::path default_run_folder(const Settings& settings);

/// The settings of the recorded run, but for those given ones that may change: epochs, threads, evaluation, output.
/// Throws Error, naming both values, when another option was given with another value and for another data set, and
/// when no run has settings like the recorded ones. where: what complaints call the record.
Settings resumed_settings(const Settings& asked, const io::JsonValue& record, const std::string& where);

/// How a run begins: anew, or at a checkpoint.
struct Beginning {
  Settings settings;
  std::optional<ResumePoint> point;
};

/// What --resume makes of the settings that are asked for: the newest checkpoint that can be read of the run it
/// names (with "auto", of settings.out or the folder that the run would get by default) and its resumed_settings().
/// Without --resume, and with "auto" where there is no checkpoint yet, the run begins anew; what it left in the
/// folder, cut off before its first checkpoint, must then be of the same settings and is overwritten. Throws Error
/// as resumed_settings() does; when a run or a checkpoint is named and there is no checkpoint that can be read;
/// when "auto" finds a finished run without checkpoints; and when another process trains in the folder that the run
/// goes on in.
Beginning find_beginning(const Settings& asked);

/// Throws Error, naming both values, when the record is not of this data and numeric class.
void check_same_world(const ResumePoint& point, std::uint64_t data_checksum);

/// Throws UsageError when the checkpoint is past the end that the settings have.
void check_epochs(const Settings& settings, const ResumePoint& point, std::int64_t steps_per_epoch);

/// Throws Error when the run began with other parameters than those of --init, which have that checksum.
void check_start(const Settings& settings, const ResumePoint& point, std::uint64_t checksum);

}  // namespace quench::train
