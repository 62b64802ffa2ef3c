// Cutting the blocks that elementwise kernels walk over into chunks for threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/parallel.h"
#include "kernels/kernels.h"
#include "quench/executor.h"

namespace quench {

/// Data below this are not worth a second thread. Chunks depend on shapes alone.
inline constexpr std::int64_t grain_bytes = 32 * 1024;

/// How many chunks a block is cut into, at most `units`.
inline std::int64_t chunk_count(const kernels::Block& block, std::int64_t units) {
  const std::int64_t bytes = block.rows * block.vectors * kernels::lanes_per_group * std::int64_t{sizeof(float)};
  return std::clamp<std::int64_t>(bytes / grain_bytes, 1, units);
}

/// body(piece, row): pieces of whole rows, the first of which is `row`, beginning at row * block.stride.
template <typename Body>
void for_each_rows(Executor& executor, const kernels::Block& block, Body body) {
  const std::int64_t chunks = chunk_count(block, block.rows);
  parallel_for(executor, chunks, [&](std::int64_t i) {
    const std::int64_t first = block.rows * i / chunks;
    const std::int64_t last = block.rows * (i + 1) / chunks;
    body(kernels::Block{last - first, block.vectors, block.stride}, first);
  });
}

/// body(piece, offset): pieces beginning at `offset`, of whole rows, or parts of the one row there is.
template <typename Body>
void for_each_piece(Executor& executor, const kernels::Block& block, Body body) {
  if (block.rows > 1) {
    for_each_rows(executor, block,
                  [&](const kernels::Block& rows, std::int64_t row) { body(rows, row * block.stride); });
    return;
  }
  const std::int64_t chunks = chunk_count(block, block.vectors);
  parallel_for(executor, chunks, [&](std::int64_t i) {
    const std::int64_t first = block.vectors * i / chunks;
    const std::int64_t last = block.vectors * (i + 1) / chunks;
    body(kernels::Block{block.rows, last - first, block.stride}, first * kernels::lanes_per_group);
  });
}

}  // namespace quench
