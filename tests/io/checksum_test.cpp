#include "io/checksum.h"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

using namespace quench::io;

namespace {

/// The definition of the header, word by word.
std::uint64_t by_definition(const std::vector<std::uint64_t>& words) {
  const std::uint64_t p = 0x9E3779B97F4A7C15U;
  std::uint64_t h = p;
  for (const std::uint64_t word : words) {
    h = (h ^ word) * p;
    h = h << 32 | h >> 32;
  }
  return h;
}

std::uint64_t of_bytes(const std::vector<std::uint8_t>& bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.value();
}

}  // namespace

TEST_CASE("bytes count as their length and little-endian words, the last one filled with zeros") {
  CHECK(of_bytes({}) == by_definition({0}));
  CHECK(of_bytes({1, 2, 3}) == by_definition({3, 0x030201}));
  CHECK(of_bytes({1, 2, 3, 4, 5, 6, 7, 8}) == by_definition({8, 0x0807060504030201}));
  CHECK(of_bytes({1, 2, 3, 4, 5, 6, 7, 0xff, 9}) == by_definition({9, 0xff07060504030201, 9}));
}

TEST_CASE("floats count as their bit patterns, so that -0 and 0 differ") {
  const std::array<float, 2> values{1.0F, -0.0F};
  Checksum sum;
  sum.add(values);
  CHECK(sum.value() == by_definition({2, std::bit_cast<std::uint32_t>(1.0F), 0x80000000U}));
}

TEST_CASE("every single changed, swapped, added or moved byte changes the checksum") {
  std::vector<std::uint8_t> bytes(100);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(7 * i + 1);
  const std::uint64_t original = of_bytes(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::uint8_t> changed = bytes;
    changed[i] ^= 0x10;
    CHECK(of_bytes(changed) != original);
  }
  std::vector<std::uint8_t> other = bytes;
  std::swap(other[3], other[40]);
  CHECK(of_bytes(other) != original);
  other = bytes;
  other.push_back(0);
  CHECK(of_bytes(other) != original);

  Checksum whole, parts;
  whole.add(bytes);
  parts.add(std::span<const std::uint8_t>(bytes).first(40));
  parts.add(std::span<const std::uint8_t>(bytes).subspan(40));
  CHECK(whole.value() != parts.value());
}
