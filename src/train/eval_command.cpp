#include "train/eval_command.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "io/numbers.h"
#include "train/command_words.h"
#include "train/datasets.h"
#include "train/model_command.h"
#include "train/model_file.h"
#include "train/options.h"

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

/// Text in columns.
struct Columns {
  std::string text;

  void blanks(std::size_t wide, std::size_t taken) { text.append(wide > taken ? wide - taken : 0, ' '); }
  void left(std::string_view cell, std::size_t wide) {
    text += cell;
    blanks(wide, cell.size());
  }
  void right(std::string_view cell, std::size_t wide) {
    blanks(wide, cell.size());
    text += cell;
  }
  /// "0.9791 +- 0.0014".
  void accuracy(double value, double error) {
    right(fixed(value, 4), 9);
    text += " +- ";
    text += fixed(error, 4);
  }
};

void add_set(Columns& table, std::string_view name, const Evaluation& result) {
  table.left(name, 16);
  table.right(io::grouped(static_cast<std::uint64_t>(result.examples)), 8);
  table.right(fixed(result.loss, 6), 15);
  table.accuracy(result.accuracy, result.accuracy_error);
  table.text += '\n';
}

/// A row for each class: how many images it has, which part of them is taken for it, and how many for each class.
void add_classes(Columns& table, std::span<const std::string_view> names, std::span<const std::uint8_t> labels,
                 const std::vector<int>& found) {
  const std::size_t count = names.size();
  std::vector<std::int64_t> taken(count * count);
  for (std::size_t i = 0; i < labels.size(); ++i) ++taken[labels[i] * count + static_cast<std::size_t>(found[i])];
  std::size_t wide = 16;
  for (const std::string_view name : names) wide = std::max(wide, name.size() + 5);
  table.left("  class", wide);
  table.right("images", 8);
  table.right("accuracy", 19);
  table.left("  taken for", 11);
  for (std::size_t c = 0; c < count; ++c) table.right(to_text(c), c == 0 ? 4 : 7);
  table.text += '\n';
  for (std::size_t c = 0; c < count; ++c) {
    const std::span<const std::int64_t> row = std::span(taken).subspan(c * count, count);
    std::int64_t images = 0;
    for (const std::int64_t other : row) images += other;
    const auto n = static_cast<double>(images);
    const double accuracy = static_cast<double>(row[c]) / n;
    std::string name = "  " + to_text(c);
    if (names[c] != to_text(c)) name.append(" ").append(names[c]);
    table.left(name, wide);
    table.right(to_text(images), 8);
    if (images == 0) {
      table.right("-", 19);
    } else {
      table.accuracy(accuracy, std::sqrt(accuracy * (1 - accuracy) / n));
    }
    table.left("", 11);
    for (std::size_t other = 0; other < count; ++other) table.right(to_text(row[other]), other == 0 ? 4 : 7);
    table.text += '\n';
  }
}

}  // namespace

int eval_command(std::span<const std::string_view> words, Console& console) {
  constexpr ModelCommand command{"eval", help, "a model in safetensors", {"--data", "DIR", "a folder"}};
  const std::optional<CommandWords> given = model_words(command, words, console);
  if (!given) return 0;
  const std::vector<std::string>& others = given->others();
  if (others.size() > 2) throw UsageError("eval: found \"" + others[2] + "\" after the data set, expected options");
  const ModelChoice choice = model_choice(*given, others.size() > 1 ? others[1] : "");
  LoadedModel model(others[0], choice, batch);

  Settings settings;
  settings.dataset = model.dataset();
  settings.data = given->value("--data").value_or(settings.data);
  settings.data_given = given->flag("--data");
  OpenedDataset data = open_dataset(settings);
  console.note(data.notice);
  if (model.has_normalization()) {
    data.images.train.set_normalization(model.normalization());
    data.images.test.set_normalization(model.normalization());
  }
  Columns table{model.description()};
  table.text += "\nevaluated on ";
  table.text += data.images.generated ? "generated images, NOT " : "the images in ";
  table.text += data.images.generated ? model.dataset() : data.folder;
  table.text += '\n';
  table.left("", 16);
  table.right("images", 8);
  table.right("cross-entropy", 15);
  table.right("accuracy", 19);
  table.text += '\n';
  add_set(table, "  training set", model.network().evaluate(data.images.train));
  add_set(table, "  test set", model.network().evaluate(data.images.test));
  table.text += "test set, a row for each class\n";
  const DatasetFacts& facts = dataset_facts(model.dataset());
  add_classes(table, data.images.generated ? facts.generated_classes : facts.classes, data.images.test.labels(),
              model.classify(data.images.test).classes);
  console.always(table.text);
  return 0;
}

}  // namespace quench::train
