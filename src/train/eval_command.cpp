#include "train/eval_command.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "io/numbers.h"
#include "quench/executor.h"
#include "quench/system.h"
#include "train/command_words.h"
#include "train/model_file.h"
#include "train/option_table.h"

namespace quench::train {
namespace {

using io::fixed;
using io::to_text;

constexpr std::string_view help =
    "usage: ./train eval MODEL.safetensors [DATASET] [options]\n\n"
    "Prints loss and accuracy of a network over a data set's training and test images, and over the test images\n"
    "of each class. The network is that of a run's model.safetensors or of any file with the same names and "
    "shapes\n"
    "of tensors; data set and network are what the file says, unless they are named here.\n\n"
    "  --data DIR    folder that holds the data sets (default: data)\n"
    "  --model NAME  the network, mlp or cnn\n"
    "  --threads N   threads (1 .. 1024; default: what the processors allow)\n";

constexpr int batch = 100;

std::string left(std::string text, std::size_t wide) {
  text.append(text.size() < wide ? wide - text.size() : 0, ' ');
  return text;
}

std::string right(const std::string& text, std::size_t wide) {
  return std::string(text.size() < wide ? wide - text.size() : 0, ' ') + text;
}

/// "0.9791 +- 0.0014".
std::string accuracy_text(double accuracy, double error) { return fixed(accuracy, 4) + " +- " + fixed(error, 4); }

std::string set_line(std::string_view name, const Evaluation& result) {
  return left("  " + std::string(name), 16) + right(io::grouped(static_cast<std::uint64_t>(result.examples)), 8) +
         right(fixed(result.loss, 6), 15) + right(accuracy_text(result.accuracy, result.accuracy_error), 19) + "\n";
}

/// A row for each class: how many images it has, which part of them is taken for it, and how many for each class.
std::string class_table(std::span<const std::string_view> names, std::span<const std::uint8_t> labels,
                        const std::vector<int>& found) {
  const std::size_t count = names.size();
  std::vector<std::int64_t> taken(count * count);
  for (std::size_t i = 0; i < labels.size(); ++i) ++taken[labels[i] * count + static_cast<std::size_t>(found[i])];
  std::size_t wide = 14;
  for (const std::string_view name : names) wide = std::max(wide, name.size() + 6);
  std::string text = left("  class", wide) + right("images", 10) + right("accuracy", 19) + "  taken for";
  for (std::size_t c = 0; c < count; ++c) text += right(to_text(c), c == 0 ? 4 : 7);
  text += '\n';
  for (std::size_t c = 0; c < count; ++c) {
    const std::int64_t* row = taken.data() + c * count;
    std::int64_t images = 0;
    for (std::size_t other = 0; other < count; ++other) images += row[other];
    const auto n = static_cast<double>(images);
    const double accuracy = static_cast<double>(row[c]) / n;
    text += left("  " + to_text(c) + (names[c] == to_text(c) ? "" : " " + std::string(names[c])), wide) +
            right(to_text(images), 10) +
            right(images == 0 ? "-" : accuracy_text(accuracy, std::sqrt(accuracy * (1 - accuracy) / n)), 19) +
            std::string(11, ' ');
    for (std::size_t other = 0; other < count; ++other) text += right(to_text(row[other]), other == 0 ? 4 : 7);
    text += '\n';
  }
  return text;
}

}  // namespace

int eval_command(std::span<const std::string_view> words, Console& console) {
  instruction_set();  // an unknown QUENCH_ISA is refused before anything else is done
  constexpr CommandOption options[] = {{"--data", "DIR", "a folder"},
                                       {"--model", "NAME", "mlp or cnn"},
                                       {"--threads", "N", "a whole number from 1 to 1024"}};
  const CommandWords given(words, options);
  if (given.help()) {
    console.always(help);
    return 0;
  }
  const std::vector<std::string>& others = given.others();
  if (others.empty()) throw UsageError("eval: found no file, expected a model in safetensors");
  if (others.size() > 2) throw UsageError("eval: found \"" + others[2] + "\" after the data set, expected options");
  const ModelChoice choice = model_choice(given, others.size() > 1 ? others[1] : "");
  LoadedModel model(others[0], choice, batch);

  Settings settings;
  settings.dataset = model.dataset();
  settings.data = given.value("--data").value_or(settings.data);
  settings.data_given = given.value("--data").has_value();
  OpenedDataset data = open_dataset(settings);
  console.note(data.notice);
  if (model.has_normalization()) {
    data.images.train.set_normalization(model.normalization());
    data.images.test.set_normalization(model.normalization());
  }
  const std::string images =
      data.images.generated ? "generated images, NOT " + model.dataset() : "the images in " + data.folder;
  std::string text = model.description() + "\nevaluated on " + images + "\n" + left("", 16) + right("images", 8) +
                     right("cross-entropy", 15) + right("accuracy", 19) + "\n";
  text += set_line("training set", model.network().evaluate(data.images.train));
  text += set_line("test set", model.network().evaluate(data.images.test));
  const DatasetFacts& facts = dataset_facts(model.dataset());
  text += "test set, a row for each class\n" +
          class_table(data.images.generated ? facts.generated_classes : facts.classes, data.images.test.labels(),
                      model.classify(data.images.test).classes);
  console.always(text);
  return 0;
}

}  // namespace quench::train
