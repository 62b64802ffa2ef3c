// Where the runs of figures lie, and whether they are the ones that a figure is made of.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "train/paper/claims.h"
#include "train/paper/figures.h"

namespace quench::train {

/// Whether the run in the folder is finished; of one that others start from also whether its parameters are there.
bool is_finished(const std::filesystem::path& folder, bool is_start);

/// Runs in a folder, or spread over those of several machines.
class RunFinder {
 public:
  /// places: folders that hold runs. Their order does not matter.
  explicit RunFinder(std::vector<std::filesystem::path> places);

  /// The finished run of that name; nothing when no place has it. Throws Error, naming both, when it was made twice
  /// with different parameters at the end, or different stages.
  std::optional<std::filesystem::path> find(const std::string& name) const;

 private:
  std::vector<std::filesystem::path> places_;
};

/// Throws Error, naming the folder, what it has and what is expected, when the run there has other settings.
void check_settings(const std::filesystem::path& folder, const RunCurves& run, const PaperRun& wanted);

/// What a figure is drawn from: the finished run, with its stages when it is a chain. Throws Error, naming the
/// file, when they cannot be read, when the log has not a row for each epoch or the stages do not fit it, and as
/// check_settings does.
FigureRun read_figure_run(const std::filesystem::path& folder, const PaperRun& run);

/// What results depend on besides settings.
struct RunWorld {
  std::map<std::string, std::string> data;  ///< the checksum of each data set, by its name
  std::string numeric_class;                ///< "fma" or "muladd"
};

/// Checks that runs that are read are of one world, and from the start that was wanted.
class RunChecks {
 public:
  /// expected: what is left empty of it is the first run's.
  explicit RunChecks(RunWorld expected) : expected_(std::move(expected)) {}

  /// start: the folder of the run that it starts from, when that is there; else empty. Throws Error that names the
  /// folder, what it has and what is expected.
  void check(const std::filesystem::path& folder, const RunCurves& run, const PaperRun& wanted,
             const std::filesystem::path& start);

 private:
  RunWorld expected_;
  // Of what was not expected from the beginning, the run that it is of: by data set, and "class".
  std::map<std::string, std::filesystem::path> first_with_;
};

}  // namespace quench::train
