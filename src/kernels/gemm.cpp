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
//
// There are two ways. Where B is small or few rows of C use it, each job copies the panel of B that it is about to
// use, at most 64 columns, to its stack: it then lies in the nearest cache, aligned, without gaps and conflicts.
// Where B is large and many rows use it, blocks of B are copied to the workspace, by each thread for the columns of
// C that are its own, or, where that would leave too few for each, by all threads for all.
constexpr int64_t widest_panel = 64;
constexpr int64_t longest_panel = 192;  // rows of B: a panel is then at most as large as a nearest cache, 48 KiB
constexpr int64_t smallest_copied_rows = 16;          // rows of C that repay the copy: two tiles or three
constexpr int64_t smallest_copied_floats = 8 * 1024;  // below this B stays in the nearest cache as it is
constexpr int64_t longest_in_place = 512;             // rows of B where it is read in place
static_assert(longest_in_place * group <= widest_panel * longest_panel);  // its last, partial group is copied
constexpr int64_t most_fetched_bytes = 512 * 1024;

constexpr int64_t smallest_block_bytes = 200 * 1024;  // of B; what is smaller is read from L2 panel by panel
constexpr int64_t most_bytes_in_place = 1024 * 1024;
constexpr int64_t smallest_block_rows = 192;
constexpr int64_t longest_k_block = 1024;  // each block more reads and writes C once more
constexpr int64_t widest_band = 16;        // groups; with 1024 rows 1 MiB, which leaves half of an L2 to A and C
constexpr int64_t most_groups = 24;        // of all threads' bands together
constexpr int64_t tallest_row_band = 126;  // rows; 14 tiles of 9; with 1024 columns 504 KiB of A

constexpr int64_t narrowest_slice = 4;  // groups of columns that a thread may have for itself

/// Rows of B that are not aligned, or fall on few sets of a cache, or have to be turned.
bool crooked(const Gemm& g) { return g.b_transposed || g.b_stride % group != 0 || g.b_stride % widest_panel == 0; }

bool in_blocks(const Gemm& g) {
  const int64_t bytes = g.k * g.n * static_cast<int64_t>(sizeof(float));
  return g.m >= smallest_block_rows && bytes > (crooked(g) ? smallest_block_bytes : most_bytes_in_place);
}

/// Rows first_row .. last_row of C, its column groups from first_group on, and columns k0 .. k1 of A. B is not set.
Product part_of(const Gemm& g, int64_t first_row, int64_t last_row, int64_t first_group, int64_t last_group,
                int64_t k0, int64_t k1) {
  Product p{};
  p.rows = last_row - first_row;
  p.vectors = last_group - first_group;
  p.k = k1 - k0;
  p.a_row = g.a_transposed ? 1 : g.a_stride;
  p.a_col = g.a_transposed ? g.a_stride : 1;
  p.a = g.a + first_row * p.a_row + k0 * p.a_col;
  p.c = g.c + first_row * g.c_stride + first_group * group;
  p.c_row = g.c_stride;
  p.absent = g.lanes ? 0 : std::max<int64_t>(0, last_group * group - g.n);
  p.live_lanes = g.lanes && !g.b_transposed && last_group * group >= g.n ? g.n % group : 0;
  p.start = k0 > 0 ? Start::accumulate : g.start;
  p.bias = g.bias ? g.bias + first_row : nullptr;
  p.relu = g.relu && k1 == g.k;
  return p;
}

/// A part of C.
struct Part {
  int64_t first_row, last_row, first_group, last_group;
};

/// Whether panels of B are copied; otherwise it is read where it lies, but for the columns that no group of 16
/// covers.
bool copies_panels(const Gemm& g, int64_t rows) {
  return g.b_transposed || (crooked(g) && rows >= smallest_copied_rows && g.k * g.n > smallest_copied_floats);
}

/// Part of C, by panels of B on the stack.
void product_by_panels(const Table& t, const Gemm& g, const Part& part) {
  alignas(64) float panel[widest_panel * longest_panel];
  const bool copy = copies_panels(g, part.last_row - part.first_row);
  const int64_t blocks = std::max<int64_t>(1, ceil_div(g.k, copy ? longest_panel : longest_in_place));
  const int64_t whole_groups = g.lanes ? part.last_group : std::min(g.n / group, part.last_group);
  const int64_t first_copied = copy ? part.first_group : whole_groups;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t k0 = g.k * block / blocks, k1 = g.k * (block + 1) / blocks;
    const auto columns = [&](int64_t first, int64_t last, float* copy_to) {
      if (first == last) return;
      Product p = part_of(g, part.first_row, part.last_row, first, last, k0, k1);
      p.b = g.b + (g.b_transposed ? first * group * g.b_stride + k0 : k0 * g.b_stride + first * group);
      p.b_row = g.b_stride;
      p.b_group = group;
      p.b_transposed = g.b_transposed;
      p.panel = copy_to;
      t.product(p);
    };
    columns(part.first_group, first_copied, nullptr);
    columns(first_copied, part.last_group, panel);
  }
}

/// Columns of C by one thread, by blocks of B in `packed`, [groups][k][16], at most `widest` groups at a time.
void slice_by_blocks(const Table& t, const Gemm& g, int64_t first_group, int64_t last_group, int64_t widest,
                     float* packed) {
  const int64_t groups = last_group - first_group;
  const int64_t bands = ceil_div(groups, widest), blocks = ceil_div(g.k, longest_k_block);
  const int64_t row_bands = ceil_div(g.m, tallest_row_band);
  for (int64_t band = 0; band < bands; ++band) {
    const int64_t first = first_group + groups * band / bands, last = first_group + groups * (band + 1) / bands;
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t k0 = g.k * block / blocks, k1 = g.k * (block + 1) / blocks, k = k1 - k0;
      pack_columns(t, g, k0, k, first, last, packed);
      for (int64_t row_band = 0; row_band < row_bands; ++row_band) {
        Product p = part_of(g, g.m * row_band / row_bands, g.m * (row_band + 1) / row_bands, first, last, k0, k1);
        p.b = packed;
        p.b_row = group;
        p.b_group = k * group;
        t.product(p);
      }
    }
  }
}

/// All of C, by blocks of B in the workspace, [groups][k][16].
void product_by_blocks(const Table& t, const Gemm& g, float* packed, Executor& executor) {
  const int64_t groups = ceil_div(g.n, group), threads = sharers(g, executor);
  if (const int64_t share = std::min(groups, most_groups) / threads; share >= narrowest_slice) {
    const int64_t widest = std::min(share, widest_band);
    parallel_for(executor, threads, [&](int64_t job) {
      const int64_t floats = group * std::min(g.k, longest_k_block) * widest;
      slice_by_blocks(t, g, groups * job / threads, groups * (job + 1) / threads, widest, packed + job * floats);
    });
    return;
  }
  const int64_t bands = ceil_div(groups, widest_band), blocks = ceil_div(g.k, longest_k_block);
  const int64_t jobs = std::min(round_up(ceil_div(g.m, tallest_row_band), threads), g.m);
  for (int64_t band = 0; band < bands; ++band) {
    const int64_t first = groups * band / bands, last = groups * (band + 1) / bands;
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t k0 = g.k * block / blocks, k1 = g.k * (block + 1) / blocks, k = k1 - k0;
      constexpr int64_t groups_per_pack = 4;
      parallel_for(executor, ceil_div(last - first, groups_per_pack), [&](int64_t i) {
        const int64_t from = first + i * groups_per_pack, to = std::min(last, from + groups_per_pack);
        pack_columns(t, g, k0, k, from, to, packed + (from - first) * k * group);
      });
      parallel_for(executor, jobs, [&](int64_t job) {
        Product p = part_of(g, g.m * job / jobs, g.m * (job + 1) / jobs, first, last, k0, k1);
        p.b = packed;
        p.b_row = group;
        p.b_group = k * group;
        t.product(p);
      });
    }
  }
}

}  // namespace

std::size_t gemm_workspace_bytes(const Gemm& g) {
  if (!in_blocks(g)) return 0;
  const int64_t groups = std::min(ceil_div(g.n, group), most_groups), k = std::min(g.k, longest_k_block);
  return static_cast<std::size_t>(groups * group * k) * sizeof(float);
}

void gemm(const Gemm& product, void* workspace, Executor& executor) {
  Gemm g = product;
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k == 0) {  // nothing of A and B is read: they may be null
    g.a = g.b = g.c;
    g.a_stride = g.b_stride = 0;
  }
  const Table& t = table();
  if (in_blocks(g)) return product_by_blocks(t, g, static_cast<float*>(workspace), executor);

  // Threads share the rows of C, or its columns where each would otherwise copy all of B, if they come out even or
  // the copy is a transposition.
  const int64_t groups = ceil_div(g.n, group), threads = sharers(g, executor);
  const bool columns = threads > 1 && copies_panels(g, g.m) && groups >= narrowest_slice * threads &&
                       (g.b_transposed || groups % threads == 0);
  const int64_t jobs = std::min(threads, g.m);
  const bool fetch = jobs > 1 && (g.m + g.n) * g.k * 4 <= most_fetched_bytes;
  parallel_for(executor, columns ? threads : jobs, [&](int64_t job) {
    if (columns) return product_by_panels(t, g, {0, g.m, groups * job / threads, groups * (job + 1) / threads});
    const int64_t first = g.m * job / jobs, last = g.m * (job + 1) / jobs;
    if (fetch) {
      t.prefetch(g.b, g.b_transposed ? g.n : g.k, g.b_transposed ? g.k : g.n, g.b_stride);
      if (g.a_transposed) {
        t.prefetch(g.a + first, g.k, last - first, g.a_stride);
      } else {
        t.prefetch(g.a + first * g.a_stride, last - first, g.k, g.a_stride);
      }
    }
    product_by_panels(t, g, {first, last, 0, groups});
  });
}

}  // namespace quench::kernels
