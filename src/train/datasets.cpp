#include "train/datasets.h"

#include <algorithm>
#include <filesystem>

#include "data/cifar10.h"
#include "io/checksum.h"
#include "quench/error.h"
#include "train/option_table.h"

namespace quench::train {
namespace {

constexpr std::string_view digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
constexpr std::string_view cifar10_classes[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                                "dog",      "frog",       "horse", "ship", "truck"};
constexpr std::string_view shapes[] = {"disc",   "ring",          "square",           "triangle",
                                       "cross",  "lying stripes", "standing stripes", "slanted stripes",
                                       "checks", "dots"};

struct Source {
  std::string_view name;  // on the command line
  DatasetFacts facts;
  std::string_view folder;  // below --data
  std::string_view model;   // the paper's, and its momentum
  double momentum;
  DataState (*state)(const std::filesystem::path& folder);
  Dataset (*load)(const std::filesystem::path& folder);
  Dataset (*generate)();
};

constexpr Source sources[] = {
    {"mnist",
     // The mean of all pixels of the training images is 33.318421, their deviation 78.567490.
     {"MNIST", 1, 28, digits, digits, {.scale = 0.012727911F, .shift = -0.4240739F}},
     "mnist",
     "mlp",
     0,
     mnist_state,
     load_mnist,
     [] { return generated_digits(); }},
    {"cifar10",
     {"CIFAR-10", cifar10::channels, cifar10::side, cifar10_classes, shapes, cifar10::normalization},
     "cifar-10-batches-bin",
     "cnn",
     0.9,
     cifar10_state,
     load_cifar10,
     [] { return generated_shapes(); }},
};

const Source& find_source(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(sources), std::end(sources), [&](const Source& s) { return s.name == name; });
  if (found == std::end(sources)) {
    throw Error("unknown data set \"" + std::string(name) + "\", expected " + listed_datasets());
  }
  return *found;
}

std::string generated_notice(const Source& source, const std::filesystem::path& folder) {
  const std::string title(source.facts.title);
  return "*** NOT " + title + ": " + folder.string() +
         " holds none of its files, so these images are generated.\n" +
         "*** Losses and accuracies are not those of " + title + "; get the real images with tools/get-data " +
         std::string(source.name) + "\n";
}

}  // namespace

std::vector<std::string_view> dataset_names() {
  std::vector<std::string_view> names;
  for (const Source& source : sources) names.push_back(source.name);
  return names;
}

std::string listed_datasets() { return listed(dataset_names()); }

const DatasetFacts& dataset_facts(std::string_view dataset) { return find_source(dataset).facts; }

Settings standard_settings(std::string_view dataset) {
  const Source& source = find_source(dataset.empty() ? sources[0].name : dataset);
  Settings settings;
  settings.dataset = dataset;
  settings.model = source.model;
  settings.momentum = source.momentum;
  return settings;
}

std::uint64_t OpenedDataset::bytes() const {
  return std::uint64_t{images.train.pixels().size()} + images.train.labels().size() + images.test.pixels().size() +
         images.test.labels().size();
}

std::uint64_t OpenedDataset::checksum() const {
  io::Checksum sum;
  for (const ImageSet* set : {&images.train, &images.test}) {
    sum.add(set->pixels());
    sum.add(set->labels());
  }
  return sum.value();
}

OpenedDataset open_dataset(const Settings& settings) {
  const Source& source = find_source(settings.dataset);
  const std::filesystem::path folder = std::filesystem::path(settings.data) / source.folder;
  if (source.state(folder) != DataState::absent) return {source.load(folder), folder.string(), {}};
  if (!settings.data_given) return {source.generate(), folder.string(), generated_notice(source, folder)};

  const std::string title(source.facts.title);
  std::string message = folder.string() + ": found none of " + title + "'s files, expected them all; ";
  // The likeliest slip is to name the folder itself.
  if (std::filesystem::is_directory(settings.data) && source.state(settings.data) != DataState::absent) {
    throw Error(message + "they lie in " + settings.data + " itself, but --data names the folder that holds " +
                std::string(source.folder) + "/");
  }
  throw Error(message + "get them with tools/get-data " + std::string(source.name) + " " + settings.data);
}

}  // namespace quench::train
