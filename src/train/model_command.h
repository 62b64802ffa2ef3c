// What the commands about a model in a file, eval and predict, have in common.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "train/command_words.h"
#include "train/console.h"

namespace quench::train {

struct ModelCommand {
  std::string_view name;      ///< "eval"
  std::string_view help;      ///< what --help prints
  std::string_view expected;  ///< the words after it: "a model in safetensors"
  CommandOption option;       ///< that it has besides --model and --threads
};

/// The words after the command, at least one of which is no option: the file. Nothing when they ask for help, which
/// is printed then. Throws UsageError for wrong options, and when there is no file.
std::optional<CommandWords> model_words(const ModelCommand& command, std::span<const std::string_view> words,
                                        Console& console);

}  // namespace quench::train
