// A table on disk that grows row by row and survives a disk that is full for a while.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "io/files.h"

namespace quench::io {

/// One line of comma-separated values with its newline. Cells with a comma, a quote or a line break are quoted (RFC
/// 4180).
std::string csv_line(std::span<const std::string> cells);

/// A CSV file of fixed columns. Rows that cannot be written stay in memory and go out, in order, when there is room
/// again; the file always ends with a whole row.
class CsvTable {
 public:
  /// Replaces what the file held by the header line. Throws Error when it cannot be written.
  CsvTable(Files& files, std::filesystem::path file, std::span<const std::string> columns);

  /// Adds a row and tries to write all that is pending. Returns why that failed, or nothing. Throws Error when the
  /// number of cells is not that of the columns.
  std::error_code add(std::span<const std::string> cells);
  /// Tries again to write what is pending.
  std::error_code flush();

  /// Rows that are in memory only.
  std::int64_t pending_rows() const { return pending_rows_; }
  const std::filesystem::path& file() const { return file_; }

 private:
  Files& files_;
  std::filesystem::path file_;
  std::size_t columns_;
  std::uint64_t written_ = 0;
  std::string pending_;
  std::int64_t pending_rows_ = 0;
};

}  // namespace quench::io
