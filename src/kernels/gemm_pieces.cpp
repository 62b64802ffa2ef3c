#include <algorithm>

#include "core/parallel.h"
#include "kernels/gemm.h"
#include "kernels/packing.h"
#include "kernels/pieces.h"

namespace quench::kernels {

using std::int64_t;

namespace {

constexpr int64_t group = lanes_per_group;

// A panel of B that a job makes for itself lies on its stack: 64 KiB.
constexpr int64_t panel_floats = 16 * 1024;
constexpr int64_t most_panel_rows = 128;
static_assert(PieceGrid::most_columns * most_panel_rows <= panel_floats);

/// The jobs of a product that has `most` parts to share.
int64_t job_count(const Gemm& g, int64_t most, const Executor& executor) {
  return std::min(sharers(g, executor), std::max<int64_t>(1, most));
}

/// How gemm_pieces() reads op(B).
enum class Source {
  memory,  ///< as it lies there
  panels,  ///< each job makes the panels it reads, in its own cache: another thread's would be far away
  packed   ///< too tall for that: copied to the workspace first
};

struct Plan {
  Source b;
  bool pack_a;
  int64_t a_row;
  int64_t a_floats, b_floats;
};

Plan plan(const Gemm& g, const Images* images) {
  Plan p{};
  p.b = images != nullptr                          ? Source::panels
        : !g.b_transposed && g.n % group == 0      ? Source::memory
        : g.b_transposed && g.k <= most_panel_rows ? Source::panels
                                                   : Source::packed;
  p.pack_a = !g.a_transposed && conflicting(g.a_stride) && g.n >= 4 * group;
  p.a_row = packed_row(g.k);
  p.a_floats = p.pack_a ? round_up(g.m * p.a_row, group) : 0;
  p.b_floats = p.b == Source::packed ? round_up(g.n, group) * g.k : 0;
  return p;
}

}  // namespace

PieceGrid piece_grid(int64_t rows, int64_t columns) {
  const int64_t groups = std::max<int64_t>(1, ceil_div(columns, group));
  const int64_t panels = ceil_div(groups, PieceGrid::most_columns / group);
  const int64_t width = ceil_div(groups, panels) * group;
  const int64_t rounding = 2;  // rows that a band may have more than its even share
  int64_t bands = ceil_div(std::max<int64_t>(rows, 1), PieceGrid::most_floats / width - rounding);
  if (bands > 2) bands = std::min(round_up(bands, 4), rows);  // two or four threads share them evenly
  return {rows, columns, bands, panels};
}

bool suits_images(const Gemm& g) { return round_up(g.n, group) <= most_panel_rows && !conflicting(g.a_stride); }

void product_of_images(const Gemm& g, const Images& images, Executor& executor) {
  const Table& t = table();
  const int64_t groups = ceil_div(g.n, group);
  const int64_t feature_groups = ceil_div(g.k, group);
  const int64_t blocks = ceil_div(feature_groups, panel_floats / (groups * group) / group);
  const int64_t jobs = job_count(g, g.m / group, executor);
  parallel_for(executor, jobs, [&](int64_t job) {
    alignas(64) float panel[panel_floats];
    const int64_t first_row = g.m * job / jobs;
    Product p{};
    p.rows = g.m * (job + 1) / jobs - first_row;
    p.vectors = groups;
    p.live_lanes = g.n % group;
    p.a_row = g.a_stride;
    p.a_col = 1;
    p.b = panel;
    p.b_row = groups * group;
    p.b_group = group;
    p.c = g.c + first_row * g.c_stride;
    p.c_row = g.c_stride;
    p.start = g.start;
    p.bias = g.bias ? g.bias + first_row : nullptr;
    const auto feature = [&](int64_t block) { return std::min(g.k, feature_groups * block / blocks * group); };
    t.prefetch_images(images, 0, feature(1));
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t first = feature(block), last = feature(block + 1);
      t.gather_lanes(images, first, last, panel, p.b_row);
      if (block + 1 < blocks) t.prefetch_images(images, last, feature(block + 2));
      p.k = last - first;
      p.a = g.a + first_row * g.a_stride + first;
      p.relu = g.relu && block + 1 == blocks;
      t.product(p);
      p.start = Start::accumulate;
    }
  });
}

std::size_t gemm_pieces_workspace_bytes(const Gemm& g) {
  const Plan p = plan(g, nullptr);
  return static_cast<std::size_t>(p.a_floats + p.b_floats) * sizeof(float);
}

void gemm_pieces(const Gemm& g, const Images* images, const PieceSink* sink, void* memory, Executor& executor) {
  const Table& t = table();
  const Plan how = plan(g, images);
  float* packed_a = static_cast<float*>(memory);
  float* packed_b = packed_a + how.a_floats;
  const PieceGrid grid = piece_grid(g.m, g.n);
  const int64_t jobs = job_count(g, grid.size(), executor);

  const auto piece = [&](int64_t band, int64_t panel, const float* b, int64_t b_row, int64_t b_group) {
    alignas(64) float c[PieceGrid::most_floats];
    const int64_t row = grid.row(band), column = grid.column(panel), columns = grid.column(panel + 1) - column;
    Product p{};
    p.rows = grid.row(band + 1) - row;
    p.vectors = ceil_div(columns, group);
    p.k = g.k;
    p.a_row = how.pack_a ? how.a_row : g.a_transposed ? 1 : g.a_stride;
    p.a_col = how.pack_a || !g.a_transposed ? 1 : g.a_stride;
    p.a = (how.pack_a ? packed_a : g.a) + row * p.a_row;
    p.b = b;
    p.b_row = b_row;
    p.b_group = b_group;
    p.c = c;
    p.c_row = p.vectors * group;
    p.start = Start::zero;
    if (sink) {
      if (sink->expect && jobs > 1) sink->expect(sink->context, grid, band, panel);
      t.product(p);
      sink->take(sink->context, grid, band, panel, c, p.c_row);
      return;
    }
    float* to = g.c + row * g.c_stride + column;
    if (g.start == Start::accumulate) {
      p.start = Start::accumulate;
      for (int64_t i = 0; i < p.rows; ++i) {
        std::fill_n(std::copy_n(to + i * g.c_stride, columns, c + i * p.c_row), p.c_row - columns, 0.0F);
      }
    }
    t.product(p);
    for (int64_t i = 0; i < p.rows; ++i) std::copy_n(c + i * p.c_row, columns, to + i * g.c_stride);
  };

  if (how.pack_a || how.b == Source::packed) {
    constexpr int64_t groups_per_pack = 4;
    const int64_t groups = ceil_div(g.n, group), a_packs = how.pack_a ? 1 : 0;
    const int64_t packs = a_packs + (how.b == Source::packed ? ceil_div(groups, groups_per_pack) : 0);
    parallel_for(executor, packs, [&](int64_t i) {
      if (i < a_packs) {
        for (int64_t r = 0; r < g.m; ++r) std::copy_n(g.a + r * g.a_stride, g.k, packed_a + r * how.a_row);
      } else {
        const int64_t first = (i - a_packs) * groups_per_pack, last = std::min(groups, first + groups_per_pack);
        pack_columns(t, g, 0, g.k, first, last, packed_b + first * g.k * group);
      }
    });
  }
  if (how.b != Source::panels) {
    parallel_for(executor, jobs == 1 ? 1 : grid.size(), [&](int64_t job) {
      for (int64_t i = job; i < (jobs == 1 ? grid.size() : job + 1); ++i) {
        const int64_t column = grid.column(i % grid.panels);
        if (how.b == Source::packed) {
          piece(i / grid.panels, i % grid.panels, packed_b + column * g.k, group, g.k * group);
        } else {
          piece(i / grid.panels, i % grid.panels, g.b + column, g.b_stride, group);
        }
      }
    });
    return;
  }

  // Threads share the bands, so that each updates the rows that it reads in other products; where there are too few
  // of them, the panels.
  const bool share_bands = grid.bands >= jobs;
  const int64_t share = std::min(jobs, std::max(grid.bands, grid.panels));
  parallel_for(executor, share, [&](int64_t job) {
    const auto begin = [&](int64_t parts, int64_t of) { return parts * of / share; };
    const int64_t first_band = share_bands ? begin(grid.bands, job) : 0;
    const int64_t last_band = share_bands ? begin(grid.bands, job + 1) : grid.bands;
    const int64_t first_panel = share_bands ? 0 : begin(grid.panels, job);
    const int64_t last_panel = share_bands ? grid.panels : begin(grid.panels, job + 1);
    alignas(64) float values[panel_floats];
    for (int64_t panel = first_panel; panel < last_panel; ++panel) {
      const int64_t first = grid.column(panel), last = grid.column(panel + 1), row = round_up(last - first, group);
      if (images != nullptr) {
        t.gather_rows(*images, first, last, values, row);
      } else {
        t.transpose(g.b + first * g.b_stride, last - first, g.k, g.b_stride, values, row, row);
      }
      for (int64_t band = first_band; band < last_band; ++band) piece(band, panel, values, row, group);
    }
  });
}

}  // namespace quench::kernels
