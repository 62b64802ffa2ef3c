// Products by pieces, and products of images: the bits of the naive chain, each element once, whoever takes it.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <limits>

#include "instrumented.h"
#include "kernels/gemm.h"
#include "kernels/oracle.h"

using namespace quench;
using kernels::Gemm;
using kernels::Images;
using kernels::PieceGrid;
using kernels::PieceSink;
using kernels::Start;
using oracle::Buffer;

namespace {

/// Images drawn at random, some of them twice, and the same numbers as matrices.
struct RandomImages {
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint32_t> index;
  Images images;

  RandomImages(oracle::Source& source, std::int64_t features, std::int64_t count)
      : pixels(static_cast<std::size_t>(features * 20)), index(static_cast<std::size_t>(count)) {
    for (auto& p : pixels) p = static_cast<std::uint8_t>(source.below(256));
    for (auto& i : index) i = static_cast<std::uint32_t>(source.below(20));
    images = {.pixels = pixels.data(),
              .index = index.data(),
              .features = features,
              .count = count,
              .scale = source.value(),
              .shift = source.value()};
  }
  float at(std::int64_t image, std::int64_t feature) const {
    const std::size_t i = index[static_cast<std::size_t>(image)];
    const std::uint8_t byte =
        pixels[i * static_cast<std::size_t>(images.features) + static_cast<std::size_t>(feature)];
    return oracle::fma(static_cast<float>(byte), images.scale, images.shift);
  }
};

/// Writes pieces into a matrix of counts and one of values.
struct Collector {
  std::int64_t stride;
  Buffer values;
  std::vector<std::atomic<int>> times;

  Collector(std::int64_t rows, std::int64_t columns)
      : stride(columns), values(rows * columns), times(static_cast<std::size_t>(rows * columns)) {}
  PieceSink sink() {
    return {.take =
                [](void* context, const PieceGrid& grid, std::int64_t band, std::int64_t panel, const float* c,
                   std::int64_t c_row) noexcept {
                  auto& self = *static_cast<Collector*>(context);
                  for (std::int64_t i = grid.row(band); i < grid.row(band + 1); ++i) {
                    for (std::int64_t j = grid.column(panel); j < grid.column(panel + 1); ++j) {
                      self.values[i * self.stride + j] = c[(i - grid.row(band)) * c_row + j - grid.column(panel)];
                      ++self.times[static_cast<std::size_t>(i * self.stride + j)];
                    }
                  }
                },
            .context = this};
  }
  bool each_once() const {
    return std::ranges::all_of(times, [](const std::atomic<int>& t) { return t == 1; });
  }
};

}  // namespace

TEST_CASE("a piece grid covers every element once, in pieces that fit their buffer and begin on whole vectors") {
  oracle::Source source(3);
  for (int trial = 0; trial < 2000; ++trial) {
    const std::int64_t rows = source.below(trial % 2 ? 40 : 3000) + 1,
                       columns = source.below(trial % 3 ? 300 : 9000) + 1;
    const PieceGrid grid = kernels::piece_grid(rows, columns);
    CAPTURE(rows);
    CAPTURE(columns);
    REQUIRE(grid.row(0) == 0);
    REQUIRE(grid.row(grid.bands) == rows);
    REQUIRE(grid.column(0) == 0);
    REQUIRE(grid.column(grid.panels) == columns);
    for (std::int64_t band = 0; band < grid.bands; ++band) REQUIRE(grid.row(band) < grid.row(band + 1));
    for (std::int64_t panel = 0; panel < grid.panels; ++panel) {
      REQUIRE(grid.column(panel) % 16 == 0);
      REQUIRE(grid.column(panel) < grid.column(panel + 1));
      const std::int64_t width = kernels::padded(grid.column(panel + 1) - grid.column(panel));
      REQUIRE(width <= PieceGrid::most_columns);
      for (std::int64_t band = 0; band < grid.bands; ++band) {
        REQUIRE((grid.row(band + 1) - grid.row(band)) * width <= PieceGrid::most_floats);
      }
    }
  }
}

TEST_CASE("a product by pieces has the bits of the naive chain, into a sink and into memory") {
  oracle::for_each_table([](const kernels::Table& table) {
    oracle::Source source(5);
    for (int trial = 0; trial < (quench_test::instrumented ? 40 : 150); ++trial) {
      ThreadPool pool(static_cast<int>(source.below(4)) + 1);
      const bool large = trial == 0;
      Gemm g;
      g.m = large ? 200 : source.below(70) + 1;
      g.n = large ? 784 - source.below(30) : source.below(trial % 4 ? 40 : 300) + 1;
      g.k = large ? 33 : source.below(trial % 10 == 0 ? 300 : 112) + 1;
      g.a_transposed = source.below(4) == 0;
      g.b_transposed = source.below(2) == 0;
      g.a_stride = (g.a_transposed   ? g.m
                    : trial % 7 == 0 ? 256 * ((g.k + 255) / 256)
                                     : g.k) +
                   (trial % 7 ? source.below(4) : 0);
      g.b_stride = (g.b_transposed ? g.k : g.n) + source.below(4);
      g.c_stride = g.n + source.below(4);
      const bool images = g.k <= 128 && source.below(2) == 0;
      const RandomImages drawn(source, g.n, g.k);
      const Buffer a = source.buffer((g.a_transposed ? g.k : g.m) * g.a_stride);
      const Buffer b = source.buffer((g.b_transposed ? g.n : g.k) * g.b_stride);
      g.a = a.data();
      g.b = images ? nullptr : b.data();
      Buffer c = source.buffer(g.m * g.c_stride + 16);
      g.c = c.data();
      g.start = source.below(2) ? Start::accumulate : Start::zero;
      Buffer from_zero(g.m * g.n), expected = c;
      for (std::int64_t i = 0; i < g.m; ++i) {
        for (std::int64_t j = 0; j < g.n; ++j) {
          float zero = 0.0F, sum = g.start == Start::accumulate ? c[i * g.c_stride + j] : 0.0F;
          for (std::int64_t k = 0; k < g.k; ++k) {
            const float x = g.a_transposed ? a[k * g.a_stride + i] : a[i * g.a_stride + k];
            const float y = images           ? drawn.at(k, j)
                            : g.b_transposed ? b[j * g.b_stride + k]
                                             : b[k * g.b_stride + j];
            zero = oracle::fma(x, y, zero);
            sum = oracle::fma(x, y, sum);
          }
          from_zero[i * g.n + j] = zero;
          expected[i * g.c_stride + j] = sum;
        }
      }
      INFO(std::string(table.name) << " m " << g.m << " n " << g.n << " k " << g.k << (images ? " images" : "")
                                   << (g.a_transposed ? " T" : " N") << (g.b_transposed ? "T" : "N"));
      const auto floats = static_cast<std::int64_t>(kernels::gemm_pieces_workspace_bytes(g) / sizeof(float));
      Buffer workspace(floats + 16, 77.0F);
      Collector collector(g.m, g.n);
      const PieceSink sink = collector.sink();
      kernels::gemm_pieces(g, images ? &drawn.images : nullptr, &sink, workspace.data(), pool);
      CHECK(collector.each_once());
      CHECK(oracle::first_difference(collector.values.data(), from_zero.data(), from_zero.size()) == -1);
      kernels::gemm_pieces(g, images ? &drawn.images : nullptr, nullptr, workspace.data(), pool);
      CHECK(oracle::first_difference(c.data(), expected.data(), c.size()) == -1);
      for (std::int64_t i = floats; i < floats + 16; ++i) CHECK(oracle::same(workspace[i], 77.0F));
    }
  });
}

TEST_CASE("a product of images has the bits of the naive chain over their pixels, and touches its lanes alone") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), untouched = 77.0F;
  oracle::for_each_table([](const kernels::Table& table) {
    oracle::Source source(7);
    for (int trial = 0; trial < (quench_test::instrumented ? 20 : 60); ++trial) {
      ThreadPool pool(static_cast<int>(source.below(4)) + 1);
      Gemm g;
      g.m = trial == 0 ? 70 : source.below(40) + 1;
      g.n = trial == 0 ? 100 : source.below(128) + 1;
      g.k = trial == 0 ? 784 : source.below(trial % 4 ? 60 : 500) + 1;
      g.start = static_cast<Start>(source.below(3));
      g.relu = source.below(2) == 0;
      g.lanes = true;
      const std::int64_t lanes = kernels::padded(g.n);
      const RandomImages drawn(source, g.k, g.n);

      // What is not to be used holds NaN: A and the bias behind their rows, a bias that is not asked for, the dead
      // lanes of C, and the live ones where C's old values are not. B's fields hold nonsense.
      g.a_stride = g.k + source.below(4);
      Buffer a = source.buffer(g.m * g.a_stride), bias = source.buffer(g.m + 16);
      for (std::int64_t i = 0; i < g.m; ++i) {
        for (std::int64_t k = g.k; k < g.a_stride; ++k) a[i * g.a_stride + k] = nan;
      }
      for (std::int64_t i = g.start == Start::bias ? g.m : 0; i < g.m + 16; ++i) bias[i] = nan;
      g.a = a.data();
      g.bias = bias.data();
      g.b_stride = -1;
      g.b_transposed = source.below(2) == 0;

      // Rows of C begin anywhere. In front of them, between them and behind them lies what must stay.
      g.c_stride = lanes + source.below(20);
      const std::int64_t first = 16 + source.below(16), size = g.m * g.c_stride;
      Buffer c(first + size + 16, untouched);
      g.c = c.data() + first;
      for (std::int64_t i = 0; i < g.m; ++i) {
        for (std::int64_t j = 0; j < lanes; ++j) {
          g.c[i * g.c_stride + j] = g.start == Start::accumulate && j < g.n ? source.value() : nan;
        }
      }
      const Buffer before = c;
      kernels::product_of_images(g, drawn.images, pool);

      INFO(std::string(table.name) << " m " << g.m << " n " << g.n << " k " << g.k << " start "
                                   << static_cast<int>(g.start) << " stride " << g.c_stride);
      std::int64_t wrong = 0, wrong_dead = 0, touched = 0;
      for (std::int64_t at = -first; at < size + 16; ++at) {
        const std::int64_t i = at / g.c_stride, j = at % g.c_stride;
        if (at < 0 || at >= size || j >= lanes) {
          if (!oracle::same(g.c[at], untouched)) ++touched;
          continue;
        }
        float sum = g.start == Start::bias ? bias[i] : g.start == Start::accumulate ? before[first + at] : 0.0F;
        for (std::int64_t k = 0; k < g.k; ++k) {
          sum = oracle::fma(a[i * g.a_stride + k], j < g.n ? drawn.at(j, k) : 0.0F, sum);
        }
        const bool right = oracle::same(g.c[at], g.relu && sum <= 0.0F ? 0.0F : sum);
        if (j < g.n && !right) ++wrong;
        // Dead lanes: computed from zeros, or stored as 0.
        if (j >= g.n && !right && !oracle::same(g.c[at], 0.0F)) ++wrong_dead;
      }
      CHECK(wrong == 0);
      CHECK(wrong_dead == 0);
      CHECK(touched == 0);
    }
  });
}
