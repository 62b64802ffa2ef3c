// A table on disk that grows row by row and survives a disk that is full for a while.
#pragma once

#include <cstdint>
#include <deque>
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

/// A CSV file of fixed columns that this table alone writes to. Rows that cannot be written stay in memory and go
/// out, in order and one by one, when there is room again; between two calls the file ends with a whole row, unless
/// the disk refuses even to shorten it: then the next call cuts off what a failed one left. A file that somebody
/// else made shorter or longer is left alone.
class CsvTable {
 public:
  /// Makes the file, with the header line. Throws Error when it is there already or cannot be written.
  CsvTable(Files& files, std::filesystem::path file, std::span<const std::string> columns);

  /// Gives the file another name in its folder, replacing what has that name. Throws Error when that fails.
  void rename(const std::filesystem::path& file);

  /// Adds a row and tries to write all that is pending. Returns why that failed, or nothing. Throws Error when the
  /// number of cells is not that of the columns.
  std::error_code add(std::span<const std::string> cells);
  /// Tries again to write what is pending.
  std::error_code flush();

  /// Rows that are in memory only.
  std::int64_t pending_rows() const { return static_cast<std::int64_t>(pending_.size()); }
  const std::filesystem::path& file() const { return file_; }

 private:
  std::error_code write(std::string_view row);

  Files& files_;
  std::filesystem::path file_;
  std::size_t columns_;
  std::uint64_t written_ = 0;  // header and whole rows
  std::uint64_t torn_ = 0;     // bytes of a row after them that a failed write left and nothing could cut
  std::deque<std::string> pending_;
};

}  // namespace quench::io
