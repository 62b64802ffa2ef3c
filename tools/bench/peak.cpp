#include "peak.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "clock.h"
#include "processors.h"
#include "quench/error.h"

namespace quench::bench {

#if defined(QUENCH_HAVE_AVX512)
extern const Loops loops_avx512;
#endif
#if defined(QUENCH_HAVE_AVX2)
extern const Loops loops_avx2;
#endif
extern const Loops loops_baseline;

namespace {

/// Where results go, so that no compiler can drop what they come from.
std::atomic<float> sink;

}  // namespace

const Loops& loops_for([[maybe_unused]] std::string_view table) {
#if defined(QUENCH_HAVE_AVX512)
  if (table == "avx512") return loops_avx512;
#endif
#if defined(QUENCH_HAVE_AVX2)
  if (table == "avx2") return loops_avx2;
#endif
  return loops_baseline;
}

double run_together(int threads, const std::function<void(int)>& body) {
  if (threads == 1) {
    const double start = now();
    body(0);
    return now() - start;
  }
  std::atomic<int> ready{0};
  std::vector<double> seconds(static_cast<std::size_t>(threads));
  const auto work = [&](int i) {
    pin_thread(i);
    ready.fetch_add(1);
    while (ready.load() < threads) std::this_thread::yield();
    const double start = now();
    body(i);
    seconds[static_cast<std::size_t>(i)] = now() - start;
  };
  std::vector<std::thread> team;
  std::string failure;
  try {
    for (int i = 0; i < threads; ++i) team.emplace_back(work, i);
  } catch (const std::system_error& error) {
    failure = "only " + std::to_string(team.size()) + " of " + std::to_string(threads) +
              " threads could be started: " + error.what();
    ready = threads;  // those that wait for the others
  }
  for (std::thread& thread : team) thread.join();
  if (!failure.empty()) throw Error(failure);
  return *std::max_element(seconds.begin(), seconds.end());
}

Peak::Peak(const Loops& loops, int threads, double sample_seconds, std::vector<double>* record)
    : loops_(loops), threads_(threads), rounds_(1000), record_(record) {
  for (;;) {
    const double start = now();
    sink = loops_.multiply_add(rounds_);
    const double seconds = now() - start;
    if (seconds > sample_seconds / 4) {
      rounds_ = std::max<std::int64_t>(
          1, static_cast<std::int64_t>(static_cast<double>(rounds_) / seconds * sample_seconds));
      return;
    }
    rounds_ *= 2;
  }
}

double Peak::sample() {
  const double seconds = run_together(threads_, [this](int) { sink = loops_.multiply_add(rounds_); });
  const double rate = static_cast<double>(loops_.flops_per_round * rounds_ * threads_) / seconds;
  if (record_ != nullptr) record_->push_back(rate);
  return rate;
}

}  // namespace quench::bench
