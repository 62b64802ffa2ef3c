// Copies of matrices in the order in which a product reads them.
#pragma once

#include <cstdint>

#include "kernels/gemm.h"

namespace quench::kernels {

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

/// Work that repays handing it to another thread: some 5 us of one.
inline constexpr std::int64_t smallest_job_flops = 300'000;

/// How many threads a product is worth.
std::int64_t sharers(const Gemm& g, const Executor& executor);

/// Rows this far apart fall on the same few sets of a cache.
constexpr bool conflicting(std::int64_t stride) {
  return stride * static_cast<std::int64_t>(sizeof(float)) % 1024 == 0;
}

/// Row stride of A[m, k] packed: an odd number of cache lines, so that there are no conflicts.
constexpr std::int64_t packed_row(std::int64_t k) { return round_up(k, 2 * lanes_per_group) + lanes_per_group; }

/// Groups first .. last of 16 columns of op(B), rows k0 .. k0 + k: dst[group - first][k][16], with zeros behind
/// column n.
void pack_columns(const Table& table, const Gemm& g, std::int64_t k0, std::int64_t k, std::int64_t first,
                  std::int64_t last, float* dst);

}  // namespace quench::kernels
