// What CIFAR-10's images and those that stand in for them have in common.
#pragma once

#include "quench/image_set.h"

namespace quench::cifar10 {

inline constexpr int channels = 3, side = 32, classes = 10;

/// Bytes 0 .. 255 to -1 .. 1, the paper's appendix A: (x / 255 - 0.5) * 2.
inline constexpr Normalization normalization{.scale = 2.0F / 255, .shift = -1};

}  // namespace quench::cifar10
