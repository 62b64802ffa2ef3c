#include "allocation_counter.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <vector>

using quench::test::AllocationCounter;

namespace {

// Where pointers go, so that no compiler sees that nobody uses the memory, and leaves the allocation out.
void* volatile sink;

template <typename Function>
std::int64_t allocations_of(Function function) {
  const AllocationCounter counter;
  function();
  return counter.count();
}

struct alignas(128) Wide {
  char bytes[128];
};

void* nothing(void*) { return nullptr; }

}  // namespace

TEST_CASE("the allocation counter sees each kind of allocation") {
  if (!AllocationCounter::available()) {
    MESSAGE("skipped: allocations cannot be counted with this C library or under this sanitizer");
    return;
  }
  void* memory = nullptr;
  CHECK(allocations_of([&] { sink = memory = std::malloc(10); }) == 1);
  CHECK(allocations_of([&] { sink = memory = std::realloc(memory, 100000); }) == 1);
  std::free(memory);
  CHECK(allocations_of([&] { sink = memory = std::calloc(10, 10); }) == 1);
  std::free(memory);
  CHECK(allocations_of([&] { sink = memory = std::aligned_alloc(64, 128); }) == 1);
  CHECK(reinterpret_cast<std::uintptr_t>(memory) % 64 == 0);
  std::free(memory);
  int status = 0;
  CHECK(allocations_of([&] { status = posix_memalign(&memory, 64, 128); }) == 1);
  REQUIRE(status == 0);
  std::free(memory);

  CHECK(allocations_of([&] { sink = memory = ::operator new(10); }) == 1);
  ::operator delete(memory);
  CHECK(allocations_of([&] { sink = memory = ::operator new[](10, std::nothrow); }) == 1);
  ::operator delete[](memory);
  std::unique_ptr<Wide> wide;
  CHECK(allocations_of([&] { wide = std::make_unique<Wide>(); }) == 1);
  std::vector<int> vector;
  CHECK(allocations_of([&] { vector.resize(100); }) == 1);

  CHECK(allocations_of([&] {
          sink = memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        }) == 1);
  REQUIRE(memory != MAP_FAILED);
  *static_cast<char*>(memory) = 1;
  munmap(memory, 4096);

  pthread_t thread;
  CHECK(allocations_of([&] { status = pthread_create(&thread, nullptr, nothing, nullptr); }) >= 1);
  REQUIRE(status == 0);
  pthread_join(thread, nullptr);
  // The thread itself, and the state that std::thread keeps for it.
  CHECK(allocations_of([] { std::thread(nothing, nullptr).join(); }) >= 2);
}

TEST_CASE("the allocation counter sees other threads, and counts nothing when nothing is allocated") {
  if (!AllocationCounter::available()) return;
  std::atomic<bool> go{false}, done{false};
  void* memory = nullptr;
  std::thread thread([&] {
    while (!go) std::this_thread::yield();
    sink = memory = std::malloc(10);
    done = true;
  });
  const AllocationCounter quiet;
  CHECK(quiet.count() == 0);
  CHECK(quiet.count() == 0);  // nor does the check
  const std::int64_t count = allocations_of([&] {
    go = true;
    while (!done) std::this_thread::yield();
  });
  CHECK(count == 1);
  thread.join();
  std::free(memory);
}
