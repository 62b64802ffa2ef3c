#include "data/pen.h"

#include <algorithm>
#include <cmath>

namespace quench {
namespace {

/// First and last + 1 of the pixels between two coordinates, cut to the canvas.
struct Range {
  int first, last;
};

Range pixels_between(float low, float high) {
  constexpr float limit = Canvas::side;
  return {static_cast<int>(std::floor(std::clamp(low, 0.0F, limit))),
          static_cast<int>(std::ceil(std::clamp(high, 0.0F, limit)))};
}

}  // namespace

void Canvas::draw(const Segment& segment, float softness) {
  const auto [a, b, radius] = segment;
  const float dx = b.x - a.x, dy = b.y - a.y;
  const float length_squared = dx * dx + dy * dy;
  const float inverse = length_squared > 0 ? 1 / length_squared : 0.0F;
  // The distance to the edge, radius - d, is approximated by (radius^2 - d^2) / (2 radius): exact in value and
  // slope at the edge, and without a square root for each pixel.
  const float slope = 1 / (2 * radius * softness);
  const float middle = 0.5F + radius * radius * slope;

  const float reach = radius + softness;
  const auto [left, right] = pixels_between(std::min(a.x, b.x) - reach, std::max(a.x, b.x) + reach);
  const auto [top, bottom] = pixels_between(std::min(a.y, b.y) - reach, std::max(a.y, b.y) + reach);
  for (int y = top; y < bottom; ++y) {
    const float py = static_cast<float>(y) + 0.5F - a.y;
    float* row = &ink_[static_cast<std::size_t>(y * side)];
    for (int x = left; x < right; ++x) {
      const float px = static_cast<float>(x) + 0.5F - a.x;
      float along = (px * dx + py * dy) * inverse;
      along = along < 0 ? 0 : along > 1 ? 1 : along;
      const float ex = px - along * dx, ey = py - along * dy;
      float ink = middle - (ex * ex + ey * ey) * slope;
      ink = ink > 1 ? 1 : ink;
      row[x] = ink > row[x] ? ink : row[x];
    }
  }
}

std::uint8_t grey(float ink) { return static_cast<std::uint8_t>(std::clamp(ink, 0.0F, 1.0F) * 255 + 0.5F); }

}  // namespace quench
