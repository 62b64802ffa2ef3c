// MNIST: which of its files are there, and reading them.
#include "data/mnist.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/data_file.h"
#include "data/labels.h"
#include "quench/dataset.h"
#include "quench/error.h"

namespace quench {
namespace {

namespace fs = std::filesystem;

/// A file and its two usual spellings: train-images-idx3-ubyte, as distributed, and train-images.idx3-ubyte, as
/// some programs unpack it.
struct FileName {
  std::string_view stem, suffix;
  std::string dashed() const { return std::string(stem) + "-" + std::string(suffix); }
  std::string dotted() const { return std::string(stem) + "." + std::string(suffix); }
};

constexpr FileName train_images{"train-images", "idx3-ubyte"}, train_labels{"train-labels", "idx1-ubyte"};
constexpr FileName test_images{"t10k-images", "idx3-ubyte"}, test_labels{"t10k-labels", "idx1-ubyte"};

bool present_in_any_form(const fs::path& folder, const FileName& name) {
  for (const std::string& spelling : {name.dashed(), name.dotted()})
    if (present(folder / spelling) || present(folder / (spelling + ".gz"))) return true;
  return false;
}

fs::path find(const fs::path& folder, const FileName& name) {
  for (const std::string& spelling : {name.dashed(), name.dotted()})
    if (present(folder / spelling)) return folder / spelling;
  for (const std::string& spelling : {name.dashed(), name.dotted()})
    if (const fs::path packed = folder / (spelling + ".gz"); present(packed)) refuse_packed(packed);
  throw Error((folder / name.dashed()).string() + " is missing (and so is " + name.dotted() + ")");
}

mnist::Half open_half(const fs::path& folder, const FileName& images_name, const FileName& labels_name) {
  IdxFile images = mnist::images_file(DataFile(find(folder, images_name)));
  IdxFile labels = mnist::labels_file(DataFile(find(folder, labels_name)));
  return {std::move(images), std::move(labels)};
}

/// The map for these images, read from `file`, which a complaint is to name.
Normalization normalization_of(const ImageSet& images, const fs::path& file) {
  try {
    return images.zero_mean_unit_variance();
  } catch (const Error& error) {
    throw Error(file.string() + ": " + error.what());
  }
}

}  // namespace

IdxFile mnist::images_file(DataFile file) { return {std::move(file), {IdxFile::any, side, side}}; }
IdxFile mnist::labels_file(DataFile file) { return {std::move(file), {IdxFile::any}}; }

mnist::Half::Half(IdxFile images, IdxFile labels) : images_(std::move(images)), labels_(std::move(labels)) {
  if (images_.count() != labels_.count()) {
    throw Error(labels_.path().string() + " has " + std::to_string(labels_.count()) + " labels, expected " +
                std::to_string(images_.count()) + ", one for each image of " + images_.path().filename().string());
  }
}

void mnist::Half::read_labels() {
  label_values_ = labels_.read();
  check_labels(label_values_, classes, labels_.path().string());
}

ImageSet mnist::Half::read_images() { return {1, side, side, classes, images_.read(), std::move(label_values_)}; }

DataState mnist_state(const fs::path& folder) {
  int found = 0;
  for (const FileName& name : {train_images, train_labels, test_images, test_labels})
    if (present_in_any_form(folder, name)) ++found;
  return found == 0 ? DataState::absent : found == 4 ? DataState::complete : DataState::partial;
}

Dataset load_mnist(const fs::path& folder) {
  mnist::Half train = open_half(folder, train_images, train_labels);
  mnist::Half test = open_half(folder, test_images, test_labels);
  train.read_labels();
  test.read_labels();
  Dataset set{"mnist", false, train.read_images(), test.read_images()};
  const Normalization normalization = normalization_of(set.train, train.images_path());
  set.train.set_normalization(normalization);
  set.test.set_normalization(normalization);
  return set;
}

}  // namespace quench
