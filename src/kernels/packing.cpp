#include "kernels/packing.h"

#include <algorithm>

namespace quench::kernels {

using std::int64_t;

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

void pack_columns(const Table& table, const Gemm& g, int64_t k0, int64_t k, int64_t column_group, float* dst) {
  pack_columns(table, g, k0, k, column_group, column_group + 1, dst);
}

void pack_rows(const Table& table, const Gemm& g, int64_t k0, int64_t k, int64_t first, int64_t last, int64_t a_row,
               float* dst) {
  if (g.a_transposed) {
    table.transpose(g.a + k0 * g.a_stride + first, k, last - first, g.a_stride, dst + first * a_row, a_row, 0);
    return;
  }
  for (int64_t i = first; i < last; ++i) std::copy_n(g.a + i * g.a_stride + k0, k, dst + i * a_row);
}

}  // namespace quench::kernels
