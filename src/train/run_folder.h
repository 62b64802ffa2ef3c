// The folder a run writes to: claimed before anything else is done, given back when the run does not begin.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/csv.h"
#include "io/files.h"
#include "train/run_record.h"
#include "train/settings.h"

namespace quench::train {

/// What was made and must go again should the rest fail: files, and folders that are empty by then.
class Undo {
 public:
  Undo() = default;
  ~Undo();
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;

  void add(std::filesystem::path made) { made_.push_back(std::move(made)); }
  /// From here on everything stays.
  void keep() { made_.clear(); }

 private:
  std::vector<std::filesystem::path> made_;  // removed from the last to the first
};

/// Holds log.csv and run.json. Without --force the log is made at once, and of several runs that want the folder
/// one gets it. With --force it is made beside the old one, which stays as it is until begin(). Until then the
/// destructor removes what was made, folders included.
class RunFolder {
 public:
  /// Makes settings.out, or without one a folder nobody has (runs/mnist-mlp-seed1, runs/mnist-mlp-seed1-2, ...),
  /// and the log with its header. Throws Error when it holds a run already and --force is not given, and when
  /// folder or log cannot be made.
  RunFolder(io::Files& files, const Settings& settings, std::span<const std::string> columns);

  const std::filesystem::path& path() const { return folder_; }
  io::CsvTable& log() { return log_; }

  /// Writes the first run.json and, with --force, puts the new log in the place of the old one. Throws Error when
  /// that fails; unless it is the very last step, renaming the log, the old run is whole then.
  void begin(const RunRecord& record);
  /// Replaces run.json. Throws Error when it cannot be written; what it held stays.
  void write_record(const RunRecord& record);

 private:
  io::Files& files_;
  Undo undo_;
  std::filesystem::path folder_;
  io::CsvTable log_;
};

}  // namespace quench::train
