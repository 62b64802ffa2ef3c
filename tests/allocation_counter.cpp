#include "allocation_counter.h"

#include <atomic>
#include <cstdlib>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define QUENCH_TEST_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define QUENCH_TEST_SANITIZED
#endif

#if defined(__GLIBC__) && defined(__LP64__) && !defined(QUENCH_TEST_SANITIZED)
#define QUENCH_TEST_COUNTS_ALLOCATIONS

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#endif

namespace quench::test {
namespace {
std::atomic<std::int64_t> allocations{0};
}  // namespace

std::int64_t AllocationCounter::total() { return allocations.load(); }

#ifdef QUENCH_TEST_COUNTS_ALLOCATIONS

bool AllocationCounter::available() { return true; }

namespace {
void count_one() { allocations.fetch_add(1); }
}  // namespace

#else

bool AllocationCounter::available() { return false; }

#endif

}  // namespace quench::test

#ifdef QUENCH_TEST_COUNTS_ALLOCATIONS

// The dynamic linker finds these before the C library's own, for every library of the program; the C++ library's
// operator new and std::thread arrive here through malloc, aligned_alloc and pthread_create. What they forward to
// are the names that glibc keeps for its own functions, and free() needs no counterpart.
using quench::test::count_one;

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) noexcept {
  count_one();
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  count_one();
  return __libc_calloc(count, size);
}

void* realloc(void* old, std::size_t size) noexcept {
  count_one();
  return __libc_realloc(old, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  count_one();
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  count_one();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  count_one();
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
  void* const found = __libc_memalign(alignment, size);
  if (found == nullptr) return ENOMEM;
  *memory = found;
  return 0;
}

void* mmap(void* address, std::size_t length, int protection, int flags, int file, off_t offset) noexcept {
  count_one();
  // An address or -1, which is MAP_FAILED.
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, length, protection, flags, file, offset));
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto next = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  count_one();
  return next(thread, attributes, start, argument);
}

}  // extern "C"

#endif
