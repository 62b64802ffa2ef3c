#include "core/float_environment.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cfenv>
#include <cstdint>
#include <limits>
#include <thread>

#include "core/parallel.h"
#include "quench/executor.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace {

// Through volatile, so that they are computed when and where they are written. -1/3 lies between these two floats,
// nearer to the second.
constexpr float minus_third_upwards = -0x1.555554p-2F;
constexpr float minus_third_nearest = -0x1.555556p-2F;

float minus_third() {
  volatile float minus_one = -1.0F, three = 3.0F;
  return minus_one / three;
}
float half_of_smallest_normal() {
  volatile float smallest = std::numeric_limits<float>::min(), half = 0.5F;
  return smallest * half;
}

/// A host program's mode: rounds upwards and, where that exists, flushes subnormal numbers to zero.
class UnusualHost {
 public:
  UnusualHost() {
    std::fegetenv(&saved_);
    std::fesetround(FE_UPWARD);
#if defined(__SSE__)
    _mm_setcsr(_mm_getcsr() | 0x8040U);
#elif defined(__aarch64__)
    std::uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | (std::uint64_t{1} << 24)));
#endif
  }
  ~UnusualHost() {
    std::fesetenv(&saved_);
  }
  UnusualHost(const UnusualHost&) = delete;
  UnusualHost& operator=(const UnusualHost&) = delete;

  static bool in_force() {
    bool flushes = true;
#if defined(__SSE__) || defined(__aarch64__)
    flushes = half_of_smallest_normal() == 0.0F;
#endif
    return flushes && minus_third() == minus_third_upwards && std::fegetround() == FE_UPWARD;
  }

 private:
  std::fenv_t saved_;
};

bool contract_holds() {
  return minus_third() == minus_third_nearest && half_of_smallest_normal() == 0x1p-127F;
}

}  // namespace

TEST_CASE("a host that rounds upwards and flushes to zero gets the same bits, and its mode back") {
  const UnusualHost host;
  REQUIRE(UnusualHost::in_force());
  CHECK_FALSE(contract_holds());
  {
    const quench::FloatEnvironment environment;
    CHECK(contract_holds());
    {
      const quench::FloatEnvironment nested;
      CHECK(contract_holds());
    }
    CHECK(contract_holds());
  }
  CHECK(UnusualHost::in_force());
}

TEST_CASE("a host's exception flags are not disturbed") {
  std::fenv_t saved;
  std::fegetenv(&saved);
  std::feclearexcept(FE_ALL_EXCEPT);
  std::feraiseexcept(FE_INVALID);
  {
    const quench::FloatEnvironment environment;
    volatile float zero = 0.0F, one = 1.0F;
    volatile float infinity = one / zero;
    CHECK(infinity > 0.0F);
  }
  CHECK(std::fetestexcept(FE_INVALID) != 0);
  CHECK(std::fetestexcept(FE_DIVBYZERO) == 0);
  std::fesetenv(&saved);
}

namespace {

/// Whose threads know nothing of the contract, as an embedder's.
class PlainExecutor final : public quench::Executor {
 public:
  void run(std::int64_t chunks, Chunk chunk, void* context) override {
    std::thread worker([=] {
      for (std::int64_t i = 1; i < chunks; ++i) chunk(context, i);
    });
    chunk(context, 0);
    worker.join();
  }
  int threads() const override { return 2; }
};

void check_loops(quench::Executor& executor) {
  for (const int chunks : {1, 2, 50}) {
    std::atomic<int> wrong{0};
    quench::parallel_for(executor, chunks, [&](std::int64_t) {
      if (!contract_holds()) wrong.fetch_add(1);
      std::this_thread::yield();
    });
    CHECK(wrong.load() == 0);
    CHECK(UnusualHost::in_force());
  }
}

}  // namespace

TEST_CASE("every chunk of a loop runs under the contract, on any thread of any executor") {
  // Workers are started by the first job, from a thread in the host's mode, which they inherit.
  const UnusualHost host;
  for (const int threads : {1, 2, 3}) {
    quench::ThreadPool pool(threads);
    check_loops(pool);
  }
  PlainExecutor plain;
  check_loops(plain);
}
