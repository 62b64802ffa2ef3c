// The examples of a batch as whole groups of 16 lanes and a last group of few.
#pragma once

#include <cstdint>

#include "kernels/convolution.h"
#include "kernels/packing.h"

namespace quench::kernels {

struct LaneSplit {
  std::int64_t whole;  ///< groups computed as vectors of 16 examples
  std::int64_t few;    ///< lanes a position of the group behind them, 1, 2, 4 or 8; 0: there is none
};

/// A last group of at most 8 examples lies flat: of 16 lanes only so many would be of use.
inline LaneSplit split_lanes(const Convolution& c) {
  const std::int64_t left = c.live % lanes_per_group;
  if (c.stride != 1 || left == 0 || left > 8) return {ceil_div(c.live, lanes_per_group), 0};
  return {c.live / lanes_per_group, left > 4 ? 8 : left > 2 ? 4 : left};
}

}  // namespace quench::kernels
