// What was measured, as a table for people and as JSON.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "measure.h"
#include "progress.h"

namespace quench::bench {

/// One measurement: either a time, of work whose size is known or not, or a plain figure with a unit.
struct Row {
  std::string name;
  int threads = 1;
  std::string unit = "us";  ///< of `value`
  Statistics value;
  // Of times:
  double flops = 0;      ///< nominal floating-point operations; 0 when the work is not of that kind
  double inside = 0;     ///< those without taps beyond the image; 0 when none are told apart
  double bytes = 0;      ///< that must be read and written at least; 0 when not known
  double peak = 0;       ///< flops a second of the processors at the same time
  std::string level{};   ///< the fastest level of memory that could hold `bytes`,
  double bandwidth = 0;  ///< and what it delivers, bytes a second
  double share = 0;      ///< of a whole that the row is a part of; 0 when there is none
  double images = 0;     ///< classified in that time; 0 when none are

  double seconds() const { return value.median * 1e-6; }
  double flops_per_second() const { return flops / seconds(); }
  double share_of_peak(double operations) const { return peak > 0 ? operations / seconds() / peak : 0; }
  bool bound_by_memory() const { return bytes > 0 && bandwidth / bytes * flops < peak; }
  /// The flops a second that the roofline allows.
  double bound() const { return bound_by_memory() ? bandwidth / bytes * flops : peak; }
  /// The part of what the roofline allows that is reached; for work without flops, of the bandwidth.
  double share_of_bound() const;
};

/// What the measurements were taken on.
struct Header {
  std::string machine, compiler, isa, numeric_class, date, data{}, warning{};
  bool quick = false;
  std::vector<int> threads;
};

class Report {
 public:
  /// table: where rows are printed as they come, or null. progress: what is to make room for them.
  Report(Header header, std::FILE* table, Progress& progress);

  /// prefix: what the table leaves out at the start of names.
  void begin_group(const std::string& title, const std::string& prefix = {});
  /// A line in place of rows.
  void note(const std::string& text);
  void add(Row row);
  /// Which images rows below rest on: printed, and part of json(), beside those that others rest on.
  void add_data(const std::string& data);
  /// Why the figures may be wrong: part of json().
  void set_warning(const std::string& warning) { header_.warning = warning; }
  std::string json() const;

 private:
  void print(const std::string& line);
  void print_columns(const Row& row);
  std::string columns_of_time(const Row& row) const;

  Header header_;
  std::FILE* table_;
  Progress& progress_;
  std::vector<Row> rows_;
  std::string title_, prefix_;
  bool fresh_group_ = false;
  bool times_ = false;  // whether the columns above are those of times
};

}  // namespace quench::bench
