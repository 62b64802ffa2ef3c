// Counts what a piece of code asks of the system, to prove that it asks for nothing.
#pragma once

#include <cstdint>

namespace quench::test {

/// Counts allocations of any kind, on any thread, from its construction on: operator new, malloc, calloc, realloc,
/// aligned_alloc, posix_memalign, memalign, mmap and the creation of a thread. It does so by standing in for these
/// functions in the whole test program.
///
///     const AllocationCounter counter;
///     step();
///     CHECK(counter.count() == 0);
class AllocationCounter {
 public:
  AllocationCounter() : before_(total()) {}

  /// Allocations since construction; 0 where counting is not available.
  std::int64_t count() const { return total() - before_; }

  /// False with a C library other than glibc, on 32-bit systems and under sanitizers, which stand there themselves.
  static bool available();

 private:
  static std::int64_t total();
  std::int64_t before_;
};

}  // namespace quench::test
