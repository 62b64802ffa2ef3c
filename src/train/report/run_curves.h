// A run as its folder tells it.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/csv_contents.h"
#include "io/json_value.h"

namespace quench::train {

struct RunCurves {
  std::string name;  ///< of the folder
  io::JsonValue record;
  io::CsvContents log;
  io::CsvContents decisions;
  std::vector<std::array<double, 3>> steps;  ///< f^B, O_L, O_R of every step; empty when there is no steps.bin

  /// A setting in the words of run.json; empty when it has none of that name.
  std::string setting(std::string_view option) const;
  /// The same of its results, data or other objects: fact("results", "cuts").
  std::string fact(std::string_view object, std::string_view key) const;
  /// A column of log.csv, NaN where it is empty.
  std::vector<double> column(std::string_view title) const { return log.numbers(title); }
  /// Epochs at whose end (or in which) the learning rate was cut.
  std::vector<double> cuts() const;
};

/// run.json of a folder. Throws Error, naming the file.
io::JsonValue read_record(const std::filesystem::path& folder);

/// Reads run.json, log.csv, decisions.csv and, when it is there, steps.bin of a folder; of a run that still goes on
/// as far as it is written. Throws Error, naming the file.
RunCurves read_run(const std::filesystem::path& folder);

}  // namespace quench::train
