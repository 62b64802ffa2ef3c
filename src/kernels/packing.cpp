#include "kernels/packing.h"

#include <algorithm>

namespace quench::kernels {

using std::int64_t;

int64_t sharers(const Gemm& g, const Executor& executor) {
  return std::clamp<int64_t>(2 * g.m * g.n * g.k / smallest_job_flops, 1, std::max(1, executor.threads()));
}

void pack_columns(const Table& table, const Gemm& g, int64_t k0, int64_t k, int64_t first, int64_t last,
                  float* dst) {
  constexpr int64_t group = lanes_per_group;
  if (!g.b_transposed) {
    const int64_t columns = std::min(g.n, last * group) - first * group;
    table.copy_groups(g.b + k0 * g.b_stride + first * group, k, columns, g.b_stride, dst, k * group);
    return;
  }
  for (int64_t i = first; i < last; ++i, dst += k * group) {
    const int64_t columns = std::min(group, g.n - i * group);
    table.transpose(g.b + i * group * g.b_stride + k0, columns, k, g.b_stride, dst, group, group);
  }
}

}  // namespace quench::kernels
