// Sets of images that are drawn, not read.
#pragma once

#include <cstdint>
#include <span>

#include "core/random.h"
#include "quench/dataset.h"
#include "quench/executor.h"

namespace quench {

/// What images of a set are like, and who draws them.
struct Drawing {
  int channels, side, classes;
  /// Draws an image of this class, [channels, side, side], with what `random` determines. Must not throw.
  void (*draw)(int label, Random& random, std::span<std::uint8_t> image);
};

/// Images number first, first + 1, ... of the seed, of classes drawn with equal probability. Each depends on
/// nothing but the seed and its number, whoever draws it. size: a multiple of 100.
ImageSet draw_images(const Drawing& drawing, std::uint64_t seed, std::int64_t first, std::int64_t size,
                     Executor& executor);

}  // namespace quench
