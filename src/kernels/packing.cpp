#include "kernels/packing.h"

#include <algorithm>

namespace quench::kernels {

using std::int64_t;

void pack_columns(const Table& table, const Gemm& g, int64_t k0, int64_t k, int64_t column_group, float* dst) {
  constexpr int64_t group = lanes_per_group;
  const int64_t column = column_group * group;
  const int64_t columns = std::min(group, g.n - column);
  if (g.b_transposed) {
    table.transpose(g.b + column * g.b_stride + k0, columns, k, g.b_stride, dst, group, group);
    return;
  }
  const float* src = g.b + k0 * g.b_stride + column;
  for (int64_t p = 0; p < k; ++p, src += g.b_stride, dst += group) {
    for (int64_t j = 0; j < columns; ++j) dst[j] = src[j];
    for (int64_t j = columns; j < group; ++j) dst[j] = 0.0F;
  }
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
