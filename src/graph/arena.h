// Places buffers with known lifetimes in one block of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace quench {

/// "No such buffer", "no such node".
inline constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

/// Buffers begin at multiples of this, the width of a cache line and of the widest vector.
inline constexpr std::size_t alignment = 64;

/// A piece of the block that is in use from step `first` to step `last`, both included.
struct Buffer {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::uint64_t bytes = 0;  ///< may be more than this machine can address, until place_buffers
  /// A buffer of the same size that ends at the step this one begins, whose place this one takes: an operation that
  /// works in place.
  std::size_t takes_place_of = none;
  std::size_t offset = 0;  ///< result of place_buffers
};

/// Rounds up to a multiple of `alignment`.
constexpr std::uint64_t aligned(std::uint64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

/// Bytes of that many floats.
constexpr std::uint64_t float_bytes(std::int64_t count) {
  return static_cast<std::uint64_t>(count) * sizeof(float);
}

/// The most bytes that this machine can address and still subtract pointers.
inline constexpr std::uint64_t most_bytes = std::numeric_limits<std::ptrdiff_t>::max();

/// Chooses every offset so that buffers in use at the same step do not overlap (except one that takes another's
/// place): best fit, in the order of first steps. Returns the size of the block, a multiple of 64. O(n log n).
/// Throws Error when the sizes, each below 2^62, add up to more than `most`: what fits in most_bytes fits in a
/// size_t.
std::size_t place_buffers(std::vector<Buffer>& buffers, std::uint64_t most = most_bytes);

/// The size of the block if every buffer had a place of its own. Throws as place_buffers does.
std::size_t total_bytes(const std::vector<Buffer>& buffers, std::uint64_t most = most_bytes);

}  // namespace quench
