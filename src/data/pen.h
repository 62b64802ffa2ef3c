// A soft pen: draws lines of varying width on a small grey canvas.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace quench {

/// A point in pixels; (0.5, 0.5) is the middle of the upper left pixel, y downwards.
struct Point {
  float x, y;
};

/// A piece of a stroke: the straight line from a to b, drawn with a round pen of this radius in pixels.
struct Segment {
  Point a, b;
  float radius;
};

/// A square of grey values, 0 (paper) .. 1 (full ink). Everything is computed in float with + - * / alone, in a
/// fixed order: the same bits on every machine.
class Canvas {
 public:
  static constexpr int side = 28;

  /// Draws a segment; edges fade from full ink to paper over `softness` pixels (> 0). Overlapping ink does not add
  /// up. What lies outside of the canvas is cut off.
  void draw(const Segment& segment, float softness);

  /// The value of a pixel, row by row.
  std::span<float, side * side> pixels() { return ink_; }

 private:
  std::array<float, side * side> ink_{};
};

/// The nearest of 0 .. 255 to 255 ink; what is outside of [0, 1] is clamped first.
std::uint8_t grey(float ink);

}  // namespace quench
