// Handing work to the threads of the pool and getting it back.
#include <atomic>
#include <thread>

#include "bench.h"
#include "clock.h"
#include "quench/executor.h"

namespace quench::bench {
namespace {

void nothing(void*, std::int64_t) noexcept {}

/// Ends when all threads have begun a chunk of their own: each has then been reached.
void meet(void* context, std::int64_t) noexcept {
  auto& missing = *static_cast<std::atomic<int>*>(context);
  missing.fetch_sub(1, std::memory_order_acq_rel);
  for (int looks = 1; missing.load(std::memory_order_acquire) > 0; ++looks) {
    if (looks % 1024 == 0) std::this_thread::yield();
  }
}

/// Nanoseconds that a run takes; `idle` seconds before each one, which are not counted.
void measure(Bench& bench, const std::string& name, Executor::Chunk chunk, double idle, int threads) {
  ThreadPool pool(threads);
  std::atomic<int> missing{0};
  const auto run = [&] {
    missing.store(threads, std::memory_order_relaxed);
    pool.run(threads, chunk, &missing);
  };
  run();
  const int runs = idle > 0 ? 1 : 500;
  const int samples = bench.effort().samples * (idle > 0 ? 6 : 2);
  std::vector<double> times;
  const double start = now();
  while (wants_more(bench.effort(), start, times.size(), samples)) {
    if (idle > 0) std::this_thread::sleep_for(std::chrono::duration<double>(idle));
    const double begin = now();
    for (int i = 0; i < runs; ++i) run();
    times.push_back((now() - begin) / runs);
  }
  bench.add_figure(name, threads, "ns a run", scaled(statistics(std::move(times)), 1e9));
}

}  // namespace

void add_pool_cases(Cases& cases) {
  struct Kind {
    const char* name;
    Executor::Chunk chunk;
    double idle;
  };
  constexpr Kind kinds[] = {{"pool empty chunks", nothing, 0},
                            {"pool all threads meet", meet, 0},
                            {"pool all threads meet, after 1 ms", meet, 1e-3}};
  for (const Kind& kind : kinds) {
    const std::string name = kind.name;
    cases.push_back({"thread pool, one chunk a thread", name, Case::Threads::several,
                     [=](Bench& bench, int threads) { measure(bench, name, kind.chunk, kind.idle, threads); }});
  }
}

}  // namespace quench::bench
