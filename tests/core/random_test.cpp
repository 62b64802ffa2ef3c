#include "core/random.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

using quench::philox;
using quench::Random;
using quench::Stream;
using Block = std::array<std::uint32_t, 4>;

/// Chi-square of counts that should all be equal.
double chi_square(const std::vector<int>& counts, double expected) {
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

TEST_CASE("Philox4x32-10 gives the published known answers") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(philox({ones, ones, ones, ones}, {ones, ones}) == Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("A random stream reads the blocks of its seed, purpose and index in order") {
  constexpr std::uint64_t seed = 0x0123456789abcdef, index = 0xfedcba9876543210;
  Random random(seed, Stream::iid, index);
  for (std::uint32_t block = 0; block < 40; ++block) {
    for (const std::uint32_t expected : philox({block, 3, 0x76543210, 0xfedcba98}, {0x89abcdef, 0x01234567}))
      CHECK(random.next() == expected);
  }
}

TEST_CASE("Uniform numbers are multiples of 2^-24 in [0, 1) and evenly spread") {
  Random random(1, Stream::weights), again(1, Stream::weights);
  std::vector<int> counts(64);
  for (int i = 0; i < 64000; ++i) {
    const float u = random.uniform();
    CHECK_UNARY(u >= 0 && u < 1);
    CHECK(u == static_cast<float>(again.next() >> 8) / 16777216.0F);
    ++counts[static_cast<std::size_t>(u * 64)];
  }
  CHECK(chi_square(counts, 1000) < 103.4);  // the 99.9 % point for 63 degrees of freedom
}

TEST_CASE("Uniform numbers between bounds are the affine map of those in [0, 1)") {
  Random random(5, Stream::images, 7), plain(5, Stream::images, 7);
  for (int i = 0; i < 1000; ++i) {
    const float product = 5.5F * plain.uniform();
    CHECK(random.uniform(-2.0F, 3.5F) == -2.0F + product);
  }
}

TEST_CASE("Bounded integers are uniform, also where rejection is frequent") {
  Random random(2, Stream::shuffle);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts.at(random.below(7));
  CHECK(chi_square(counts, 10000) < 22.5);  // 99.9 %, 6 degrees of freedom

  // n = 3 * 2^30: without rejection every third result would be twice as likely as the others.
  std::vector<int> residues(3);
  for (int i = 0; i < 30000; ++i) ++residues.at(random.below(3U << 30) % 3);
  CHECK(chi_square(residues, 10000) < 13.8);  // 99.9 %, 2 degrees of freedom
}

TEST_CASE("The only integer below 1 is 0") {
  Random random(3, Stream::shuffle);
  for (int i = 0; i < 10; ++i) CHECK(random.below(1) == 0);
}

TEST_CASE("Normal numbers have the moments of a standard normal") {
  Random random(4, Stream::images);
  constexpr int n = 200000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  CHECK(std::fabs(sum / n) < 4 / std::sqrt(double{n}));
  CHECK(std::fabs(squares / n - 1) < 4 * std::sqrt(2.0 / n));
  CHECK(std::fabs(fourth / n - 3) < 4 * std::sqrt(96.0 / n));
}

TEST_CASE("Streams of different seeds, purposes and indices differ") {
  const std::uint32_t base = Random(1, Stream::shuffle, 0).next();
  CHECK(Random(2, Stream::shuffle, 0).next() != base);
  CHECK(Random(1, Stream::iid, 0).next() != base);
  CHECK(Random(1, Stream::shuffle, 1).next() != base);
  CHECK(Random(1, Stream::shuffle, std::uint64_t{1} << 32).next() != base);
}

}  // namespace
