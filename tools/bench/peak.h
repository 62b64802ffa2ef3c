// What the processors can do at most: fused multiply-adds and reading memory, on some threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "loops.h"

namespace quench::bench {

/// The loops of the instruction set that a table of kernels is compiled for. (The portable kernels are plain loops:
/// the compiler may make of them what it targets anyway, the baseline.)
const Loops& loops_for(std::string_view table);

/// Calls body(0) .. body(threads - 1), each on a thread of its own on a processor of its own, all started together.
/// Returns the seconds that the slowest took. With one thread, that is the caller.
double run_together(int threads, const std::function<void(int)>& body);

/// The rate of multiply-adds.
class Peak {
 public:
  /// Short enough to be sampled between the samples of something else.
  static constexpr double short_sample = 0.7e-3;

  /// record: where samples are kept as well, or null.
  Peak(const Loops& loops, int threads, double sample_seconds, std::vector<double>* record);

  int threads() const { return threads_; }
  /// Floating-point operations a second, of all threads together.
  double sample();

 private:
  const Loops& loops_;
  int threads_;
  std::int64_t rounds_;
  std::vector<double>* record_;
};

}  // namespace quench::bench
