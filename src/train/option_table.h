// Every option of the command line, once: what parsing, --help and run.json go by.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "train/settings.h"

namespace quench::train {

/// The numbers an option takes: low <= x <= high, or low < x, or x < high. Decimal numbers without below_high go up
/// to the largest float.
struct Range {
  double low = 0;
  double high = std::numeric_limits<double>::infinity();
  bool below_high = false;
  bool above_low = false;  ///< low < x
};

/// Which member of Settings an option sets; its type decides how the value is read.
using Target = std::variant<bool Settings::*, std::int64_t Settings::*, std::uint64_t Settings::*,
                            double Settings::*, std::string Settings::*>;

struct Option {
  std::string_view name;      ///< "--epochs"
  std::string_view argument;  ///< "N", "DIR"; empty for a flag, which takes no value
  std::string_view group;     ///< heading in --help
  Target target;
  std::string_view help;
  Range range{};                                ///< of numbers
  std::span<const std::string_view> choices{};  ///< of texts; empty: any text but the empty one
  std::string_view default_text{};              ///< what --help says where the default is no plain value
  bool recorded = true;                         ///< run.json lists it among the settings
  bool decides = true;                          ///< results depend on it: --resume takes no other value
};

/// All options, those of one group together.
std::span<const Option> option_table();

/// "a", "a or b", "a, b or c".
std::string listed(std::span<const std::string_view> names);

/// What a value must be: "a whole number from 1 to 1000000000", "shuffle or iid", "a folder".
std::string expectation(const Option& option);

/// The value an option has in `settings`, as one would type it; empty for a flag.
std::string value_text(const Option& option, const Settings& settings);

}  // namespace quench::train
