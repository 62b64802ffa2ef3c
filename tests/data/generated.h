// What the tests of both generated data sets ask.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "instrumented.h"
#include "quench/dataset.h"
#include "quench/executor.h"

namespace quench::test {

/// FNV-1a, 64 bits.
inline std::uint64_t hash(std::span<const std::uint8_t> bytes) {
  std::uint64_t value = 0xcbf29ce484222325U;
  for (const std::uint8_t byte : bytes) value = (value ^ byte) * 0x100000001b3U;
  return value;
}

inline bool same(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

/// Runs chunks one after the other, the last first.
class Backwards final : public Executor {
 public:
  void run(std::int64_t chunks, Chunk chunk, void* context) override {
    while (chunks > 0) chunk(context, --chunks);
  }
  int threads() const override { return 1; }
};

using Generate = Dataset (*)(std::uint64_t seed, Executor* executor);

inline void check_independent_of_executor(const Dataset& expected, Generate generate) {
  Backwards backwards;
  ThreadPool three(3);
  for (Executor* executor : {static_cast<Executor*>(&three), static_cast<Executor*>(&backwards)}) {
    if (quench_test::instrumented && executor == &backwards) continue;  // the same work once more
    const Dataset again = generate(1, executor);
    CHECK(same(again.train.pixels(), expected.train.pixels()));
    CHECK(same(again.train.labels(), expected.train.labels()));
    CHECK(same(again.test.pixels(), expected.test.pixels()));
    CHECK(same(again.test.labels(), expected.test.labels()));
  }
}

inline void check_other_seed(const Dataset& seed_1, Generate generate) {
  const Dataset other = generate(2, nullptr);
  CHECK(!same(other.train.labels(), seed_1.train.labels()));
  CHECK(!same(other.train.image(0), seed_1.train.image(0)));
}

/// No two training images are the same, and test images are none of them.
inline void check_all_different(const Dataset& set) {
  std::vector<std::uint64_t> seen;
  for (std::int64_t i = 0; i < set.train.size(); ++i) seen.push_back(hash(set.train.image(i)));
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  int shared = 0;
  for (std::int64_t i = 0; i < set.test.size(); ++i)
    shared += std::binary_search(seen.begin(), seen.end(), hash(set.test.image(i))) ? 1 : 0;
  CHECK(shared == 0);
}

/// Each of ten classes has a tenth of the training images, give or take four standard deviations.
inline void check_balanced(const Dataset& set) {
  std::vector<int> counts(10);
  for (const std::uint8_t label : set.train.labels()) ++counts.at(label);
  const double expected = static_cast<double>(set.train.size()) / 10;
  for (const int count : counts) CHECK(std::fabs(count - expected) < 4 * std::sqrt(expected * 0.9));
}

}  // namespace quench::test
