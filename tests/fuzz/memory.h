// How much memory a reader takes, against what it states.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace quench::fuzz {

/// Watches what this thread allocates and frees while it lives. One at a time.
class MemoryWatch {
 public:
  MemoryWatch();
  ~MemoryWatch();
  MemoryWatch(const MemoryWatch&) = delete;
  MemoryWatch& operator=(const MemoryWatch&) = delete;

  /// The most bytes that lived at once of those allocated since; 0 where this is not measured.
  std::uint64_t peak() const;
  /// Throws Broken when peak() is more than `bound`, which `reader` states.
  void expect_at_most(std::uint64_t bound, const char* reader) const;

  /// True with the address sanitizer, which tells of each allocation.
  static bool available();
};

/// The peak that came nearest to its bound since the program began.
struct WorstMemory {
  std::uint64_t peak = 0, bound = 1;
  const char* reader = "";
};
const WorstMemory& worst_memory();

}  // namespace quench::fuzz
