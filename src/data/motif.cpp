#include "data/motif.h"

#include <cstddef>

#include "core/math.h"

namespace quench {
namespace {

constexpr float pi = 3.14159265F;

float magnitude(float x) { return x < 0 ? -x : x; }
float larger(float a, float b) { return a > b ? a : b; }
float smaller(float a, float b) { return a < b ? a : b; }

/// Where a motif lies: its middle, in pixels from that of the picture, and its rotation.
struct Place {
  float x, y;
  float cosine = 1, sine = 0;

  void turn(float angle) {
    cosine = static_cast<float>(quench::cosine(static_cast<double>(angle)));
    sine = static_cast<float>(quench::sine(static_cast<double>(angle)));
  }
};

/// Fills the mask from a function of a pixel's coordinates in the motif's own frame: the distance in pixels to the
/// edge, negative inside. The edge fades from 1 to 0 over `softness` pixels.
template <typename Distance>
Mask fill(const Place& place, float softness, const Distance& distance) {
  Mask mask;
  constexpr float middle = (cifar10::side - 1) * 0.5F;
  const float slope = 1 / softness;
  std::size_t pixel = 0;
  for (int row = 0; row < cifar10::side; ++row) {
    const float dy = static_cast<float>(row) - middle - place.y;
    for (int column = 0; column < cifar10::side; ++column) {
      const float dx = static_cast<float>(column) - middle - place.x;
      const float u = place.cosine * dx + place.sine * dy, v = place.cosine * dy - place.sine * dx;
      const float inside = 0.5F - distance(u, v) * slope;
      mask[pixel++] = inside < 0 ? 0 : inside > 1 ? 1 : inside;
    }
  }
  return mask;
}

/// The distance to a circle around the origin as (d^2 - r^2) / (2 r): exact in value and slope where it is zero,
/// and without a square root for each pixel.
float to_circle(float u, float v, float radius) { return (u * u + v * v - radius * radius) / (2 * radius); }

/// A coordinate within its period, -1/2 .. 1/2 of it. t: at least -64 periods.
float within_period(float t, float period) {
  const float periods = t / period + 64;
  return (periods - static_cast<float>(static_cast<int>(periods)) - 0.5F) * period;
}

/// The distance to the edges of stripes that are half a period wide.
float to_stripe(float t, float period) { return magnitude(within_period(t, period)) - 0.25F * period; }

Mask draw_shape(Motif shape, Random& random) {
  constexpr float astray = 4;  // pixels from the middle, at most
  Place place{};
  place.x = random.uniform(-astray, astray);
  place.y = random.uniform(-astray, astray);
  const float softness = random.uniform(0.8F, 1.6F), size = random.uniform(), width = random.uniform();
  const float turn = random.uniform(-pi, pi);
  if (shape == Motif::disc) {
    const float radius = 5.5F + 5 * size;
    return fill(place, softness, [=](float u, float v) { return to_circle(u, v, radius); });
  }
  if (shape == Motif::ring) {
    const float radius = 6 + 5 * size, half = 1 + 0.8F * width;
    return fill(place, softness, [=](float u, float v) { return magnitude(to_circle(u, v, radius)) - half; });
  }
  place.turn(turn);
  if (shape == Motif::square) {
    const float half = 5 + 4.5F * size;
    return fill(place, softness, [=](float u, float v) { return larger(magnitude(u), magnitude(v)) - half; });
  }
  if (shape == Motif::triangle) {
    const float radius = 3.5F + 2.5F * size;  // of the circle inside
    constexpr float sine_60 = 0.8660254F;
    return fill(place, softness,
                [=](float u, float v) { return larger(v, sine_60 * magnitude(u) - 0.5F * v) - radius; });
  }
  const float length = 8 + 4 * size, half = 1.4F + 1.2F * width;
  return fill(place, softness, [=](float u, float v) {
    const float a = magnitude(u), b = magnitude(v);
    return smaller(larger(a - length, b - half), larger(a - half, b - length));
  });
}

/// The texture without end.
Mask draw_texture(Motif texture, Random& random) {
  const float softness = random.uniform(0.8F, 1.6F), size = random.uniform(), width = random.uniform();
  const float tilt = random.uniform(-0.25F, 0.25F), turn = random.uniform(-pi, pi);
  const bool falling = random.uniform() < 0.5F;
  // Its origin is anywhere: a period is at most 12 pixels.
  Place place{};
  place.x = random.uniform(-6, 6);
  place.y = random.uniform(-6, 6);
  if (texture == Motif::checks) {
    place.turn(tilt);
    const float period = 7 + 5 * size;
    return fill(place, softness, [=](float u, float v) {
      const float a = to_stripe(u, period), b = to_stripe(v, period);
      const float distance = smaller(magnitude(a), magnitude(b));
      return (a > 0) == (b > 0) ? -distance : distance;
    });
  }
  if (texture == Motif::dots) {
    place.turn(turn);
    const float period = 6 + 5 * size, radius = period * (0.22F + 0.1F * width);
    return fill(place, softness, [=](float u, float v) {
      return to_circle(within_period(u, period), within_period(v, period), radius);
    });
  }
  float angle = 0;
  if (texture == Motif::standing_stripes) angle = pi / 2;
  if (texture == Motif::slanted_stripes) angle = falling ? pi / 4 : -pi / 4;
  place.turn(angle + tilt);
  const float period = 4.5F + 4.5F * size;
  return fill(place, softness, [=](float, float v) { return to_stripe(v, period); });
}

}  // namespace

Mask soft_disc(float x, float y, float radius, float softness) {
  return fill(Place{x, y}, softness, [=](float u, float v) { return to_circle(u, v, radius); });
}

Mask draw_motif(Motif motif, Random& random) {
  if (motif < Motif::lying_stripes) return draw_shape(motif, random);
  Mask mask = draw_texture(motif, random);
  const float x = random.uniform(-8, 8), y = random.uniform(-8, 8);
  const float radius = random.uniform(8, 20), softness = random.uniform(1, 6);
  const Mask patch = soft_disc(x, y, radius, softness);
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = (mask[i] - 0.5F) * patch[i];
  return mask;
}

}  // namespace quench
