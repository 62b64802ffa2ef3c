#include "io/csv.h"

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

CsvTable::CsvTable(Files& files, std::filesystem::path file, std::span<const std::string> columns)
    : files_(files), file_(std::move(file)), columns_(columns.size()) {
  const std::string header = csv_line(columns);
  if (const std::error_code error = files_.append(file_, 0, header)) {
    throw Error(file_.string() + " cannot be written: " + error.message());
  }
  written_ = header.size();
}

std::error_code CsvTable::add(std::span<const std::string> cells) {
  if (cells.size() != columns_) {
    throw Error(file_.string() + ": a row has " + to_text(cells.size()) + " cells, expected " + to_text(columns_));
  }
  pending_ += csv_line(cells);
  ++pending_rows_;
  return flush();
}

std::error_code CsvTable::flush() {
  if (pending_.empty()) return {};
  const std::error_code error = files_.append(file_, written_, pending_);
  if (error) return error;
  written_ += pending_.size();
  pending_.clear();
  pending_rows_ = 0;
  return {};
}

}  // namespace quench::io
