// How people write the ten digits: the paths a pen takes.
#pragma once

#include <span>

namespace quench {

/// A point that the pen passes, in a box about 0.7 wide and 1 high, y downwards.
struct Knot {
  enum class Kind : unsigned char {
    start,   ///< the pen is put down here; what came before was another stroke
    bend,    ///< the curve passes smoothly
    corner,  ///< the curve changes direction sharply
  };
  Kind kind;
  float x, y;
};

/// One way to write a digit.
struct Glyph {
  int weight;     ///< how many write it so, relative to the digit's other glyphs
  float freedom;  ///< how far hands stray from it, relative to most glyphs
  std::span<const Knot> knots;
};

inline constexpr int most_knots = 16;  ///< of any glyph

/// The glyphs of a digit, 0 .. 9.
std::span<const Glyph> glyphs(int digit);

}  // namespace quench
