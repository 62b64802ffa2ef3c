// Reads tables as CsvTable writes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace quench::io {

struct CsvContents {
  std::string source;  ///< what complaints begin with, such as the file's name
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  ///< each with as many cells as there are columns

  bool has(std::string_view column) const;
  /// Where the column stands; Error when there is none of that name.
  std::size_t index(std::string_view column) const;
  /// The column's cells as numbers; NaN where a cell is empty. Throws Error, naming row and column, when one is
  /// neither.
  std::vector<double> numbers(std::string_view column) const;
};

/// The first line names the columns. A last line without its newline is left out: its writer is not done with it.
/// Throws Error, naming the line, when one has more or fewer cells than the first, and when a quote is not closed.
CsvContents parse_csv(std::string_view text, std::string source = "CSV");

}  // namespace quench::io
