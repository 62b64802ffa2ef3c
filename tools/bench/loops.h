// Two loops that show what a core can do at most, compiled once for each instruction set (isa/): the widest fused
// multiply-adds, and reading memory.
#pragma once

#include <stdint.h>

namespace quench::bench {

struct Loops {
  /// Runs `rounds` rounds of independent multiply-adds that never leave the registers; the result depends on all.
  float (*multiply_add)(int64_t rounds);
  int64_t flops_per_round;
  /// Reads `count` floats, a multiple of read_step, at 64-byte alignment, and returns their sum.
  float (*read)(const float* data, int64_t count);
};

inline constexpr int64_t read_step = 128;

}  // namespace quench::bench
