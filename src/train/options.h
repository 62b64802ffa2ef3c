// From the words of the command line to Settings.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "quench/error.h"
#include "train/option_table.h"
#include "train/settings.h"

namespace quench::train {

/// The command line is wrong, not the world: exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Reads the words after the program's name: one data set, and options as `--name value` or `--name=value`, in any
/// order; of an option given twice the last counts. Throws UsageError naming the option, the value found and what
/// is expected; an unknown name comes with the nearest one there is. After --help or --version nothing else is
/// looked at, and no data set is needed; nor is one with --resume DIR, where the checkpoint knows it.
Settings parse_options(std::span<const std::string_view> words);

/// Sets an option of the table to the value that the text spells: "1e-3", "shuffle", "" for a flag. Throws
/// UsageError.
void set_option(const Option& option, std::string_view text, Settings& settings);

/// Throws UsageError for settings that exclude each other, and for texts among them that cannot be read.
void check_together(const Settings& settings);

/// The name nearest to `word`, when one is near enough to be what was meant; else empty. Near: a few letters
/// inserted, left out, replaced or swapped, the fewer the nearer, then the more letters at the beginning agree; or,
/// where nothing is, one of the two is the beginning of the other and has two letters or more, the longest such.
/// Between equals the first wins.
std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names);

}  // namespace quench::train
