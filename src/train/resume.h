// Going on with an earlier run: which checkpoint, and whether it is of the same run.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

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
  /// That of the parameters that the run began with, if it began with those of a file; else empty.
  std::string start_checksum() const;
  std::string warning;  ///< which newer checkpoints could not be read, and why; empty when none
};

/// settings.out, or without one runs/<data set>-<model>-seed<seed>.
std::filesystem::path default_run_folder(const Settings& settings);

/// The newest checkpoint that can be read of the run that settings.resume names; with "auto", of settings.out or
/// the folder that the run would get by default, and nothing when there is none. Throws Error when a run or a
/// checkpoint is named and there is no checkpoint that can be read.
std::optional<ResumePoint> find_resume_point(const Settings& settings);

/// The settings of the recorded run, but for those given ones that may change: epochs, threads, evaluation, output.
/// Throws Error, naming both values, when another option was given with another value, and for another data set.
/// where: what complaints call the record.
Settings resumed_settings(const Settings& asked, const io::JsonValue& record, const std::string& where);

/// Throws Error, naming both values, when the record is not of this data and numeric class.
void check_same_world(const ResumePoint& point, std::uint64_t data_checksum);

}  // namespace quench::train
