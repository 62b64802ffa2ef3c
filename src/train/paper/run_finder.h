// Where the runs of figures lie, and whether they are the ones that a figure is made of.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
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

/// Checks that runs that are read are on the data, and from the start, that were wanted. Throws Error that names
/// the folder, what it has and what is expected.
class RunChecks {
 public:
  /// data_matters: on the data of this machine. Else, of runs that come from others: all on the same.
  explicit RunChecks(bool data_matters) : data_matters_(data_matters) {}

  /// start: the folder of the run that it starts from; not read when it starts from none.
  void check(const std::filesystem::path& folder, const RunCurves& run, const PaperRun& wanted,
             const std::filesystem::path& start);

 private:
  const std::string& data_checksum(const Settings& settings, const RunCurves& run);

  bool data_matters_;
  std::map<std::string, std::string> sums_;  // opening generated images takes seconds
};

}  // namespace quench::train
