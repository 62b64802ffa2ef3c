#include "io/csv_contents.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "io/numbers.h"
#include "quench/error.h"

namespace quench::io {
namespace {

/// Takes the first record off the text; nothing when no whole one is left.
std::optional<std::vector<std::string>> take_record(std::string_view& text, const std::string& source) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        cells.back() += text[++i];
      } else {
        quoted = !quoted;
      }
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else if (c == '\n' && !quoted) {
      text.remove_prefix(i + 1);
      if (!cells.back().empty() && cells.back().back() == '\r') cells.back().pop_back();
      return cells;
    } else {
      cells.back() += c;
    }
  }
  if (quoted) throw Error(source + ": a quote is not closed");
  return std::nullopt;
}

}  // namespace

bool CsvContents::has(std::string_view column) const {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

std::size_t CsvContents::index(std::string_view column) const {
  const auto found = std::find(columns.begin(), columns.end(), column);
  if (found == columns.end()) throw Error(source + ": no column " + std::string(column));
  return static_cast<std::size_t>(found - columns.begin());
}

std::vector<double> CsvContents::numbers(std::string_view column) const {
  const std::size_t at = index(column);
  std::vector<double> result;
  result.reserve(rows.size());
  for (const std::vector<std::string>& row : rows) {
    const std::string& cell = row[at];
    const std::optional<double> value =
        cell.empty() ? std::numeric_limits<double>::quiet_NaN() : parse_double(cell);
    if (!value) {
      throw Error(source + ": row " + to_text(result.size() + 1) + ", column " + std::string(column) +
                  ": found \"" + cell + "\", expected a number");
    }
    result.push_back(*value);
  }
  return result;
}

CsvContents parse_csv(std::string_view text, std::string source) {
  CsvContents result;
  result.source = std::move(source);
  std::optional<std::vector<std::string>> record = take_record(text, result.source);
  if (!record) throw Error(result.source + ": no line with the names of the columns");
  result.columns = std::move(*record);
  while ((record = take_record(text, result.source))) {
    if (record->size() != result.columns.size()) {
      throw Error(result.source + ": row " + to_text(result.rows.size() + 1) + " has " + to_text(record->size()) +
                  " cells, expected " + to_text(result.columns.size()));
    }
    result.rows.push_back(std::move(*record));
  }
  return result;
}

}  // namespace quench::io
