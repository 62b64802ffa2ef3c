// The data sets that ./train knows, and where their images come from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quench/dataset.h"
#include "train/settings.h"

namespace quench::train {

/// What the first word of the command line may be.
std::vector<std::string_view> dataset_names();
/// The same for a message: "mnist or cifar10".
std::string listed_datasets();
/// Settings with the data set's name and the defaults of its run: the paper's, appendix A. Without a name, those of
/// the first.
Settings standard_settings(std::string_view dataset);

/// What is known of a data set before it is opened.
struct DatasetFacts {
  std::string_view title;                               ///< in messages: "MNIST"
  int channels, side;                                   ///< of its images, which are square
  std::span<const std::string_view> classes;            ///< what its labels mean
  std::span<const std::string_view> generated_classes;  ///< what those of the generated images mean
  Normalization normalization;                          ///< of the real images
};
/// Throws Error for an unknown name.
const DatasetFacts& dataset_facts(std::string_view dataset);

struct OpenedDataset {
  Dataset images;
  std::string folder;  ///< where they were read, or looked for in vain
  std::string notice;  ///< for generated images: says so, loudly; else empty

  /// Bytes that the images and labels occupy.
  std::uint64_t bytes() const;
  /// io::Checksum over the training images, their labels, the test images and theirs.
  std::uint64_t checksum() const;
};

/// Reads the data set that `settings` names from its folder below settings.data. When none of its files is there
/// and --data was not given, generated images stand in. Throws Error when --data was given and none is there, and
/// when files are missing or damaged.
OpenedDataset open_dataset(const Settings& settings);

}  // namespace quench::train
