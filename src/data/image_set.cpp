#include "quench/image_set.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "core/float_environment.h"
#include "core/random.h"
#include "data/labels.h"
#include "quench/error.h"

namespace quench {
namespace {

void check_batch(std::int64_t batch, std::int64_t size) {
  if (batch < 1 || batch > size) {
    throw Error("batch is " + std::to_string(batch) + ", expected 1 .. " + std::to_string(size) +
                ", the number of images");
  }
}

std::vector<std::uint32_t> stored_order(std::int64_t size) {
  std::vector<std::uint32_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0U);
  return order;
}

/// The first `count` steps of Fisher and Yates's shuffle: values[0 .. count) become a uniformly random ordered
/// subset of all values, whatever order they were in.
void shuffle_front(std::span<std::uint32_t> values, std::size_t count, Random& random) {
  const auto size = static_cast<std::uint32_t>(values.size());
  for (std::uint32_t i = 0; i < count; ++i) std::swap(values[i], values[i + random.below(size - i)]);
}

}  // namespace

Batch Batches::operator[](std::int64_t step) const {
  const std::int64_t first = step * batch_;
  const std::int64_t length = std::min(batch_, static_cast<std::int64_t>(order_.size()) - first);
  return {images_, std::span(order_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(length))};
}

Batch Batches::before(std::int64_t step) const {
  return {images_, std::span(order_).first(static_cast<std::size_t>(step * batch_))};
}

Batch Batches::from(std::int64_t step) const {
  return {images_, std::span(order_).subspan(static_cast<std::size_t>(step * batch_))};
}

ImageSet::ImageSet(int channels, int height, int width, int classes, std::vector<std::uint8_t> pixels,
                   std::vector<std::uint8_t> labels)
    : channels_(channels), height_(height), width_(width), classes_(classes) {
  const auto at_least_one = [](const char* name, int value) {
    if (value < 1) throw Error(std::string(name) + " is " + std::to_string(value) + ", expected at least 1");
  };
  at_least_one("the number of channels", channels);
  at_least_one("the height of an image", height);
  at_least_one("the width of an image", width);
  at_least_one("the number of classes", classes);
  if (labels.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error("the set has " + std::to_string(labels.size()) + " images, expected at most " +
                std::to_string(std::numeric_limits<std::uint32_t>::max()));
  }
  // Divided rather than multiplied: the product of three extents and a count may overflow.
  std::size_t rest = pixels.size();
  bool whole = true;
  for (const int extent : {channels, height, width}) {
    whole = whole && rest % static_cast<std::size_t>(extent) == 0;
    rest /= static_cast<std::size_t>(extent);
  }
  if (!whole || rest != labels.size()) {
    throw Error(std::to_string(pixels.size()) + " bytes of pixels, expected " + std::to_string(labels.size()) +
                " (the number of labels) x " + std::to_string(channels) + " x " + std::to_string(height) + " x " +
                std::to_string(width));
  }
  check_labels(labels, classes, "the image set");
  pixels_ = std::move(pixels);
  labels_ = std::move(labels);
}

std::span<const std::uint8_t> ImageSet::image(std::int64_t i) const {
  return std::span(pixels_).subspan(static_cast<std::size_t>(i * features()), static_cast<std::size_t>(features()));
}

Normalization ImageSet::zero_mean_unit_variance() const {
  const FloatEnvironment environment;
  if (pixels_.empty()) throw Error("an empty image set has no mean, expected at least one image");
  std::uint64_t sum = 0, squares = 0;
  constexpr std::size_t block = 65536;  // its squares sum to less than 2^32, in which the loop vectorises well
  for (std::size_t first = 0; first < pixels_.size(); first += block) {
    std::uint32_t block_sum = 0, block_squares = 0;
    for (const std::uint32_t value : std::span(pixels_).subspan(first, std::min(block, pixels_.size() - first))) {
      block_sum += value;
      block_squares += value * value;
    }
    sum += block_sum;
    squares += block_squares;
  }
  const double count = static_cast<double>(pixels_.size());
  const double mean = static_cast<double>(sum) / count;
  const double variance = static_cast<double>(squares) / count - mean * mean;
  if (!(variance > 0)) {
    throw Error("all pixels are " + std::to_string(pixels_[0]) + ", expected at least two different values");
  }
  const double deviation = std::sqrt(variance);
  return {static_cast<float>(1 / deviation), static_cast<float>(-mean / deviation)};
}

Batches ImageSet::shuffled(const EpochOptions& options) const {
  check_batch(options.batch, size());
  Batches batches;
  batches.images_ = this;
  batches.order_ = stored_order(size());
  batches.batch_ = options.batch;
  batches.steps_ = (size() + (options.keep_partial ? options.batch - 1 : 0)) / options.batch;
  Random random(options.seed, Stream::shuffle, static_cast<std::uint64_t>(options.epoch));
  shuffle_front(batches.order_, batches.order_.size(), random);
  return batches;
}

Batches ImageSet::iid(const EpochOptions& options) const {
  check_batch(options.batch, size());
  Batches batches;
  batches.images_ = this;
  batches.batch_ = options.batch;
  batches.steps_ = size() / options.batch;
  batches.order_.reserve(static_cast<std::size_t>(batches.steps_ * options.batch));
  Random random(options.seed, Stream::iid, static_cast<std::uint64_t>(options.epoch));
  // The pool is not put back in order between steps: a step's subset is uniform from any order.
  std::vector<std::uint32_t> pool = stored_order(size());
  const auto count = static_cast<std::size_t>(options.batch);
  for (std::int64_t step = 0; step < batches.steps_; ++step) {
    shuffle_front(pool, count, random);
    batches.order_.insert(batches.order_.end(), pool.begin(), pool.begin() + options.batch);
  }
  return batches;
}

Batches ImageSet::in_order(int batch) const {
  if (batch < 1) throw Error("batch is " + std::to_string(batch) + ", expected at least 1");
  Batches batches;
  batches.images_ = this;
  batches.order_ = stored_order(size());
  batches.batch_ = batch;
  batches.steps_ = (size() + batch - 1) / batch;
  return batches;
}

}  // namespace quench
