#include "core/float_environment.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cfenv>
#include <cstdint>
#include <thread>

#include "core/parallel.h"
#include "core/unusual_host.h"
#include "quench/executor.h"

using quench_test::half_of_smallest_normal;
using quench_test::minus_third;
using quench_test::minus_third_nearest;
using quench_test::UnusualHost;

namespace {

bool contract_holds() { return minus_third() == minus_third_nearest && half_of_smallest_normal() == 0x1p-127F; }

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
