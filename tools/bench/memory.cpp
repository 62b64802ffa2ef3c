#include "memory.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>

#include "buffer.h"
#include "peak.h"
#include "processors.h"

namespace quench::bench {
namespace {

constexpr std::int64_t memory_block = std::int64_t{256} << 20;  // bytes of all threads together
constexpr double least_bytes = 10e6;                            // that a sample reads, by each thread

std::atomic<float> sink;

}  // namespace

std::vector<Level> memory_levels(int threads) {
  const Caches cache = caches();
  const auto level = [](const char* name, std::int64_t capacity, std::int64_t block) {
    const std::int64_t floats = block / static_cast<std::int64_t>(sizeof(float)) / read_step * read_step;
    return Level{name, static_cast<double>(capacity), std::max(read_step, floats)};
  };
  // What of a shared cache falls to this process is not known: a block a few times the size of L2 is likely to fit.
  const std::int64_t level3_block = std::min(cache.level3 / 2, 4 * cache.level2);
  std::vector<Level> levels{level("L1", cache.level1 * threads, cache.level1 / 2),
                            level("L2", cache.level2 * threads, cache.level2 / 2),
                            level("L3", cache.level3, std::max(cache.level2, level3_block / threads)),
                            level("memory", 0, memory_block / threads)};
  levels.back().capacity = INFINITY;
  return levels;
}

Statistics read_bandwidth(const Loops& loops, const Level& level, int threads, int samples) {
  std::vector<std::unique_ptr<Buffer>> blocks;
  for (int i = 0; i < threads; ++i) {
    blocks.push_back(std::make_unique<Buffer>(level.floats, static_cast<std::uint32_t>(i + 1)));
  }
  const double bytes = static_cast<double>(level.floats) * sizeof(float);
  const int passes = std::max(1, static_cast<int>(least_bytes / bytes));
  std::vector<double> rates;
  for (int sample = 0; sample < samples; ++sample) {
    const double seconds = run_together(threads, [&](int i) {
      for (int pass = 0; pass < passes; ++pass) {
        sink = loops.read(blocks[static_cast<std::size_t>(i)]->data(), level.floats);
      }
    });
    rates.push_back(bytes * passes * threads / seconds);
  }
  return statistics(std::move(rates));
}

}  // namespace quench::bench
