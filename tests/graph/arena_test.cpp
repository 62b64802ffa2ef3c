// Placing buffers with lifetimes in one block.
#include "graph/arena.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <utility>

#include "quench/error.h"

using quench::Buffer;
using quench::none;
using quench::place_buffers;

namespace {

bool overlap_in_time(const Buffer& a, const Buffer& b) { return a.first <= b.last && b.first <= a.last; }
bool overlap_in_space(const Buffer& a, const Buffer& b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

}  // namespace

TEST_CASE("buffers that live at the same step never overlap, whatever their sizes and lifetimes") {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    std::vector<Buffer> buffers(1 + below(80));
    for (Buffer& buffer : buffers) {
      buffer.first = static_cast<std::int64_t>(below(60)) - 1;
      buffer.last = buffer.first + static_cast<std::int64_t>(below(20));
      buffer.bytes = 64 * (1 + below(9));
    }
    const std::size_t bytes = place_buffers(buffers);
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      REQUIRE(buffers[i].offset + buffers[i].bytes <= bytes);
      REQUIRE(buffers[i].offset % 64 == 0);
      for (std::size_t j = 0; j < i; ++j) {
        if (overlap_in_time(buffers[i], buffers[j])) REQUIRE_FALSE(overlap_in_space(buffers[i], buffers[j]));
      }
    }
    CHECK(bytes <= total_bytes(buffers));
  }
}

TEST_CASE("a buffer that has ended gives its place to the next") {
  std::vector<Buffer> buffers{{0, 1, 128}, {2, 3, 128}, {4, 5, 64}, {4, 5, 64}};
  CHECK(place_buffers(buffers) == 128);
  CHECK(total_bytes(buffers) == 384);
}

TEST_CASE("the smallest free piece that fits is taken") {
  // Between two that stay, pieces of 256 and 128 become free; the 128 bytes needed next fit exactly in the second.
  std::vector<Buffer> buffers{{0, 1, 256}, {0, 9, 64}, {0, 1, 128}, {0, 9, 64}, {2, 3, 128}, {2, 3, 256}};
  CHECK(place_buffers(buffers) == 512);
  CHECK(buffers[4].offset == buffers[2].offset);
  CHECK(buffers[5].offset == buffers[0].offset);
}

TEST_CASE("neighbouring free pieces are joined") {
  std::vector<Buffer> buffers{{0, 1, 64}, {0, 2, 64}, {0, 1, 64}, {0, 9, 64}, {3, 3, 192}};
  CHECK(place_buffers(buffers) == 256);
  CHECK(buffers[4].offset == 0);
}

TEST_CASE("a free piece at the end of the block grows") {
  std::vector<Buffer> buffers{{0, 9, 64}, {0, 1, 64}, {2, 3, 192}};
  CHECK(place_buffers(buffers) == 256);
}

TEST_CASE("an operation in place hands its input's place on, from node to node") {
  std::vector<Buffer> buffers{{0, 1, 64}, {1, 2, 64, 0}, {2, 3, 64, 1}, {2, 4, 64}};
  CHECK(place_buffers(buffers) == 128);
  CHECK(buffers[0].offset == buffers[2].offset);
  CHECK(buffers[3].offset != buffers[2].offset);
}

TEST_CASE("sizes beyond the address space are refused") {
  constexpr std::uint64_t half = quench::most_bytes / 128 * 64;
  std::vector<Buffer> buffers{{0, 1, half}, {2, 3, half}, {4, 5, 128}};
  CHECK_THROWS_WITH_AS(place_buffers(buffers),
                       ("plan: at least " + std::to_string(2 * half + 128) + " bytes, expected at most the " +
                        std::to_string(quench::most_bytes) + " that this machine can address")
                           .c_str(),
                       quench::Error);
}

TEST_CASE("a machine of 32 bits counts in 64, and refuses by their size buffers that it cannot address") {
  constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
  // One of exactly 2^32 bytes, which 32 bits take for none.
  std::vector<Buffer> one{{0, 1, quench::float_bytes(std::int64_t{1} << 30)}};
  CHECK_THROWS_WITH_AS(
      place_buffers(one, most),
      "plan: at least 4294967296 bytes, expected at most the 2147483647 that this machine can address",
      quench::Error);
  std::vector<Buffer> several{{0, 1, 1U << 30}, {2, 3, 1U << 30}};
  CHECK_THROWS_WITH_AS(
      place_buffers(several, most),
      "plan: at least 2147483648 bytes, expected at most the 2147483647 that this machine can address",
      quench::Error);
  several.pop_back();
  CHECK(place_buffers(several, most) == 1U << 30);
}
