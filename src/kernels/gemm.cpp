#include "kernels/gemm.h"

#include <algorithm>

#include "core/parallel.h"
#include "kernels/packing.h"

namespace quench::kernels {
namespace {

using std::int64_t;

constexpr int64_t group = lanes_per_group;

// All sizes below shape the work and the cache use only. Bits do not depend on them: each element of C is one
// chain, and a block of k continues the chain from what C holds.
constexpr int64_t longest_k_block = 512;    // 3 vectors x 512 rows of B are 96 KiB: half of a small L2
constexpr int64_t widest_column_band = 30;  // groups; a multiple of 3
constexpr int64_t tallest_row_band = 216;   // rows; with 512 columns of A 432 KiB, reused by each panel of B
constexpr int64_t most_fetched_bytes = 512 * 1024;
constexpr int64_t smallest_packed_rows = 48;          // rows of C that repay the packing of B
constexpr int64_t smallest_packed_bytes = 32 * 1024;  // below this a matrix stays in L1 whatever its stride

/// How one product is cut.
struct Cut {
  int64_t groups;       ///< of 16 columns, the last one possibly partial
  int64_t full_groups;  ///< those that may be read and written whole
  int64_t k_blocks;
  int64_t k_block;  ///< the longest of them
  int64_t row_bands, column_bands;
  bool pack_a;     ///< copy A[m, k_block], untransposed, into rows without conflicts
  bool pack_b;     ///< copy B[k_block, n] into groups of 16 columns, [groups][k_block][16]
  bool pack_tail;  ///< the same for the last, partial group alone
  int64_t a_row;   ///< row stride of packed A
};

Cut cut(const Gemm& g, int threads) {
  Cut c{};
  c.groups = ceil_div(g.n, group);
  c.full_groups = g.lanes ? c.groups : g.n / group;
  c.k_blocks = std::max<int64_t>(1, ceil_div(g.k, longest_k_block));
  c.k_block = ceil_div(g.k, c.k_blocks);

  const int64_t a_bytes = g.m * g.k * 4, b_bytes = g.k * g.n * 4;
  c.pack_a = a_bytes > smallest_packed_bytes && conflicting(g.a_stride) && g.n >= 4 * group;
  c.pack_b = g.b_transposed || (b_bytes > smallest_packed_bytes && g.m >= smallest_packed_rows &&
                                (conflicting(g.b_stride) || b_bytes > 1024 * 1024));
  c.pack_tail = !c.pack_b && c.full_groups < c.groups;
  c.a_row = packed_row(c.k_block);

  // Bands of equal size, of which each thread gets as many; in large products short enough that a block of A stays
  // in the nearest cache but one.
  c.column_bands = std::max<int64_t>(1, ceil_div(c.groups, widest_column_band));
  const int64_t worth = 2 * g.m * g.n * std::max<int64_t>(g.k, 1) / smallest_job_flops;
  const int64_t sharers = std::clamp<int64_t>(worth, 1, std::max(1, threads));
  const int64_t shares = std::min(ceil_div(sharers, c.column_bands), std::max<int64_t>(1, g.m));
  c.row_bands =
      std::min(round_up(std::max<int64_t>(1, ceil_div(g.m, tallest_row_band)), shares), std::max<int64_t>(1, g.m));
  return c;
}

struct Workspace {
  int64_t a_floats, b_floats;
};

/// Never less for a smaller k, whose one block may be longer than each of two: plans measure with all lanes live.
Workspace workspace(const Gemm& g, const Cut& c) {
  const int64_t k = std::min(g.k, longest_k_block);
  Workspace w{};
  if (c.pack_a) w.a_floats = round_up(g.m * packed_row(k), group);
  if (c.pack_b) w.b_floats = c.groups * k * group;
  if (c.pack_tail) w.b_floats = k * group;
  return w;
}

/// Rows first_row .. last_row and column groups first_group .. last_group of C, for one block of k.
struct Band {
  int64_t first_row, last_row, first_group, last_group;
};

void band_product(const Table& t, const Gemm& g, const Cut& c, const Band& band, int64_t k0, int64_t k,
                  const float* packed_a, const float* packed_b) {
  Product p{};
  p.rows = band.last_row - band.first_row;
  p.k = k;
  p.a_row = c.pack_a ? c.a_row : g.a_transposed ? 1 : g.a_stride;
  p.a_col = c.pack_a ? 1 : g.a_transposed ? g.a_stride : 1;
  p.a = (c.pack_a ? packed_a : g.a + k0 * p.a_col) + band.first_row * p.a_row;
  p.start = k0 > 0 ? Start::accumulate : g.start;
  p.bias = g.bias ? g.bias + band.first_row : nullptr;
  p.relu = g.relu && k0 + k == g.k;

  const int64_t last_full = std::min(band.last_group, c.full_groups);
  if (last_full > band.first_group) {
    p.vectors = last_full - band.first_group;
    p.live_lanes = g.lanes && last_full == c.groups ? g.n % group : 0;
    p.b_row = c.pack_b ? group : g.b_stride;
    p.b_group = c.pack_b ? c.k_block * group : group;
    p.b = c.pack_b ? packed_b + band.first_group * p.b_group : g.b + k0 * g.b_stride + band.first_group * group;
    p.c = g.c + band.first_row * g.c_stride + band.first_group * group;
    p.c_row = g.c_stride;
    t.product(p);
  }
  if (band.last_group > c.full_groups) {
    // The partial group is computed beside C and only its columns are copied.
    float tile[tallest_row_band * group];
    const int64_t column = c.full_groups * group, columns = g.n - column;
    float* corner = g.c + band.first_row * g.c_stride + column;
    if (p.start == Start::accumulate) {
      for (int64_t i = 0; i < p.rows; ++i) {
        for (int64_t j = 0; j < group; ++j) tile[i * group + j] = j < columns ? corner[i * g.c_stride + j] : 0.0F;
      }
    }
    p.vectors = 1;
    p.live_lanes = 0;
    p.b_row = group;
    p.b_group = 0;
    p.b = packed_b + (c.pack_b ? c.full_groups * c.k_block * group : 0);
    p.c = tile;
    p.c_row = group;
    t.product(p);
    for (int64_t i = 0; i < p.rows; ++i) std::copy_n(tile + i * group, columns, corner + i * g.c_stride);
  }
}

}  // namespace

std::size_t gemm_workspace_bytes(const Gemm& g) {
  const Workspace w = workspace(g, cut(g, 1));
  return static_cast<std::size_t>(w.a_floats + w.b_floats) * sizeof(float);
}

void gemm(const Gemm& product, void* memory, Executor& executor) {
  Gemm g = product;
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k == 0) {  // nothing of A and B is read: they may be null
    g.a = g.b = g.c;
    g.a_stride = g.b_stride = 0;
  }
  const Table& t = table();
  const Cut c = cut(g, executor.threads());
  float* packed_a = static_cast<float*>(memory);
  float* packed_b = packed_a + workspace(g, c).a_floats;

  const auto band = [&](int64_t job) {
    const int64_t row = job / c.column_bands, column = job % c.column_bands;
    return Band{g.m * row / c.row_bands, g.m * (row + 1) / c.row_bands, c.groups * column / c.column_bands,
                c.groups * (column + 1) / c.column_bands};
  };
  const int64_t jobs = c.row_bands * c.column_bands;
  const auto k_first = [&](int64_t block) { return g.k * block / c.k_blocks; };

  if (!c.pack_a && !c.pack_b && !c.pack_tail) {
    const bool fetch = jobs > 1 && (g.m + g.n) * g.k * 4 <= most_fetched_bytes;
    parallel_for(executor, jobs, [&](int64_t job) {
      if (fetch) {
        const Band b = band(job);
        const int64_t rows = b.last_row - b.first_row, columns = (b.last_group - b.first_group) * group;
        t.prefetch(g.b + b.first_group * group, g.k, std::min(columns, g.n - b.first_group * group), g.b_stride);
        if (g.a_transposed) {
          t.prefetch(g.a + b.first_row, g.k, rows, g.a_stride);
        } else {
          t.prefetch(g.a + b.first_row * g.a_stride, rows, g.k, g.a_stride);
        }
      }
      for (int64_t block = 0; block < c.k_blocks; ++block) {
        band_product(t, g, c, band(job), k_first(block), k_first(block + 1) - k_first(block), nullptr, nullptr);
      }
    });
    return;
  }

  constexpr int64_t rows_per_pack = 32, groups_per_pack = 4;
  const int64_t a_packs = c.pack_a ? ceil_div(g.m, rows_per_pack) : 0;
  const int64_t b_packs = c.pack_b ? ceil_div(c.groups, groups_per_pack) : c.pack_tail ? 1 : 0;
  for (int64_t block = 0; block < c.k_blocks; ++block) {
    const int64_t k0 = k_first(block), k = k_first(block + 1) - k0;
    const auto pack = [&](int64_t i) {
      if (i < a_packs) {
        pack_rows(t, g, k0, k, i * rows_per_pack, std::min(g.m, (i + 1) * rows_per_pack), c.a_row, packed_a);
      } else if (c.pack_b) {
        const int64_t first = (i - a_packs) * groups_per_pack;
        for (int64_t j = first; j < std::min(c.groups, first + groups_per_pack); ++j) {
          pack_columns(t, g, k0, k, j, packed_b + j * c.k_block * group);
        }
      } else {
        pack_columns(t, g, k0, k, c.full_groups, packed_b);
      }
    };
    if (jobs == 1) {  // too little work to share
      for (int64_t i = 0; i < a_packs + b_packs; ++i) pack(i);
    } else {
      parallel_for(executor, a_packs + b_packs, pack);
    }
    parallel_for(executor, jobs, [&](int64_t job) { band_product(t, g, c, band(job), k0, k, packed_a, packed_b); });
  }
}

}  // namespace quench::kernels
