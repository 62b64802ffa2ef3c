// Labelled images, kept as bytes, and the mini-batches drawn from them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "quench/executor.h"

namespace quench {

/// The affine map from a stored byte to the network's input, x = fma(byte, scale, shift), in float.
struct Normalization {
  float scale = 1.0F;
  float shift = 0.0F;
};

class ImageSet;

/// One mini-batch: which images of which set. A view; the set and the Batches it came from must outlive it.
struct Batch {
  const ImageSet* images = nullptr;
  std::span<const std::uint32_t> indices;  ///< positions in the set, each below images->size()
};

/// The mini-batches of one epoch, in order; made by ImageSet::shuffled, iid or in_order. Iterating allocates
/// nothing.
class Batches {
 public:
  class Iterator {
   public:
    Iterator(const Batches* batches, std::int64_t step) : batches_(batches), step_(step) {}
    Batch operator*() const { return (*batches_)[step_]; }
    Iterator& operator++() {
      ++step_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return step_ != other.step_; }

   private:
    const Batches* batches_;
    std::int64_t step_;
  };

  /// Number of batches (optimiser steps) in the epoch.
  std::int64_t size() const { return steps_; }
  /// The batch of step `step`, 0 <= step < size().
  Batch operator[](std::int64_t step) const;
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, steps_}; }

 private:
  friend class ImageSet;
  const ImageSet* images_ = nullptr;
  std::vector<std::uint32_t> order_;
  std::int64_t batch_ = 0;
  std::int64_t steps_ = 0;
};

/// How one epoch is sampled.
struct EpochOptions {
  int batch = 100;            ///< examples a step, 1 .. the set's size
  std::uint64_t seed = 1;     ///< the data seed
  std::int64_t epoch = 0;     ///< which epoch: (seed, epoch) determines every batch
  bool keep_partial = false;  ///< shuffled only: also yield the last, smaller batch (the default drops it)
};

/// N labelled images of one shape. Images stay bytes, 0 .. 255, each image [channels, height, width] row-major.
class ImageSet {
 public:
  ImageSet() = default;
  /// pixels: size() * channels * height * width bytes; labels: size() values below classes.
  /// Throws Error when the counts differ or a label is out of range.
  ImageSet(int channels, int height, int width, int classes, std::vector<std::uint8_t> pixels,
           std::vector<std::uint8_t> labels);

  std::int64_t size() const { return static_cast<std::int64_t>(labels_.size()); }
  int channels() const { return channels_; }
  int height() const { return height_; }
  int width() const { return width_; }
  int classes() const { return classes_; }
  /// Values an image has: channels * height * width.
  std::int64_t features() const { return static_cast<std::int64_t>(channels_) * height_ * width_; }
  /// The bytes of image i, [channels, height, width].
  std::span<const std::uint8_t> image(std::int64_t i) const;
  std::span<const std::uint8_t> pixels() const { return pixels_; }
  std::span<const std::uint8_t> labels() const { return labels_; }

  const Normalization& normalization() const { return normalization_; }
  void set_normalization(Normalization n) { normalization_ = n; }

  /// The map that gives this set's pixels mean 0 and variance 1 over all images and positions, computed from exact
  /// integer sums (MNIST: mean 33.318421/255, deviation 78.567490/255).
  Normalization zero_mean_unit_variance() const;

  /// One pass over the set in random order without replacement. Throws Error for a batch outside 1 .. size().
  Batches shuffled(const EpochOptions& options) const;
  /// floor(size / batch) steps, each an independent uniform subset of `batch` distinct examples.
  Batches iid(const EpochOptions& options) const;
  /// The set in stored order; the last batch may be smaller.
  Batches in_order(int batch) const;

 private:
  int channels_ = 0, height_ = 0, width_ = 0, classes_ = 0;
  std::vector<std::uint8_t> pixels_;
  std::vector<std::uint8_t> labels_;
  Normalization normalization_;
};

/// A training set and a test set of the same shape, normalised by the same map.
struct Dataset {
  std::string name;        ///< "mnist", "cifar10"
  bool generated = false;  ///< true for the stand-in images that quench draws itself
  ImageSet train;
  ImageSet test;
};

/// What a data folder holds, decided before anything is read.
enum class DataState { absent, complete, partial };

/// Looks for MNIST's four files in `folder` (both usual spellings: train-images-idx3-ubyte and
/// train-images.idx3-ubyte): absent when none is there, partial when some are. A file that still is gzip-compressed
/// (.gz) counts as there; load_mnist says that it wants unpacking.
DataState mnist_state(const std::filesystem::path& folder);

/// Reads MNIST's four IDX files and normalises to zero mean and unit variance over the training set and its pixels;
/// the test set gets the same map. Headers, lengths and counts of all four files are checked before any is read,
/// and all labels before memory is taken for images. Throws Error naming the file, what was found and what was
/// expected.
Dataset load_mnist(const std::filesystem::path& folder);

/// Looks for CIFAR-10's files in `folder`, data_batch_<number>.bin and test_batch.bin: absent when none is there,
/// complete when test_batch.bin is and training files are numbered 1, 2, ... without a gap, else partial. A file
/// that still is gzip-compressed (.gz) counts as there, and so does what has the name of a training file but no
/// number; load_cifar10 says what is wrong.
DataState cifar10_state(const std::filesystem::path& folder);

/// Reads CIFAR-10's binary files: test_batch.bin, and all data_batch_<number>.bin in the order of their numbers 1,
/// 2,
/// ... without a gap. A file is any whole number of records of 3073 bytes, a label 0 .. 9 and 3 x 32 x 32 pixels;
/// but where all training files have the 10,000 of the distributed ones, all five must be there. Pixels are mapped
/// to -1 .. 1. All lengths are checked before anything is read. Throws Error naming the file, what was found and
/// what was expected.
Dataset load_cifar10(const std::filesystem::path& folder);

/// 60,000 + 10,000 images 28x28 of ten classes of digits, drawn from strokes; the same bytes for the same seed on
/// any machine and any number of threads. Normalised like MNIST.
Dataset generated_digits(std::uint64_t seed = 1, Executor* executor = nullptr);

/// 50,000 + 10,000 colour images 32x32 of ten classes: discs, rings, squares, triangles, crosses; lying, standing and
/// slanted stripes, checks, dots. Each holds two of different classes, and its label is the one that stands out more;
/// place, size, colour and ground say nothing about it. The same bytes for the same seed on any machine and any number
/// of threads. Pixels are mapped to -1 .. 1 like CIFAR-10's.
Dataset generated_shapes(std::uint64_t seed = 1, Executor* executor = nullptr);

/// Writes one picture of the first 20 images of each class, a row per class: binary PGM for 1 channel, PPM for 3.
/// Throws Error for another number of channels, an empty set, and when the file cannot be written whole; what it
/// held before is then still there.
void write_contact_sheet(const ImageSet& images, const std::filesystem::path& file);

}  // namespace quench
