// One half of MNIST, training or test images, from its two files.
#pragma once

#include <cstdint>
#include <vector>

#include "data/idx.h"
#include "quench/image_set.h"

namespace quench::mnist {

inline constexpr int side = 28, classes = 10;

/// Checks the headers and lengths; both throw Error as IdxFile does.
IdxFile images_file(DataFile file);
IdxFile labels_file(DataFile file);

/// Two files, open and checked, and the labels once they are read. Images are 784 times as large as labels and come
/// last.
class Half {
 public:
  /// Throws Error, naming the file of labels, when there is not one for each image.
  Half(IdxFile images, IdxFile labels);

  /// Throws Error, naming the file, when a label is of no class or the file cannot be read to its end.
  void read_labels();
  /// The labels must have been read. To be called once. Throws Error when the file cannot be read to its end.
  ImageSet read_images();
  const std::filesystem::path& images_path() const { return images_.path(); }

 private:
  IdxFile images_, labels_;
  std::vector<std::uint8_t> label_values_;
};

}  // namespace quench::mnist
