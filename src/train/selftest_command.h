// ./train selftest: closed forms of the theory against what the shipped code measures.
#pragma once

#include <span>
#include <string_view>

#include "train/console.h"

namespace quench::train {

/// words: those after "selftest". Prints a table of expected, measured and sigma. Returns 0 when all checks pass,
/// else 1; throws UsageError.
int selftest_command(std::span<const std::string_view> words, Console& console);

}  // namespace quench::train
