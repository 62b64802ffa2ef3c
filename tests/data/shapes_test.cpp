#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <tuple>

#include "core/random.h"
#include "data/motif.h"
#include "generated.h"
#include "quench/dataset.h"

namespace {

using quench::Dataset;
using quench::ImageSet;
using quench::Mask;
using quench::Motif;
using quench::test::hash;

/// Drawn once for all tests below.
const Dataset& shapes() {
  static const Dataset set = quench::generated_shapes(1);
  return set;
}

constexpr std::size_t kinds = 10, mask_size = std::tuple_size_v<Mask>;

TEST_CASE("Generated shapes have CIFAR-10's shape, counts and normalisation") {
  CHECK(shapes().generated);
  CHECK(shapes().name == "cifar10");
  CHECK(shapes().train.size() == 50000);
  CHECK(shapes().test.size() == 10000);
  for (const ImageSet* set : {&shapes().train, &shapes().test}) {
    CHECK(set->channels() == 3);
    CHECK(set->height() == 32);
    CHECK(set->width() == 32);
    CHECK(set->classes() == 10);
    CHECK(set->normalization().scale == 2.0F / 255);
    CHECK(set->normalization().shift == -1.0F);
  }
}

TEST_CASE("The first 1000 generated shapes of seed 1 have the committed bytes") {
  CHECK(hash(shapes().train.pixels().first(1000 * 3072)) == 2473030497713714087U);
  CHECK(hash(shapes().train.labels().first(1000)) == 7759130032323918243U);
  CHECK(hash(shapes().test.pixels().first(1000 * 3072)) == 4680822899109748295U);
}

TEST_CASE("Generated shapes do not depend on who draws them and in which order") {
  quench::test::check_independent_of_executor(shapes(), quench::generated_shapes);
}

TEST_CASE("Another seed draws other shapes") { quench::test::check_other_seed(shapes(), quench::generated_shapes); }

TEST_CASE("No two generated training images are the same, and test images are none of them") {
  quench::test::check_all_different(shapes());
}

TEST_CASE("The classes of generated shapes are balanced") { quench::test::check_balanced(shapes()); }

TEST_CASE("The mean colour of a generated image says next to nothing about its class") {
  std::array<std::array<double, 3>, kinds> sums{};
  std::array<double, 3> total{}, squares{};
  std::array<int, kinds> counts{};
  for (std::int64_t i = 0; i < shapes().train.size(); ++i) {
    const std::span<const std::uint8_t> image = shapes().train.image(i);
    const std::size_t label = shapes().train.labels()[static_cast<std::size_t>(i)];
    ++counts[label];
    for (std::size_t c = 0; c < 3; ++c) {
      const auto plane = image.subspan(c * mask_size, mask_size);
      const double mean = std::accumulate(plane.begin(), plane.end(), 0.0) / mask_size;
      sums[label][c] += mean;
      total[c] += mean;
      squares[c] += mean * mean;
    }
  }
  for (std::size_t c = 0; c < 3; ++c) {
    const double count = static_cast<double>(shapes().train.size()), mean = total[c] / count;
    const double deviation = std::sqrt(squares[c] / count - mean * mean);
    for (std::size_t k = 0; k < kinds; ++k) CHECK(std::fabs(sums[k][c] / counts[k] - mean) < 0.5 * deviation);
    // Differences between hues are what colour could tell beyond lightness: there are none.
    for (std::size_t k = 0; k < kinds; ++k)
      CHECK(std::fabs((sums[k][c] - sums[k][(c + 1) % 3]) / counts[k] - (mean - total[(c + 1) % 3] / count)) <
            0.1 * deviation);
  }
}

TEST_CASE(
    "A shape is 1 inside and 0 outside, a texture has two colours of either sign, and both are in the picture") {
  for (std::size_t kind = 0; kind < kinds; ++kind)
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      quench::Random random(seed, quench::Stream::images, kind);
      const Mask mask = quench::draw_motif(static_cast<Motif>(kind), random);
      const auto [low, high] = std::minmax_element(mask.begin(), mask.end());
      const bool shape = kind < 5;
      CHECK_UNARY(*low == (shape ? 0.0F : std::max(*low, -0.5F)));
      CHECK_UNARY(*high == (shape ? 1.0F : std::min(*high, 0.5F)));
      if (!shape) CHECK_UNARY(*low < -0.3F);
      if (!shape) CHECK_UNARY(*high > 0.3F);
      float inked = 0;
      for (const float value : mask) inked += std::fabs(value);
      CHECK_UNARY(inked > 25);
    }
}

/// How much a mask changes from a pixel to the one this many columns and rows on, summed over the mask.
double change(const Mask& mask, std::size_t columns, std::size_t rows) {
  double sum = 0;
  for (std::size_t y = 0; y + rows < 32; ++y)
    for (std::size_t x = 0; x + columns < 32; ++x)
      sum += std::fabs(double{mask[(y + rows) * 32 + x + columns]} - double{mask[y * 32 + x]});
  return sum;
}

TEST_CASE("Lying stripes change downwards, standing ones sideways, slanted ones both ways") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto draw = [&](Motif motif) {
      quench::Random random(seed, quench::Stream::images);
      return quench::draw_motif(motif, random);
    };
    const Mask lying = draw(Motif::lying_stripes), standing = draw(Motif::standing_stripes);
    const Mask slanted = draw(Motif::slanted_stripes);
    CHECK_UNARY(change(lying, 0, 1) > 1.5 * change(lying, 1, 0));
    CHECK_UNARY(change(standing, 1, 0) > 1.5 * change(standing, 0, 1));
    CHECK_UNARY(change(slanted, 1, 0) < 2.5 * change(slanted, 0, 1));
    CHECK_UNARY(change(slanted, 0, 1) < 2.5 * change(slanted, 1, 0));
  }
}

}  // namespace
