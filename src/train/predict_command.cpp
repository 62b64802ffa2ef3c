#include "train/predict_command.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/float_environment.h"
#include "core/math.h"
#include "data/pnm.h"
#include "io/numbers.h"
#include "io/read_file.h"
#include "train/command_words.h"
#include "train/datasets.h"
#include "train/model_command.h"
#include "train/model_file.h"
#include "train/options.h"

namespace quench::train {
namespace {

constexpr std::string_view help =
    "usage: ./train predict MODEL.safetensors IMAGE... [options]\n\n"
    "Prints what the network takes each picture for: the probabilities of all classes, the largest first. "
    "Pictures\n"
    "are PGM, 28 x 28, for mnist (white on black, as its digits are) and PPM, 32 x 32, for cifar10. Data set and\n"
    "network are what the file says, unless they are named here.\n\n"
    "  --dataset NAME  mnist or cifar10\n"
    "  --model NAME    the network, mlp or cnn\n"
    "  --threads N     threads (1 .. 1024; default: what the processors allow)\n";

constexpr int most_batch = 100;
constexpr std::uint64_t most_picture_bytes = 100'000'000;

std::string kind(int channels, int width, int height) {
  return std::string(channels == 1 ? "grey (PGM)" : "in colour (PPM)") + ", " + io::to_text(width) + " x " +
         io::to_text(height);
}

ImageSet read_pictures(std::span<const std::string> files, const std::string& dataset) {
  const DatasetFacts& facts = dataset_facts(dataset);
  std::vector<std::uint8_t> pixels;
  for (const std::string& file : files) {
    const Picture picture = parse_pnm(io::read_file(file, most_picture_bytes), file);
    if (picture.channels != facts.channels || picture.width != facts.side || picture.height != facts.side) {
      throw Error(file + " is " + kind(picture.channels, picture.width, picture.height) + ", expected " +
                  kind(facts.channels, facts.side, facts.side) + ", as the images of " + dataset + " are");
    }
    pixels.insert(pixels.end(), picture.pixels.begin(), picture.pixels.end());
  }
  // Nobody asks for the labels.
  return {facts.channels,    facts.side,
          facts.side,        static_cast<int>(facts.classes.size()),
          std::move(pixels), std::vector<std::uint8_t>(files.size())};
}

std::vector<double> softmax(std::span<const float> logits) {
  const FloatEnvironment environment;
  const auto largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  std::vector<double> result;
  for (const float logit : logits) result.push_back(exponential(static_cast<double>(logit) - largest));
  const double sum = std::accumulate(result.begin(), result.end(), 0.0);
  for (double& probability : result) probability /= sum;
  return result;
}

std::string prediction(const std::string& file, std::span<const float> logits,
                       std::span<const std::string_view> classes) {
  std::vector<double> left = softmax(logits);
  std::string text;
  for (std::size_t rank = 0; rank < classes.size(); ++rank) {
    const auto largest = std::max_element(left.begin(), left.end());
    const std::string name(classes[static_cast<std::size_t>(largest - left.begin())]);
    if (rank == 0) text = one_line(file) + ": " + name + "\n";
    text += "  " + io::fixed(*largest, 6) + "  " + name + "\n";
    *largest = -1;  // done
  }
  return text;
}

}  // namespace

int predict_command(std::span<const std::string_view> words, Console& console) {
  constexpr ModelCommand command{
      "predict", help, "a model in safetensors, then pictures", {"--dataset", "NAME", "mnist or cifar10"}};
  const std::optional<CommandWords> given = model_words(command, words, console);
  if (!given) return 0;
  const std::vector<std::string>& others = given->others();
  if (others.size() == 1)
    throw UsageError("predict: found no picture after " + others[0] + ", expected PGM or PPM");
  const ModelChoice choice = model_choice(*given, given->value("--dataset").value_or(""));
  const std::span<const std::string> files = std::span(others).subspan(1);
  // Few at a time have loops of their own, which are faster for them.
  LoadedModel model(others[0], choice, static_cast<int>(std::min<std::size_t>(files.size(), most_batch)));
  ImageSet images = read_pictures(files, model.dataset());
  images.set_normalization(model.normalization());
  const LoadedModel::Classified found = model.classify(images);
  const std::size_t width = model.classes().size();
  std::string text;
  for (std::size_t i = 0; i < files.size(); ++i)
    text += prediction(files[i], std::span(found.logits).subspan(i * width, width), model.classes());
  console.always(text);
  return 0;
}

}  // namespace quench::train
