// One coloured picture to classify.
#pragma once

#include <cstdint>
#include <span>

#include "core/random.h"

namespace quench {

/// Draws two motifs on a cloudy ground, in colours, places and sizes that `random` determines. The label is the
/// motif that stands out more; the other one is of any other class. image: red, green and blue planes of 32 x 32
/// bytes.
void draw_scene(int label, Random& random, std::span<std::uint8_t> image);

}  // namespace quench
