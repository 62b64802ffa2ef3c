// Images of random pixels and labels.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "quench/image_set.h"

namespace quench_test {

inline quench::ImageSet random_images(int count, int height, int width, int classes, std::uint32_t seed = 7,
                                      quench::Normalization normalization = {1.0F / 128, -1.0F}, int channels = 1) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(channels * count * height * width));
  for (auto& pixel : pixels) pixel = static_cast<std::uint8_t>(random() % 256);
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(count));
  for (auto& label : labels) label = static_cast<std::uint8_t>(random() % static_cast<unsigned>(classes));
  quench::ImageSet images(channels, height, width, classes, pixels, labels);
  images.set_normalization(normalization);
  return images;
}

}  // namespace quench_test
