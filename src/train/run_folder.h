// The folder a run writes to: claimed before anything else is done, given back when the run does not begin.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include "io/csv.h"
#include "io/files.h"
#include "io/folder_lock.h"
#include "quench/archive.h"
#include "train/resume.h"
#include "train/run_record.h"
#include "train/run_tables.h"
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

/// Holds the tables (log.csv first) and run.json. Without --force the tables are made at once, and of several runs
/// that want the folder one gets it. With --force they are made beside the old ones, which stay as they are until
/// begin(). Until then the destructor removes what was made, folders included.
class RunFolder {
 public:
  /// Makes settings.out, or without one a folder nobody has (runs/mnist-mlp-seed1, runs/mnist-mlp-seed1-2, ...),
  /// and the tables with their headers. Throws Error when it holds a run already and --force is not given, when
  /// another process trains there, and when folder or tables cannot be made.
  RunFolder(io::Files& files, const Settings& settings, std::span<const TableKind> tables);
  /// Goes on with an earlier run, whose tables are cut to what they were at the checkpoint. In its own folder later
  /// checkpoints are removed before that; in another one, settings.out, what that holds is replaced (refused
  /// without --force) by copies of the tables and of the checkpoint. Throws Error when that cannot be done, when a
  /// table is shorter than at the checkpoint, and when another process trains there.
  RunFolder(io::Files& files, const Settings& settings, std::span<const TableKind> tables, const ResumePoint& point,
            Archive& archive);

  const std::filesystem::path& path() const { return folder_; }
  /// In the order in which they were given.
  io::CsvTable& table(std::size_t index) { return tables_[index]; }
  std::span<io::CsvTable> tables() { return tables_; }
  /// steps.bin: "QSTEPS1\n", then for each step f^B, O_L and O_R as little-endian numbers of 8 bytes (IEEE 754).
  io::GrowingFile& steps() { return steps_.front(); }

  /// Writes the first run.json and, with --force, puts the new tables in the places of the old ones. Throws Error
  /// when that fails; unless it is one of the very last steps, renaming the tables, the old run is whole then.
  void begin(const RunRecord& record);
  /// How far the files are.
  void archive(Archive& archive);
  /// What was written to the tables and steps.bin is on the disk afterwards; else why not.
  std::error_code sync();
  /// Replaces run.json. Throws Error when it cannot be written; what it held stays.
  void write_record(const RunRecord& record);

 private:
  void copy_run(const ResumePoint& point, bool force);
  /// The run has begun: all that was made stays.
  void keep();

  io::Files& files_;
  // Should the run not begin: first files go, then the lock with its own, and folders last.
  Undo undo_folders_;
  std::filesystem::path folder_;
  std::shared_ptr<io::FolderLock> lock_;
  Undo undo_;
  bool name_synced_ = false;
  std::vector<std::filesystem::path> names_;  // of the tables, once the run has begun
  std::vector<io::CsvTable> tables_;
  std::vector<io::GrowingFile> steps_;  // one
};

}  // namespace quench::train
