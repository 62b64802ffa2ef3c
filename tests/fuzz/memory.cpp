#include "fuzz/memory.h"

#include "fuzz/target.h"

// Of the sanitizers' interface; null in programs without.
extern "C" {
[[gnu::weak]] int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                            void (*on_free)(const volatile void*));
[[gnu::weak]] std::size_t __sanitizer_get_allocated_size(const volatile void* memory);
}

namespace quench::fuzz {
namespace {

thread_local bool watching = false;
thread_local std::int64_t living = 0, most_living = 0;  // less what was freed of older memory
WorstMemory worst;

void on_malloc(const volatile void*, std::size_t bytes) {
  if (!watching) return;
  living += static_cast<std::int64_t>(bytes);
  if (living > most_living) most_living = living;
}

void on_free(const volatile void* memory) {
  if (watching && memory != nullptr) living -= static_cast<std::int64_t>(__sanitizer_get_allocated_size(memory));
}

bool install() {
  return &__sanitizer_install_malloc_and_free_hooks != nullptr &&
         __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) != 0;
}

}  // namespace

bool MemoryWatch::available() {
  static const bool installed = install();
  return installed;
}

MemoryWatch::MemoryWatch() {
  living = most_living = 0;
  watching = available();
}

MemoryWatch::~MemoryWatch() { watching = false; }

std::uint64_t MemoryWatch::peak() const { return static_cast<std::uint64_t>(most_living); }

void MemoryWatch::expect_at_most(std::uint64_t bound, const char* reader) const {
  const std::uint64_t found = peak();
  expect(found <= bound, std::string(reader) + " took " + std::to_string(found) + " bytes, expected at most " +
                             std::to_string(bound));
  if (static_cast<double>(found) / static_cast<double>(bound) >
      static_cast<double>(worst.peak) / static_cast<double>(worst.bound))
    worst = {found, bound, reader};
}

const WorstMemory& worst_memory() { return worst; }

}  // namespace quench::fuzz
