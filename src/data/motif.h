// Ten things to recognise, wherever they lie and whatever their colour: five shapes and five textures.
#pragma once

#include <array>
#include <cstdint>

#include "core/random.h"
#include "data/cifar10.h"

namespace quench {

/// The classes of generated pictures, in the order of their labels.
enum class Motif : std::uint8_t {
  disc,
  ring,
  square,
  triangle,
  cross,
  lying_stripes,
  standing_stripes,
  slanted_stripes,
  checks,
  dots,
};

/// A value for each pixel, row by row.
using Mask = std::array<float, std::size_t{cifar10::side} * cifar10::side>;

/// How much of the motif is in each pixel: 0 outside of it; 1 inside of a shape; -1/2 and 1/2 in the two colours of
/// a texture, which is a patch that fades at its edge. Place, size and rotation are what `random` determines; a
/// rotation that would turn one class into another has its limits. Everything is computed in float with + - * /
/// alone, in a fixed order: the same bits on every machine.
Mask draw_motif(Motif motif, Random& random);

/// A disc of this middle, in pixels from that of the picture, that fades over `softness` pixels: 1 inside, 0
/// outside.
Mask soft_disc(float x, float y, float radius, float softness);

}  // namespace quench
