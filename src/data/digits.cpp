// The images that stand in when MNIST is absent.
#include <utility>

#include "core/float_environment.h"
#include "core/huge_pages.h"
#include "core/parallel.h"
#include "data/handwriting.h"
#include "quench/dataset.h"

namespace quench {
namespace {

constexpr int classes = 10;
constexpr std::int64_t train_size = 60000, test_size = 10000;
constexpr std::int64_t chunk = 100;  // images a thread takes at a time; divides both sizes
constexpr std::int64_t image_bytes = std::int64_t{Canvas::side} * Canvas::side;

/// Images number first, first + 1, ... of the seed; each depends on nothing but the seed and its number.
ImageSet draw(std::uint64_t seed, std::int64_t first, std::int64_t size, Executor& executor) {
  std::vector<std::uint8_t> pixels;
  pixels.reserve(static_cast<std::size_t>(size * image_bytes));
  prefer_huge_pages(pixels.data(), pixels.capacity());
  pixels.resize(static_cast<std::size_t>(size * image_bytes));
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(size));
  parallel_for(executor, size / chunk, [&](std::int64_t c) {
    const FloatEnvironment environment;
    for (std::int64_t i = c * chunk; i < (c + 1) * chunk; ++i) {
      Random random(seed, Stream::images, static_cast<std::uint64_t>(first + i));
      const auto digit = static_cast<std::uint8_t>(random.below(classes));
      labels[static_cast<std::size_t>(i)] = digit;
      write_digit(digit, random,
                  std::span(pixels).subspan(static_cast<std::size_t>(i * image_bytes),
                                            static_cast<std::size_t>(image_bytes)));
    }
  });
  return {1, Canvas::side, Canvas::side, classes, std::move(pixels), std::move(labels)};
}

}  // namespace

Dataset generated_digits(std::uint64_t seed, Executor* executor) {
  Executor& threads = executor != nullptr ? *executor : default_executor();
  Dataset digits{"mnist", true, draw(seed, 0, train_size, threads), draw(seed, train_size, test_size, threads)};
  const Normalization normalization = digits.train.zero_mean_unit_variance();
  digits.train.set_normalization(normalization);
  digits.test.set_normalization(normalization);
  return digits;
}

}  // namespace quench
