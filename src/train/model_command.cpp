#include "train/model_command.h"

#include "io/text.h"
#include "quench/system.h"

namespace quench::train {

std::optional<CommandWords> model_words(const ModelCommand& command, std::span<const std::string_view> words,
                                        Console& console) {
  instruction_set();  // an unknown QUENCH_ISA is refused before anything else is done
  const CommandOption options[] = {
      command.option, {"--model", "NAME", "mlp or cnn"}, {"--threads", "N", "a whole number from 1 to 1024"}};
  CommandWords given(words, options);
  if (given.help()) {
    console.always(command.help);
    return std::nullopt;
  }
  if (given.others().empty())
    throw UsageError(io::joined({command.name, ": found no file, expected ", command.expected}));
  return given;
}

}  // namespace quench::train
