// Where the program's words go: results to standard output, everything else to standard error.
#pragma once

#include <string>
#include <string_view>

#include "io/progress.h"

namespace quench::train {

/// The text with its control bytes spelled out (a newline is \x0a), so that no name that a message quotes can break
/// its line or command the terminal.
std::string one_line(std::string_view text);

class Console {
 public:
  /// quiet: only results that always() prints, and warnings.
  explicit Console(bool quiet) : quiet_(quiet) {}

  /// From here on this run is a part of something larger: result() is silent, report() is a remark, and warnings
  /// begin with its name.
  void be_part(std::string_view name) { part_ = name; }
  bool is_part() const { return !part_.empty(); }

  /// A result, on standard output, at once (a pipe's reader sees rows as they come). Silent when quiet.
  void result(std::string_view text);
  /// A result that --quiet does not silence.
  void always(std::string_view text);
  /// What a run comes to: as always(), of a part as note().
  void report(std::string_view text);
  /// A remark on standard error. Silent when quiet.
  void note(std::string_view text);
  /// "train: warning: <text>", of a part "train: warning: <name>: <text>", in one_line() and a newline on standard
  /// error, quiet or not.
  void warning(std::string_view text);
  /// "train: <text>" in one_line() and a newline on standard error: why the program ends.
  void error(std::string_view text);

  /// live on a terminal, plain elsewhere, none when quiet.
  io::Progress::Style progress_style() const;
  /// Columns of the terminal on standard error, 80 where it does not tell.
  int width() const;

  /// Why results could not be written to standard output; empty when they were.
  const std::string& lost_results() const { return lost_results_; }

 private:
  bool quiet_;
  std::string part_;  // empty: of nothing
  std::string lost_results_;
};

}  // namespace quench::train
