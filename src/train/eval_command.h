// ./train eval: the loss and accuracy of a network in a file.
#pragma once

#include <span>
#include <string_view>

#include "train/console.h"

namespace quench::train {

/// `./train eval MODEL [DATASET] [options]`; words: those after "eval". Returns the exit code; throws UsageError,
/// and Error for a file or data that cannot be read.
int eval_command(std::span<const std::string_view> words, Console& console);

}  // namespace quench::train
