// Who runs the chunks of a parallel loop: the library's own thread pool, or the embedder's.
#pragma once

#include <cstdint>
#include <memory>

namespace quench {

/// Runs independent chunks of work. Results never depend on the number of threads: each number is computed
/// within one chunk, in an order that the shape of the data decides, and no two chunks touch the same element. An
/// embedder with a scheduler of its own derives from this.
class Executor {
 public:
  /// One chunk: called with the caller's context and an index in [0, chunks). Never throws. Needs up to 96 KiB of
  /// stack.
  using Chunk = void (*)(void* context, std::int64_t index) noexcept;

  virtual ~Executor() = default;

  /// Calls chunk(context, i) once for each i in [0, chunks), in any order, on any threads, and returns when all
  /// have returned. May be called from inside a chunk; the inner loop then runs on the calling thread.
  virtual void run(std::int64_t chunks, Chunk chunk, void* context) = 0;

  /// How many threads may run chunks at once, at least 1 (the caller counts).
  virtual int threads() const = 0;
};

/// A fixed set of threads that share the chunks of one job at a time; the caller helps. Idle workers spin for a
/// bounded short time, then sleep. Starts no thread when `threads` is 1, and none before the first job.
class ThreadPool final : public Executor {
 public:
  /// threads: 1 .. max_threads, the caller included. Throws Error outside that range.
  explicit ThreadPool(int threads);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void run(std::int64_t chunks, Chunk chunk, void* context) override;
  int threads() const override;

  static constexpr int max_threads = 1024;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The number of threads this process may keep busy: max(1, min(processors in its affinity mask, its cgroup's
/// CPU quota rounded down)). Reads the system each time.
int available_threads();

/// The pool that everything uses unless it is given an Executor: made on first use with available_threads(), or one
/// thread where that many cannot be started, or with what set_default_threads() asked for. The reference is valid
/// until the next set_default_threads(); the library keeps none, so that models and optimisers follow.
Executor& default_executor();

/// Chooses the size of the default pool (1 .. ThreadPool::max_threads). Throws Error outside that range. Must not
/// be called while another thread uses the default pool.
void set_default_threads(int threads);

}  // namespace quench
