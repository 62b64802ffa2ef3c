// The words after a command such as report: names, and options as `--name value` or `--name=value`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "train/options.h"

namespace quench::train {

struct CommandOption {
  std::string_view name;      ///< "--out"
  std::string_view argument;  ///< "DIR"; empty for a flag; "DIR..." takes all words up to the next option
  std::string_view expected;  ///< "a folder"
};

class CommandWords {
 public:
  /// Throws UsageError for an unknown option, one without its value, and a flag with one.
  CommandWords(std::span<const std::string_view> words, std::span<const CommandOption> options);

  bool help() const { return help_; }
  /// The words that are no options.
  const std::vector<std::string>& others() const { return others_; }
  /// What was given last, or nothing.
  std::optional<std::string> value(std::string_view option) const;
  /// All that were given, in order.
  std::vector<std::string> all_values(std::string_view option) const;
  bool flag(std::string_view option) const { return value(option).has_value(); }
  /// A whole number, or one with a point, within the limits. Throws UsageError.
  std::int64_t integer(std::string_view option, std::int64_t standard, std::int64_t low, std::int64_t high) const;
  double decimal(std::string_view option, double standard, double above, double high) const;

 private:
  std::vector<std::string> others_;
  std::vector<std::pair<std::string_view, std::string>> values_;
  bool help_ = false;
};

}  // namespace quench::train
