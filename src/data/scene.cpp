#include "data/scene.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "data/motif.h"

namespace quench {
namespace {

using Colour = std::array<float, cifar10::channels>;  // in units of a byte
using Planes = std::array<Mask, cifar10::channels>;

Colour random_colour(float middle, float deviation, Random& random) {
  Colour colour;
  for (float& value : colour) value = middle + random.uniform(-deviation, deviation);
  return colour;
}

void add(Planes& planes, const Mask& mask, const Colour& colour) {
  for (std::size_t c = 0; c < planes.size(); ++c)
    for (std::size_t i = 0; i < mask.size(); ++i) planes[c][i] += colour[c] * mask[i];
}

/// A colour that changes evenly from one side to the other, and two clouds.
Planes draw_ground(Random& random) {
  const float brightness = random.uniform(102.5F, 152.5F);
  const Colour middle = random_colour(brightness, 20, random), change = random_colour(0, 30, random);
  const float right = random.uniform(-1, 1), down = random.uniform(-1, 1);
  Mask slope;
  for (std::size_t i = 0; i < slope.size(); ++i) {
    const auto x = static_cast<float>(i % cifar10::side), y = static_cast<float>(i / cifar10::side);
    slope[i] = (right * (x - 15.5F) + down * (y - 15.5F)) / 16;
  }
  Planes planes;
  for (std::size_t c = 0; c < planes.size(); ++c) planes[c].fill(middle[c]);
  add(planes, slope, change);
  for (int cloud = 0; cloud < 2; ++cloud) {
    const float x = random.uniform(-18, 18), y = random.uniform(-18, 18);
    const float radius = random.uniform(4, 14), softness = random.uniform(1, 12);
    add(planes, soft_disc(x, y, radius, softness), random_colour(0, 25, random));
  }
  return planes;
}

/// Lighter than the ground by this contrast or, one time in five, darker; with a tint of any hue.
Colour motif_colour(float contrast, Random& random) {
  const float sign = random.uniform() < 0.2F ? -1.0F : 1.0F;
  return random_colour(sign * 0.85F * contrast, 0.25F * contrast, random);
}

}  // namespace

void draw_scene(int label, Random& random, std::span<std::uint8_t> image) {
  Planes planes = draw_ground(random);
  const float contrast = random.uniform(25, 80), fainter = contrast * random.uniform(0.5F, 1);
  const auto other = (label + 1 + static_cast<int>(random.below(cifar10::classes - 1))) % cifar10::classes;
  const Mask behind = draw_motif(static_cast<Motif>(other), random);
  add(planes, behind, motif_colour(fainter, random));
  const Mask front = draw_motif(static_cast<Motif>(label), random);
  add(planes, front, motif_colour(contrast, random));

  const float grain = random.uniform(8, 50) / 255;
  std::size_t at = 0;
  std::uint32_t bytes = 0;
  for (const Mask& plane : planes)
    for (const float value : plane) {
      if (at % 4 == 0) bytes = random.next();
      const float noise = (static_cast<float>(bytes & 255) - 127.5F) * grain;
      bytes >>= 8;
      image[at++] = static_cast<std::uint8_t>(std::clamp(value + noise, 0.0F, 255.0F) + 0.5F);
    }
}

}  // namespace quench
