// MNIST: which of its files are there, and reading them.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/data_file.h"
#include "data/idx.h"
#include "data/labels.h"
#include "quench/dataset.h"
#include "quench/error.h"

namespace quench {
namespace {

namespace fs = std::filesystem;

constexpr int side = 28, classes = 10;

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

/// One half of the set: its two files, open and checked, and its labels once they are read. Images are 784 times as
/// large as labels and come last.
struct Half {
  IdxFile images, labels;
  std::vector<std::uint8_t> label_values;

  Half(const fs::path& folder, const FileName& images_name, const FileName& labels_name)
      : images(find(folder, images_name), {IdxFile::any, side, side}),
        labels(find(folder, labels_name), {IdxFile::any}) {
    if (images.count() != labels.count()) {
      throw Error(labels.path().string() + " has " + std::to_string(labels.count()) + " labels, expected " +
                  std::to_string(images.count()) + ", one for each image of " + images.path().filename().string());
    }
  }

  void read_labels() {
    label_values = labels.read();
    check_labels(label_values, classes, labels.path().string());
  }

  ImageSet read_images() { return {1, side, side, classes, images.read(), std::move(label_values)}; }
};

/// The map for these images, read from `file`, which a complaint is to name.
Normalization normalization_of(const ImageSet& images, const fs::path& file) {
  try {
    return images.zero_mean_unit_variance();
  } catch (const Error& error) {
    throw Error(file.string() + ": " + error.what());
  }
}

}  // namespace

DataState mnist_state(const fs::path& folder) {
  int found = 0;
  for (const FileName& name : {train_images, train_labels, test_images, test_labels})
    if (present_in_any_form(folder, name)) ++found;
  return found == 0 ? DataState::absent : found == 4 ? DataState::complete : DataState::partial;
}

Dataset load_mnist(const fs::path& folder) {
  Half train(folder, train_images, train_labels);
  Half test(folder, test_images, test_labels);
  train.read_labels();
  test.read_labels();
  Dataset mnist{"mnist", false, train.read_images(), test.read_images()};
  const Normalization normalization = normalization_of(mnist.train, train.images.path());
  mnist.train.set_normalization(normalization);
  mnist.test.set_normalization(normalization);
  return mnist;
}

}  // namespace quench
