#include <doctest/doctest.h>

#include "kernels/oracle.h"

using namespace quench;
using kernels::Table;
using oracle::Buffer;

TEST_CASE("transpose moves every element of any shape, pads with zeros, and touches nothing else") {
  oracle::for_each_table([](const Table& t) {
    oracle::Source source(17);
    for (int trial = 0; trial < 200; ++trial) {
      const std::int64_t rows = source.below(40) + 1, cols = source.below(40) + 1;
      const std::int64_t pad = trial % 2 ? 0 : rows + source.below(20);
      const std::int64_t width = pad > rows ? pad : rows;
      const std::int64_t src_row = cols + source.below(3), dst_row = width + source.below(3);
      const Buffer src = source.buffer(rows * src_row);
      Buffer dst = source.buffer(cols * dst_row), expected = dst;
      for (std::int64_t c = 0; c < cols; ++c) {
        for (std::int64_t r = 0; r < width; ++r) expected[c * dst_row + r] = r < rows ? src[r * src_row + c] : 0.0F;
      }
      t.transpose(src.data(), rows, cols, src_row, dst.data(), dst_row, pad);
      INFO(std::string(t.name) << " " << rows << " x " << cols << " pad " << pad);
      CHECK(oracle::first_difference(dst.data(), expected.data(), dst.size()) == -1);
    }
  });
}

TEST_CASE("gathering picks, normalises and transposes images, with zeros in dead lanes and behind the features") {
  oracle::for_each_table([](const Table& t) {
    oracle::Source source(19);
    for (int trial = 0; trial < 100; ++trial) {
      const std::int64_t features = source.below(70) + 1, images = source.below(30) + 1,
                         count = source.below(40) + 1;
      std::vector<std::uint8_t> pixels(static_cast<std::size_t>(features * images));
      for (auto& p : pixels) p = static_cast<std::uint8_t>(source.below(256));
      std::vector<std::uint32_t> index(static_cast<std::size_t>(count));
      for (auto& i : index) i = static_cast<std::uint32_t>(source.below(images));
      const kernels::Images x{.pixels = pixels.data(),
                              .index = index.data(),
                              .features = features,
                              .count = count,
                              .scale = source.value(),
                              .shift = source.value()};
      const std::int64_t first = 16 * source.below((features + 15) / 16);
      const std::int64_t last = trial % 2 ? features : std::min(features, first + 16);
      const std::int64_t groups = (count + 15) / 16 * 16, stride = groups + 16 * source.below(2);
      const std::int64_t row_stride = (last - first + 15) / 16 * 16 + 16 * source.below(2);
      Buffer lanes = source.buffer((last - first) * stride), rows = source.buffer(count * row_stride);
      Buffer expected_lanes = lanes, expected_rows = rows;
      for (std::int64_t f = first; f < (last + 15) / 16 * 16; ++f) {
        for (std::int64_t n = 0; n < groups; ++n) {
          float value = 0.0F;
          if (n < count && f < last) {
            const auto pixel = pixels[static_cast<std::size_t>(index[static_cast<std::size_t>(n)] * features + f)];
            value = oracle::fma(static_cast<float>(pixel), x.scale, x.shift);
          }
          if (f < last) expected_lanes[(f - first) * stride + n] = value;
          if (n < count) expected_rows[n * row_stride + f - first] = value;
        }
      }
      t.prefetch_images(x, first, last);
      t.gather_lanes(x, first, last, lanes.data(), stride);
      t.gather_rows(x, first, last, rows.data(), row_stride);
      INFO(std::string(t.name) << " features " << features << " range " << first << " .. " << last << " count "
                               << count);
      CHECK(oracle::first_difference(lanes.data(), expected_lanes.data(), lanes.size()) == -1);
      CHECK(oracle::first_difference(rows.data(), expected_rows.data(), rows.size()) == -1);
    }
  });
}
