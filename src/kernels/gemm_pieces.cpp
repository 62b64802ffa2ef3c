#include <algorithm>

#include "core/parallel.h"
#include "kernels/gemm.h"
#include "kernels/packing.h"
#include "kernels/pieces.h"

namespace quench::kernels {

using std::int64_t;

namespace {

constexpr int64_t group = lanes_per_group;

// A panel of converted pixels lies on the stack of the job that uses it: 64 KiB.
constexpr int64_t panel_floats = 16 * 1024;
constexpr int64_t most_image_examples = 128;
static_assert(PieceGrid::most_columns * most_image_examples <= panel_floats);

constexpr int64_t job_flops = 3'000'000;  // about 15 us of one core

/// Each job converts the images for itself, into its own cache: no more jobs than threads.
int64_t image_jobs(const Gemm& g, int64_t most, const Executor& executor) {
  const int64_t worth = 2 * g.m * g.n * g.k / job_flops;
  return std::clamp<int64_t>(std::min<int64_t>(worth, executor.threads()), 1, std::max<int64_t>(1, most));
}

struct PackedGradient {
  int64_t groups;
  bool a, b;
  int64_t a_row;
  int64_t a_floats, b_floats;
};

PackedGradient packed_gradient(const Gemm& g, bool images) {
  PackedGradient p{};
  p.groups = ceil_div(g.n, group);
  p.a = !g.a_transposed && conflicting(g.a_stride) && g.n >= 4 * group;
  p.b = !images && (g.b_transposed || g.n % group != 0);
  p.a_row = packed_row(g.k);
  p.a_floats = p.a ? round_up(g.m * p.a_row, group) : 0;
  p.b_floats = p.b ? p.groups * g.k * group : 0;
  return p;
}

}  // namespace

PieceGrid piece_grid(int64_t rows, int64_t columns) {
  const int64_t groups = std::max<int64_t>(1, ceil_div(columns, group));
  const int64_t panels = ceil_div(groups, PieceGrid::most_columns / group);
  const int64_t width = ceil_div(groups, panels) * group;
  int64_t bands = ceil_div(std::max<int64_t>(rows, 1), PieceGrid::most_floats / width);
  if (bands > 2) bands = std::min(round_up(bands, 4), rows);  // two or four threads share them evenly
  return {rows, columns, bands, panels};
}

bool suits_images(const Gemm& g) { return round_up(g.n, group) <= most_image_examples && !conflicting(g.a_stride); }

void product_of_images(const Gemm& g, const Images& images, Executor& executor) {
  const Table& t = table();
  const int64_t groups = ceil_div(g.n, group);
  const int64_t feature_groups = ceil_div(g.k, group);
  const int64_t blocks = ceil_div(feature_groups, panel_floats / (groups * group) / group);
  const int64_t jobs = image_jobs(g, g.m / group, executor);
  parallel_for(executor, jobs, [&](int64_t job) {
    alignas(64) float panel[panel_floats];
    const int64_t first_row = g.m * job / jobs;
    Product p{};
    p.rows = g.m * (job + 1) / jobs - first_row;
    p.vectors = groups;
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
  const PackedGradient p = packed_gradient(g, false);
  return static_cast<std::size_t>(p.a_floats + p.b_floats) * sizeof(float);
}

void gemm_pieces(const Gemm& g, const Images* images, const PieceSink* sink, void* memory, Executor& executor) {
  const Table& t = table();
  const PackedGradient packed = packed_gradient(g, images != nullptr);
  float* packed_a = static_cast<float*>(memory);
  float* packed_b = packed_a + packed.a_floats;
  const PieceGrid grid = piece_grid(g.m, g.n);
  const bool alone = 2 * g.m * g.n * g.k < job_flops;

  if (packed.a || packed.b) {
    constexpr int64_t groups_per_pack = 4;
    const int64_t a_packs = packed.a ? 1 : 0;
    const int64_t packs = a_packs + (packed.b ? ceil_div(packed.groups, groups_per_pack) : 0);
    const auto pack = [&](int64_t i) {
      if (i < a_packs) return pack_rows(t, g, 0, g.k, 0, g.m, packed.a_row, packed_a);
      const int64_t first = (i - a_packs) * groups_per_pack;
      for (int64_t j = first; j < std::min(packed.groups, first + groups_per_pack); ++j) {
        pack_columns(t, g, 0, g.k, j, packed_b + j * g.k * group);
      }
    };
    if (alone) {
      for (int64_t i = 0; i < packs; ++i) pack(i);
    } else {
      parallel_for(executor, packs, pack);
    }
  }

  const auto piece = [&](int64_t band, int64_t panel, const float* b, int64_t b_row, int64_t b_group) {
    alignas(64) float c[PieceGrid::most_floats];
    const int64_t row = grid.row(band);
    Product p{};
    p.rows = grid.row(band + 1) - row;
    p.vectors = ceil_div(grid.column(panel + 1) - grid.column(panel), group);
    p.k = g.k;
    p.a_row = packed.a ? packed.a_row : g.a_transposed ? 1 : g.a_stride;
    p.a_col = packed.a || !g.a_transposed ? 1 : g.a_stride;
    p.a = (packed.a ? packed_a : g.a) + row * p.a_row;
    p.b = b;
    p.b_row = b_row;
    p.b_group = b_group;
    p.c = c;
    p.c_row = p.vectors * group;
    p.start = Start::zero;
    if (sink) {
      t.product(p);
      sink->take(sink->context, grid, band, panel, c, p.c_row);
      return;
    }
    const int64_t columns = grid.column(panel + 1) - grid.column(panel);
    float* to = g.c + row * g.c_stride + grid.column(panel);
    if (g.start == Start::accumulate) {
      p.start = Start::accumulate;
      for (int64_t i = 0; i < p.rows; ++i) {
        std::fill_n(std::copy_n(to + i * g.c_stride, columns, c + i * p.c_row), p.c_row - columns, 0.0F);
      }
    }
    t.product(p);
    for (int64_t i = 0; i < p.rows; ++i) std::copy_n(c + i * p.c_row, columns, to + i * g.c_stride);
  };

  if (images != nullptr) {
    const int64_t jobs = image_jobs(g, grid.bands, executor);
    parallel_for(executor, jobs, [&](int64_t job) {
      alignas(64) float values[panel_floats];
      for (int64_t panel = 0; panel < grid.panels; ++panel) {
        const int64_t first = grid.column(panel), last = grid.column(panel + 1);
        const int64_t row = round_up(last - first, group);
        t.gather_rows(*images, first, last, values, row);
        for (int64_t band = grid.bands * job / jobs; band < grid.bands * (job + 1) / jobs; ++band) {
          piece(band, panel, values, row, group);
        }
      }
    });
    return;
  }
  const auto from_memory = [&](int64_t i) {
    const int64_t band = i / grid.panels, panel = i % grid.panels, column = grid.column(panel);
    if (packed.b) {
      piece(band, panel, packed_b + column * g.k, group, g.k * group);
    } else {
      piece(band, panel, g.b + column, g.b_stride, group);
    }
  };
  if (alone) {
    for (int64_t i = 0; i < grid.size(); ++i) from_memory(i);
  } else {
    parallel_for(executor, grid.size(), from_memory);
  }
}

}  // namespace quench::kernels
