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
  if (const std::error_code error = files_.create(file_, header)) {
    throw Error(file_.string() + " cannot be written: " + error.message());
  }
  written_ = header.size();
}

void CsvTable::rename(const std::filesystem::path& file) {
  if (const std::error_code error = files_.rename(file_, file)) {
    throw Error(file.string() + " cannot be replaced: " + error.message());
  }
  file_ = file;
}

std::error_code CsvTable::add(std::span<const std::string> cells) {
  if (cells.size() != columns_) {
    throw Error(file_.string() + ": a row has " + to_text(cells.size()) + " cells, expected " + to_text(columns_));
  }
  pending_.push_back(csv_line(cells));
  return flush();
}

std::error_code CsvTable::flush() {
  while (!pending_.empty()) {
    if (const std::error_code error = write(pending_.front())) return error;
    pending_.pop_front();
  }
  return {};
}

std::error_code CsvTable::write(std::string_view row) {
  const auto cut = [&] {
    const std::error_code error = files_.cut(file_, written_ + torn_, written_);
    if (!error) torn_ = 0;
    return error;
  };
  if (torn_ > 0) {
    if (const std::error_code error = cut()) return error;
  }
  const Written added = files_.append(file_, written_, row);
  if (!added.error) {
    written_ += row.size();
    return {};
  }
  torn_ = added.bytes;
  if (torn_ > 0) cut();
  return added.error;
}

}  // namespace quench::io
