#include "report.h"

#include <algorithm>
#include <cmath>

#include "io/json.h"
#include "io/numbers.h"
#include "quench/system.h"

namespace quench::bench {
namespace {

using io::fixed;

/// The text at the right of a column, a blank before it at least.
std::string right(const std::string& text, std::size_t width) {
  return std::string(text.size() + 1 < width ? width - text.size() : 1, ' ') + text;
}
std::string left(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 0, ' ');
}

/// About four digits.
std::string short_number(double value) {
  const double size = std::fabs(value);
  return fixed(value, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3);
}
std::string percent(double part) { return fixed(100 * part, 1) + "%"; }

constexpr std::size_t name_width = 35;

/// What is behind the columns that all times have: one more for what some have, the first of these.
struct LastColumn {
  const char* title;
  bool (*shown)(const Row& row);
  std::string (*text)(const Row& row);
};
constexpr LastColumn last_columns[] = {
    {"of step", [](const Row& row) { return row.share > 0; }, [](const Row& row) { return percent(row.share); }},
    {"us/img", [](const Row& row) { return row.images > 0; },
     [](const Row& row) { return short_number(row.value.median / row.images); }},
    {"inside", [](const Row& row) { return row.inside > 0; },
     [](const Row& row) { return percent(row.share_of_peak(row.inside)); }},
};
const LastColumn* last_column(const Row& row) {
  for (const LastColumn& column : last_columns) {
    if (column.shown(row)) return &column;
  }
  return nullptr;
}

}  // namespace

double Row::share_of_bound() const {
  if (flops > 0) return bound() > 0 ? flops_per_second() / bound() : 0;
  return bytes > 0 && bandwidth > 0 ? bytes / seconds() / bandwidth : 0;
}

Report::Report(Header header, std::FILE* table, Progress& progress)
    : header_(std::move(header)), table_(table), progress_(progress) {
  std::string threads;
  for (const int count : header_.threads) threads += (threads.empty() ? "" : ", ") + io::to_text(count);
  print("quench " + std::string(version()) + " benchmark" + (header_.quick ? ", quick" : ""));
  print("  machine     " + header_.machine);
  print("  kernels     " + header_.isa + " (numeric class " + header_.numeric_class + ")");
  print("  threads     " + threads);
  print("  compiler    " + header_.compiler);
  print("  date        " + header_.date);
}

void Report::print(const std::string& line) {
  if (table_ == nullptr) return;
  progress_.clear();
  std::fprintf(table_, "%s\n", line.c_str());
  std::fflush(table_);
}

void Report::add_data(const std::string& data) {
  header_.data += (header_.data.empty() ? "" : "; ") + data;
  print("\n  data        " + data);
  fresh_group_ = true;
}

void Report::begin_group(const std::string& title, const std::string& prefix) {
  if (title == title_) return;
  title_ = title;
  prefix_ = prefix;
  fresh_group_ = true;
}

void Report::note(const std::string& text) {
  print("\n" + title_ + ": " + text);
  fresh_group_ = true;
}

void Report::print_columns(const Row& row) {
  const bool times = row.unit == "us";
  if (!fresh_group_ && times == times_) return;
  fresh_group_ = false;
  times_ = times;
  const std::string start = left(title_, name_width) + right("thr", 4);
  print("");
  if (times) {
    const LastColumn* last = last_column(row);
    print(start + right("us", 8) + right("p10", 8) + right("p90", 8) + right("GFLOP/s", 8) + right("KiB", 7) +
          right("flop/B", 7) + right("of peak", 8) + right("bound", 7) + right("reached", 8) +
          (last != nullptr ? right(last->title, 8) : ""));
  } else {
    print(start + right("median", 12) + right("p10", 12) + right("p90", 12) + "  unit");
  }
}

std::string Report::columns_of_time(const Row& row) const {
  const Statistics& v = row.value;
  const LastColumn* last = last_column(row);
  const bool counted = row.flops > 0, placed = row.bytes > 0 && row.bandwidth > 0;
  const auto column = [](bool shown, const std::string& text, std::size_t width) {
    return shown ? right(text, width) : std::string(width, ' ');
  };
  return right(short_number(v.median), 8) + right(short_number(v.p10), 8) + right(short_number(v.p90), 8) +
         column(counted, fixed(row.flops_per_second() * 1e-9, 1), 8) +
         column(row.bytes > 0, fixed(row.bytes / 1024, row.bytes < 100 * 1024 ? 1 : 0), 7) +
         column(counted && row.bytes > 0, short_number(row.flops / row.bytes), 7) +
         column(counted && row.peak > 0, percent(row.share_of_peak(row.flops)), 8) +
         column(placed, counted && !row.bound_by_memory() ? "peak" : row.level, 7) +
         column(placed, percent(row.share_of_bound()), 8) + (last != nullptr ? right(last->text(row), 8) : "");
}

void Report::add(Row row) {
  print_columns(row);
  const std::string name = row.name.starts_with(prefix_) ? row.name.substr(prefix_.size()) : row.name;
  std::string line = left(name, name_width) + right(io::to_text(row.threads), 4);
  if (times_) {
    line += columns_of_time(row);
  } else {
    const Statistics& v = row.value;
    line += right(short_number(v.median), 12) + right(short_number(v.p10), 12) + right(short_number(v.p90), 12) +
            "  " + row.unit;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  print(line);
  rows_.push_back(std::move(row));
}

std::string Report::json() const {
  io::JsonWriter json;
  json.begin_object();
  json.key("program").string("quench bench").key("version").string(version());
  json.key("date").string(header_.date).key("machine").string(header_.machine);
  json.key("compiler").string(header_.compiler);
  json.key("isa").string(header_.isa).key("numeric_class").string(header_.numeric_class);
  json.key("threads").begin_array();
  for (const int count : header_.threads) json.number(count);
  json.end_array();
  json.key("quick").boolean(header_.quick).key("data");
  if (header_.data.empty()) {
    json.null();
  } else {
    json.string(header_.data);
  }
  json.key("warning");
  if (header_.warning.empty()) {
    json.null();
  } else {
    json.string(header_.warning);
  }
  json.key("results").begin_array();
  for (const Row& row : rows_) {
    json.begin_object();
    json.key("name").string(row.name).key("threads").number(row.threads).key("unit").string(row.unit);
    json.key("median").number(row.value.median).key("p10").number(row.value.p10).key("p90").number(row.value.p90);
    json.key("samples").number(row.value.samples);
    if (row.unit == "us" && row.flops > 0) {
      json.key("flops").number(row.flops).key("gflops").number(row.flops_per_second() * 1e-9);
      json.key("peak_gflops").number(row.peak * 1e-9);
      json.key("share_of_peak").number(row.share_of_peak(row.flops));
      if (row.inside > 0) {
        json.key("flops_inside").number(row.inside);
        json.key("share_of_peak_inside").number(row.share_of_peak(row.inside));
      }
    }
    if (row.bytes > 0) {
      json.key("bytes").number(row.bytes).key("gbytes_per_second").number(row.bytes / row.seconds() * 1e-9);
      if (row.flops > 0) json.key("flops_per_byte").number(row.flops / row.bytes);
      if (row.bandwidth > 0) {
        json.key("level").string(row.level).key("level_gbytes_per_second").number(row.bandwidth * 1e-9);
        json.key("bound").string(row.flops > 0 && !row.bound_by_memory() ? "peak" : "memory");
        json.key("share_of_bound").number(row.share_of_bound());
      }
    }
    if (row.share > 0) json.key("share_of_step").number(row.share);
    if (row.images > 0) {
      json.key("images").number(row.images);
      json.key("us_per_image").number(row.value.median / row.images);
    }
    json.end_object();
  }
  json.end_array().end_object();
  return json.text();
}

}  // namespace quench::bench
