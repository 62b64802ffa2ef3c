// Tables as comma-separated values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "io/files.h"
#include "io/growing_file.h"

namespace quench::io {

/// One line of comma-separated values with its newline. Cells with a comma, a quote or a line break are quoted (RFC
/// 4180).
std::string csv_line(std::span<const std::string> cells);

/// The shortest exact text of a number; of one that is not known, NaN, an empty cell.
std::string csv_cell(double value);

/// A CSV file of fixed columns that this table alone writes to, row by row; see GrowingFile for what happens when
/// the disk is full.
class CsvTable {
 public:
  /// Makes the file, with the header line. Throws Error when it is there already or cannot be written.
  CsvTable(Files& files, std::filesystem::path file, std::span<const std::string> columns);
  /// Goes on with a table of these columns that is there: archive() has yet to read what it held.
  CsvTable(Files& files, std::filesystem::path file, std::size_t columns)
      : file_(files, std::move(file)), columns_(columns) {}

  /// Gives the file another name in its folder, replacing what has that name. Throws Error when that fails.
  void rename(const std::filesystem::path& file) { file_.rename(file); }

  /// Adds a row and tries to write all that is pending. Returns why that failed, or nothing. Throws Error when the
  /// number of cells is not that of the columns.
  std::error_code add(std::span<const std::string> cells);
  /// Tries again to write what is pending.
  std::error_code flush() { return file_.flush(); }
  /// As GrowingFile has them.
  std::error_code sync() { return file_.sync(); }
  void archive(Archive& archive) { file_.archive(archive); }

  /// Rows that are in memory only.
  std::int64_t pending_rows() const { return file_.pending(); }
  const std::filesystem::path& file() const { return file_.path(); }

 private:
  GrowingFile file_;
  std::size_t columns_;
};

}  // namespace quench::io
