// ./train predict: which classes a network in a file sees in pictures.
#pragma once

#include <span>
#include <string_view>

#include "train/console.h"

namespace quench::train {

/// `./train predict MODEL IMAGE... [options]`; words: those after "predict". Returns the exit code; throws
/// UsageError, and Error for a file that cannot be read, before anything is printed.
int predict_command(std::span<const std::string_view> words, Console& console);

}  // namespace quench::train
