// One handwritten digit: a glyph, bent and slanted the way hands do, drawn with a pen.
#pragma once

#include <cstdint>
#include <span>

#include "core/random.h"
#include "data/pen.h"

namespace quench {

/// Draws a digit, 0 .. 9, in a hand that `random` determines, as MNIST's images are made: white on black, scaled to
/// a box of 20 x 20 pixels, its centre of mass in the middle. image: Canvas::side^2 bytes, row by row.
void write_digit(int digit, Random& random, std::span<std::uint8_t> image);

}  // namespace quench
