// The library's own threads. One job at a time: a function and a number of chunks. Each thread has a share of them,
// neighbours, the same of every job with that number of chunks: what a thread has computed in one loop of a
// training step is in its own cache when the next loop reads it. Who has finished its own helps with the others'.
//
// A share is one 64-bit word, the job's number above and the chunks not yet taken below. A chunk is taken by a
// compare-and-swap of the whole word, so a worker that wakes late, still holding a word of an earlier job, takes
// nothing: not of the old job, all of whose chunks are taken, nor of a new one, whose number differs. That is why
// the caller waits only until all chunks have *run*, never until all workers have noticed, and why it may then
// return and destroy what the job's context points to.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "core/processors.h"
#include "quench/error.h"
#include "quench/executor.h"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace quench {
namespace {

using Clock = std::chrono::steady_clock;

// How long an idle worker, or a caller whose last chunks run elsewhere, looks again before it sleeps. Longer than
// the serial stretches between the loops of a training step, shorter than anyone's patience with a busy idle
// processor. Waking a sleeper costs 5 to 50 us.
constexpr auto spin_time = std::chrono::microseconds(50);

constexpr int remaining_bits = 24;
constexpr std::uint64_t remaining_mask = (std::uint64_t{1} << remaining_bits) - 1;
constexpr std::int64_t most_chunks_a_job = remaining_mask;

std::int64_t remaining(std::uint64_t share) { return static_cast<std::int64_t>(share & remaining_mask); }

thread_local bool inside_chunk = false;

/// While it lives the calling thread is running chunks: loops that they start stay on this thread.
class ChunkScope {
 public:
  ChunkScope() { inside_chunk = true; }
  ~ChunkScope() { inside_chunk = outer_; }
  ChunkScope(const ChunkScope&) = delete;
  ChunkScope& operator=(const ChunkScope&) = delete;

 private:
  bool outer_ = inside_chunk;
};

void run_alone(std::int64_t chunks, Executor::Chunk chunk, void* context) {
  const ChunkScope scope;
  for (std::int64_t i = 0; i < chunks; ++i) chunk(context, i);
}

/// Tells the processor that this is a spin loop: it saves power and leaves the core's other thread more of it.
void spin_pause() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

/// Whether ready() became true within spin_time.
template <typename Ready>
bool spin_until(Ready ready) {
  const auto start = Clock::now();
  do {
    for (int i = 0; i < 16; ++i) {  // reading the clock costs as much as a few looks
      if (ready()) return true;
      spin_pause();
    }
  } while (Clock::now() - start < spin_time);
  return ready();
}

void check_threads(int threads) {
  if (threads < 1 || threads > ThreadPool::max_threads) {
    throw Error("number of threads is " + std::to_string(threads) + ", expected 1 .. " +
                std::to_string(ThreadPool::max_threads));
  }
}

}  // namespace

// Words that different threads write at the same time are kept on cache lines of their own.
struct ThreadPool::State {
  explicit State(int size)
      : threads(size), spins(size <= available_threads()), shares(static_cast<std::size_t>(size)) {}
  ~State() { stop_workers(); }

  void run(std::int64_t first, std::int64_t chunks, Chunk chunk, void* context);
  void start_workers();

  const int threads;
  const bool spins;  // with more threads than processors a spinning thread would only keep a working one waiting

  std::mutex turn;  // held by the thread whose job it is

 private:
  /// First chunk of a thread's share, counted from the job's first.
  std::int64_t share_begin(int thread, std::int64_t chunks) const {
    return (chunks * thread + threads - 1) / threads;
  }
  std::int64_t take_chunks(int self);
  std::int64_t take_share(int of);
  void work(int self);
  bool wait_for_job(int self);
  void stop_workers();

  struct alignas(64) Share {
    std::atomic<std::uint64_t> word{0};
  };

  // The job that the shares are of. Written only while no chunk remains, so whoever takes a chunk has read these as
  // they were when its share was handed out. Atomic because a late worker may read them, for nothing, at the same
  // time.
  alignas(64) std::atomic<Chunk> chunk{nullptr};
  std::atomic<void*> context{nullptr};
  std::atomic<std::int64_t> first{0}, count{0};  // of its chunks
  std::uint64_t number = 0;                      // the caller's

  alignas(64) std::atomic<std::int64_t> finished{0};  // chunks of the job that have returned

  alignas(64) std::atomic<int> sleepers{0};
  std::atomic<bool> caller_sleeps{false};
  std::atomic<bool> stopping{false};
  std::mutex sleep;
  std::condition_variable job_arrived, job_finished;

  std::vector<Share> shares;  // one a thread; the caller's is the first
  std::vector<std::thread> workers;
};

// The two ways to sleep have one pattern. The sleeper announces itself, then looks once more at what it waits for;
// the other side writes that, then looks for announcements. All four are sequentially consistent, so at least one
// sees the other's write, and the mutex keeps the wake-up from falling between the last look and the wait.
// The writes are exchanges rather than stores: as fast on x86-64, where either is one locked instruction, and the
// order also holds in emulators (QEMU 7) that let AArch64's load-acquire overtake an earlier store-release.

void ThreadPool::State::run(std::int64_t first_chunk, std::int64_t chunks, Chunk function, void* data) {
  chunk.store(function, std::memory_order_relaxed);
  context.store(data, std::memory_order_relaxed);
  first.store(first_chunk, std::memory_order_relaxed);
  count.store(chunks, std::memory_order_relaxed);
  finished.store(0, std::memory_order_relaxed);
  number = (number + 1) & (~std::uint64_t{0} >> remaining_bits);
  for (int t = threads; t-- > 0;) {
    const auto size = static_cast<std::uint64_t>(share_begin(t + 1, chunks) - share_begin(t, chunks));
    shares[static_cast<std::size_t>(t)].word.exchange(number << remaining_bits | size, std::memory_order_seq_cst);
  }
  if (sleepers.load(std::memory_order_seq_cst) > 0) {
    { const std::lock_guard lock(sleep); }
    job_arrived.notify_all();
  }

  finished.fetch_add(take_chunks(0), std::memory_order_acq_rel);

  const auto all_finished = [&] { return finished.load(std::memory_order_seq_cst) == chunks; };
  if (all_finished() || (spins && spin_until(all_finished))) return;
  std::unique_lock lock(sleep);
  caller_sleeps.exchange(true, std::memory_order_seq_cst);
  job_finished.wait(lock, all_finished);
  caller_sleeps.store(false, std::memory_order_relaxed);
}

/// Runs chunks until none remains, its own share first; returns how many this thread has run.
std::int64_t ThreadPool::State::take_chunks(int self) {
  const ChunkScope scope;
  std::int64_t taken = 0;
  for (int i = 0; i < threads; ++i) taken += take_share((self + i) % threads);
  return taken;
}

std::int64_t ThreadPool::State::take_share(int of) {
  std::atomic<std::uint64_t>& word = shares[static_cast<std::size_t>(of)].word;
  std::uint64_t seen = word.load(std::memory_order_acquire);
  const std::uint64_t job = seen >> remaining_bits;
  const Chunk function = chunk.load(std::memory_order_relaxed);
  void* const data = context.load(std::memory_order_relaxed);
  const std::int64_t end =
      first.load(std::memory_order_relaxed) + share_begin(of + 1, count.load(std::memory_order_relaxed));
  std::int64_t taken = 0;
  while (seen >> remaining_bits == job && remaining(seen) > 0) {
    if (word.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
      function(data, end - remaining(seen));
      ++taken;
      --seen;  // most likely what the word now holds; if not, the next exchange fails and reads it
    }
  }
  return taken;
}

void ThreadPool::State::work(int self) {
  while (wait_for_job(self)) {
    const std::int64_t taken = take_chunks(self);
    if (taken == 0) continue;
    finished.fetch_add(taken, std::memory_order_seq_cst);
    if (caller_sleeps.load(std::memory_order_seq_cst)) {
      { const std::lock_guard lock(sleep); }
      job_finished.notify_one();
    }
  }
}

/// Returns when chunks of this thread's share remain (true) or the pool is to end (false).
bool ThreadPool::State::wait_for_job(int self) {
  const std::atomic<std::uint64_t>& word = shares[static_cast<std::size_t>(self)].word;
  const auto work_or_end = [&] {
    return remaining(word.load(std::memory_order_seq_cst)) > 0 || stopping.load(std::memory_order_relaxed);
  };
  if (!work_or_end() && !(spins && spin_until(work_or_end))) {
    std::unique_lock lock(sleep);
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    job_arrived.wait(lock, work_or_end);
    sleepers.fetch_sub(1, std::memory_order_relaxed);
  }
  return !stopping.load(std::memory_order_relaxed);
}

void ThreadPool::State::start_workers() {
  if (!workers.empty()) return;
  workers.reserve(static_cast<std::size_t>(threads - 1));
  try {
    while (static_cast<int>(workers.size()) < threads - 1) {
      const int self = static_cast<int>(workers.size()) + 1;
      workers.emplace_back([this, self] { work(self); });
    }
  } catch (const std::system_error& error) {
    const std::size_t started = workers.size() + 1;
    stop_workers();
    throw Error("only " + std::to_string(started) + " of " + std::to_string(threads) +
                " threads could be started: " + error.what());
  }
}

void ThreadPool::State::stop_workers() {
  {
    const std::lock_guard lock(sleep);
    stopping.store(true, std::memory_order_relaxed);
  }
  job_arrived.notify_all();
  for (std::thread& worker : workers) worker.join();
  workers.clear();
  stopping.store(false, std::memory_order_relaxed);
}

ThreadPool::ThreadPool(int threads) {
  check_threads(threads);
  state_ = std::make_unique<State>(threads);
}

ThreadPool::~ThreadPool() = default;

int ThreadPool::threads() const { return state_->threads; }

void ThreadPool::run(std::int64_t chunks, Chunk chunk, void* context) {
  if (chunks <= 0) return;
  if (chunks == 1 || state_->threads == 1 || inside_chunk) return run_alone(chunks, chunk, context);
  // A second caller does not wait for the first one's job: it has a processor of its own, and uses that.
  const std::unique_lock turn(state_->turn, std::try_to_lock);
  if (!turn.owns_lock()) return run_alone(chunks, chunk, context);
  state_->start_workers();
  for (std::int64_t first = 0; first < chunks; first += most_chunks_a_job) {
    state_->run(first, std::min(chunks - first, most_chunks_a_job), chunk, context);
  }
}

namespace {

struct DefaultPool {
  std::mutex mutex;
  int threads = 0;  // 0: available_threads()
  std::unique_ptr<ThreadPool> pool;
};

DefaultPool& default_pool() {
  static DefaultPool instance;
  return instance;
}

}  // namespace

Executor& default_executor() {
  DefaultPool& shared = default_pool();
  const std::lock_guard lock(shared.mutex);
  if (!shared.pool && shared.threads > 0) shared.pool = std::make_unique<ThreadPool>(shared.threads);
  if (!shared.pool) {
    // Nobody asked for this many threads: where they cannot be started, one does.
    shared.pool = std::make_unique<ThreadPool>(std::min(available_threads(), ThreadPool::max_threads));
    try {
      shared.pool->run(
          2, [](void*, std::int64_t) noexcept {}, nullptr);
    } catch (const Error&) {
      shared.pool = std::make_unique<ThreadPool>(1);
    }
  }
  return *shared.pool;
}

void set_default_threads(int threads) {
  check_threads(threads);
  DefaultPool& shared = default_pool();
  const std::lock_guard lock(shared.mutex);
  shared.threads = threads;
  if (shared.pool && shared.pool->threads() != threads) shared.pool.reset();
}

}  // namespace quench
