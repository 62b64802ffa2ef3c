#include "io/csv.h"

#include <cmath>
#include <utility>

#include "io/numbers.h"
#include "quench/error.h"

namespace quench::io {

std::string csv_line(std::span<const std::string> cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
      line += cells[i];
      continue;
    }
    line += '"';
    for (const char c : cells[i]) line.append(c == '"' ? 2 : 1, c);
    line += '"';
  }
  return line += '\n';
}

std::string csv_cell(double value) { return std::isnan(value) ? std::string() : to_text(value); }

CsvTable::CsvTable(Files& files, std::filesystem::path file, std::span<const std::string> columns)
    : file_(files, std::move(file), csv_line(columns)), columns_(columns.size()) {}

std::error_code CsvTable::add(std::span<const std::string> cells) {
  if (cells.size() != columns_) {
    throw Error(file().string() + ": a row has " + to_text(cells.size()) + " cells, expected " + to_text(columns_));
  }
  return file_.add(csv_line(cells));
}

}  // namespace quench::io
