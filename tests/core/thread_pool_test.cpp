#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/parallel.h"
#include "quench/error.h"
#include "quench/executor.h"

using quench::parallel_for;
using quench::ThreadPool;

namespace {

/// How often each index was called.
class Calls {
 public:
  explicit Calls(std::int64_t count) : calls_(static_cast<std::size_t>(count)) {}
  void add(std::int64_t i) { calls_.at(static_cast<std::size_t>(i)).fetch_add(1, std::memory_order_relaxed); }
  bool each_is(int expected) const {
    for (const std::atomic<int>& c : calls_) {
      if (c.load() != expected) return false;
    }
    return true;
  }

 private:
  std::vector<std::atomic<int>> calls_;
};

std::string error_of(int threads) {
  try {
    const ThreadPool pool(threads);
  } catch (const quench::Error& error) {
    return error.what();
  }
  return "no error";
}

void add_index(void* calls, std::int64_t i) noexcept { static_cast<Calls*>(calls)->add(i); }

}  // namespace

TEST_CASE("a pool runs each chunk exactly once, whatever the counts of chunks and threads") {
  for (const int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const std::int64_t chunks : {0, 1, 2, 3, 7, 1000}) {
      CAPTURE(threads);
      CAPTURE(chunks);
      Calls calls(chunks);
      pool.run(chunks, add_index, &calls);
      CHECK(calls.each_is(1));
    }
  }
}

TEST_CASE("a negative number of chunks is an empty job") {
  ThreadPool pool(2);
  Calls calls(1);
  pool.run(-1, add_index, &calls);
  CHECK(calls.each_is(0));
}

TEST_CASE("a job of more chunks than one share holds still runs each once") {
  ThreadPool pool(2);
  constexpr std::int64_t chunks = (std::int64_t{1} << 24) + 5;
  // Sums of i and of i^2 modulo 2^64 in place of a table of 16 million counters, a slice for each thread that
  // comes.
  struct Sums {
    std::atomic<std::uint64_t> first{0}, second{0};
  } sums;
  pool.run(
      chunks,
      [](void* context, std::int64_t i) noexcept {
        const auto n = static_cast<std::uint64_t>(i);
        static_cast<Sums*>(context)->first.fetch_add(n, std::memory_order_relaxed);
        static_cast<Sums*>(context)->second.fetch_add(n * n, std::memory_order_relaxed);
      },
      &sums);
  std::uint64_t first = 0, second = 0;
  for (std::uint64_t n = 0; n < static_cast<std::uint64_t>(chunks); ++n) {
    first += n;
    second += n * n;
  }
  CHECK(sums.first.load() == first);
  CHECK(sums.second.load() == second);
}

TEST_CASE("chunks run on several threads at once") {
  // Each chunk waits until all have been entered: only possible with a thread for each.
  constexpr int threads = 3;
  ThreadPool pool(threads);
  std::atomic<int> entered{0};
  std::atomic<bool> met{true};
  parallel_for(pool, threads, [&](std::int64_t) {
    entered.fetch_add(1);
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (entered.load() < threads) {
      std::this_thread::yield();
      if (std::chrono::steady_clock::now() > limit) {
        met = false;
        break;
      }
    }
  });
  CHECK(met.load());
}

TEST_CASE("a loop started inside a chunk runs on that chunk's thread, and each of its chunks once") {
  ThreadPool pool(3);
  ThreadPool other(2);
  Calls calls(20 * 10);
  std::atomic<int> elsewhere{0};
  parallel_for(pool, 20, [&](std::int64_t i) {
    const auto outer = std::this_thread::get_id();
    ThreadPool& inner = i % 2 == 0 ? pool : other;
    parallel_for(inner, 10, [&](std::int64_t j) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));  // time for another thread to step in
      if (std::this_thread::get_id() != outer) elsewhere.fetch_add(1);
      calls.add(i * 10 + j);
    });
  });
  CHECK(calls.each_is(1));
  CHECK(elsewhere.load() == 0);
}

TEST_CASE("after a nested loop the caller's next loop uses all threads again") {
  ThreadPool pool(2);
  parallel_for(pool, 2, [&](std::int64_t) { parallel_for(pool, 2, [](std::int64_t) {}); });
  // Both chunks must be entered at the same time.
  std::atomic<int> entered{0};
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  parallel_for(pool, 2, [&](std::int64_t) {
    entered.fetch_add(1);
    while (entered.load() < 2 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  });
  CHECK(std::chrono::steady_clock::now() < limit);
}

TEST_CASE("threads that share one pool each get their own chunks run once") {
  ThreadPool pool(3);
  constexpr int callers = 4, rounds = 300, chunks = 13;
  std::vector<std::unique_ptr<Calls>> calls;
  std::vector<std::thread> threads;
  for (int caller = 0; caller < callers; ++caller) {
    calls.push_back(std::make_unique<Calls>(chunks));
    threads.emplace_back([&pool, mine = calls.back().get()] {
      for (int round = 0; round < rounds; ++round) pool.run(chunks, add_index, mine);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& c : calls) CHECK(c->each_is(rounds));
}

TEST_CASE("what a chunk wrote is seen by the caller, and a late worker never touches a finished job") {
  // More threads than processors are preempted at awkward moments; as many as processors meet at close quarters.
  for (const int threads : {2, 3, 16}) {
    ThreadPool pool(threads);
    bool right = true;
    for (int round = 0; round < 10000 && right; ++round) {
      // Plain memory of this round only: races and stray writes are what the sums and ThreadSanitizer look for.
      const std::int64_t chunks = 2 + round % 5;
      std::int64_t values[6] = {};
      parallel_for(pool, chunks, [&values, round](std::int64_t i) { values[i] += round + i; });
      for (std::int64_t i = 0; i < 6; ++i) right = right && values[i] == (i < chunks ? round + i : 0);
    }
    CHECK(right);
  }
}

TEST_CASE("workers that have gone to sleep wake for the next job, and callers for its end") {
  ThreadPool pool(2);
  for (int round = 0; round < 5; ++round) {
    // Far longer than the spin, so that the worker sleeps before the job and the caller during it.
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    std::atomic<int> entered{0};
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const auto caller = std::this_thread::get_id();
    std::atomic<bool> late_chunk_ran{false};
    parallel_for(pool, 2, [&](std::int64_t) {
      entered.fetch_add(1);
      while (entered.load() < 2 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
      if (std::this_thread::get_id() == caller) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      late_chunk_ran = true;
    });
    CHECK(late_chunk_ran.load());
  }
}

TEST_CASE("a pool can be destroyed unused, idle and asleep") {
  { const ThreadPool unused(7); }
  for (const int sleep_us : {0, 10, 60, 2000}) {
    ThreadPool pool(3);
    Calls calls(5);
    pool.run(5, add_index, &calls);
    std::this_thread::sleep_for(std::chrono::microseconds(sleep_us));
    CHECK(calls.each_is(1));
  }
}

TEST_CASE("a number of threads out of range is refused, with the range") {
  CHECK(error_of(0) == "number of threads is 0, expected 1 .. 1024");
  CHECK(error_of(-3) == "number of threads is -3, expected 1 .. 1024");
  CHECK(error_of(1025) == "number of threads is 1025, expected 1 .. 1024");
  CHECK(error_of(1000000000) == "number of threads is 1000000000, expected 1 .. 1024");
  CHECK(error_of(1024) == "no error");
  CHECK_THROWS_WITH_AS(quench::set_default_threads(0), "number of threads is 0, expected 1 .. 1024", quench::Error);
}

TEST_CASE("the default pool has the size that was asked for, else one thread for each available processor") {
  const int before = quench::default_executor().threads();
  quench::set_default_threads(3);
  CHECK(quench::default_executor().threads() == 3);
  CHECK(&quench::default_executor() == &quench::default_executor());
  Calls calls(100);
  quench::default_executor().run(100, add_index, &calls);
  CHECK(calls.each_is(1));
  quench::set_default_threads(before);
  CHECK(quench::default_executor().threads() == before);
}
