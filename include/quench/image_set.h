// Labelled images, kept as bytes, and the mini-batches drawn from them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

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
  /// Of a shuffled epoch, 0 <= step < size(): the images that steps 0 .. step - 1 take, and all others, from which
  /// those of step `step` are a random choice whatever came before; what a dropped partial batch has is among them.
  /// (Of an iid epoch, whose next images are a choice from all, they say nothing.)
  Batch before(std::int64_t step) const;
  Batch from(std::int64_t step) const;
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

}  // namespace quench
