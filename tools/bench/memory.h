// How fast the levels of memory can be read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loops.h"
#include "measure.h"

namespace quench::bench {

/// A level of memory, and the block that each thread reads again and again to measure it.
struct Level {
  std::string name;     ///< "L1"
  double capacity;      ///< bytes of working set that it holds; infinite for the last
  std::int64_t floats;  ///< of the block of one thread, a multiple of read_step
};

/// The levels as `threads` threads see them: each has an L1 and L2 of its own, all share the rest.
std::vector<Level> memory_levels(int threads);

/// Bytes a second that all threads together read.
Statistics read_bandwidth(const Loops& loops, const Level& level, int threads, int samples);

}  // namespace quench::bench
