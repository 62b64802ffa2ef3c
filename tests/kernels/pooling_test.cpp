#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/naive_pooling.h"
#include "kernels/oracle.h"

using namespace quench;
using kernels::Pooling;
using kernels::Table;
using oracle::Buffer;
using quench_test::NaivePool;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Places of maxima as kernels write them, one or four bytes each.
struct Index {
  std::int64_t bytes;
  std::vector<std::uint8_t> memory;
  Index(std::int64_t window, std::int64_t size)
      : bytes(kernels::pool_index_bytes(window)), memory(static_cast<std::size_t>(size * bytes), 0xA5) {}
  void set(std::int64_t i, std::int64_t place) {
    const auto narrow = static_cast<std::uint8_t>(place);
    const auto wide = static_cast<std::int32_t>(place);
    if (bytes == 1) {
      std::memcpy(&memory[static_cast<std::size_t>(i)], &narrow, sizeof narrow);
    } else {
      std::memcpy(&memory[static_cast<std::size_t>(4 * i)], &wide, sizeof wide);
    }
  }
};

/// Images of a random shape with gaps behind columns, rows and channels, and what the kernels must make of them.
struct Case {
  NaivePool naive{};
  Pooling p{};
  std::int64_t x_size = 0, y_size = 0;

  Case(oracle::Source& source, std::int64_t window, std::int64_t stride, std::int64_t channels,
       std::int64_t vectors) {
    naive = {.rows = window + source.below(3 * stride + 2),
             .columns = window + source.below(4 * stride + 2),
             .window = window,
             .stride = stride,
             .relu = source.below(2) == 1};
    const auto gap = [&] { return 16 * source.below(3); };
    p.channels = channels;
    p.rows = naive.y_rows();
    p.columns = naive.y_columns();
    p.vectors = vectors;
    p.window = window;
    p.stride = stride;
    p.x_column = 16 * vectors + gap();
    p.x_row = naive.columns * p.x_column + gap();
    p.x_channel = naive.rows * p.x_row + gap();
    p.y_column = 16 * vectors + gap();
    p.y_row = p.columns * p.y_column + gap();
    p.y_channel = p.rows * p.y_row + gap();
    p.x_rows = naive.rows;
    p.x_columns = naive.columns;
    x_size = channels * p.x_channel;
    y_size = channels * p.y_channel;
  }

  /// Few different numbers, so that many are equal, now and then with awkward ones.
  Buffer image(oracle::Source& source) const {
    Buffer x(x_size);
    const std::int64_t kinds = 2 + source.below(40);
    const bool awkward = source.below(3) == 0;
    const float others[] = {-0.0F, 0.0F, infinity, -infinity, not_a_number, 1e-40F};
    for (std::int64_t i = 0; i < x_size; ++i) {
      x[i] = static_cast<float>(source.below(kinds) - kinds / 2) / 8.0F;
      if (awkward && source.below(10) == 0) x[i] = others[source.below(6)];
    }
    return x;
  }

  /// body(channel, lane) of each image that kernels must touch.
  template <typename Body>
  void for_each_image(Body body) const {
    for (std::int64_t c = 0; c < p.channels; ++c) {
      for (std::int64_t n = 0; n < 16 * p.vectors; ++n) body(c, n);
    }
  }

  std::int64_t x_at(std::int64_t c, std::int64_t n, std::int64_t i) const {
    return c * p.x_channel + i / naive.columns * p.x_row + i % naive.columns * p.x_column + n;
  }
  std::int64_t y_at(std::int64_t c, std::int64_t n, std::int64_t i) const {
    return c * p.y_channel + i / p.columns * p.y_row + i % p.columns * p.y_column + n;
  }
  std::vector<float> x_image(const Buffer& x, std::int64_t c, std::int64_t n) const {
    std::vector<float> image;
    for (std::int64_t i = 0; i < naive.rows * naive.columns; ++i) image.push_back(x[x_at(c, n, i)]);
    return image;
  }
  std::vector<float> y_image(const Buffer& y, std::int64_t c, std::int64_t n) const {
    std::vector<float> image;
    for (std::int64_t i = 0; i < p.rows * p.columns; ++i) image.push_back(y[y_at(c, n, i)]);
    return image;
  }
  void put_x(Buffer& x, std::int64_t c, std::int64_t n, const std::vector<float>& image) const {
    for (std::int64_t i = 0; i < naive.rows * naive.columns; ++i)
      x[x_at(c, n, i)] = image[static_cast<std::size_t>(i)];
  }
  void put_y(Buffer& y, std::int64_t c, std::int64_t n, const std::vector<float>& image) const {
    for (std::int64_t i = 0; i < p.rows * p.columns; ++i) y[y_at(c, n, i)] = image[static_cast<std::size_t>(i)];
  }
};

void check_equal(const Buffer& result, const Buffer& expected) {
  CHECK(oracle::first_difference(result.data(), expected.data(), expected.size()) == -1);
}

/// backward(part, dx) for the rows of dx in up to three parts.
template <typename Backward>
void in_parts(const Case& c, oracle::Source& source, Buffer& dx, Backward backward) {
  const std::int64_t parts = 1 + source.below(3);
  for (std::int64_t i = 0; i < parts; ++i) {
    Pooling part = c.p;
    part.x_first = c.naive.rows * i / parts;
    part.x_rows = c.naive.rows * (i + 1) / parts - part.x_first;
    backward(part, dx.data() + part.x_first * c.p.x_row);
  }
}

void check_max(const Table& t, const Case& c, oracle::Source& source) {
  const Buffer x = c.image(source), dy = source.buffer(c.y_size);
  const Buffer old_y = source.buffer(c.y_size), old_dx = c.image(source);
  for (const bool accumulate : {false, true}) {
    Buffer y = old_y, expected_y = old_y, dx = old_dx, expected_dx = old_dx;
    Index index(c.p.window, c.y_size), expected_index = index;
    c.for_each_image([&](std::int64_t channel, std::int64_t n) {
      std::vector<std::int64_t> places;
      c.put_y(expected_y, channel, n, c.naive.maximum(c.x_image(x, channel, n), places));
      for (std::int64_t i = 0; i < c.p.rows * c.p.columns; ++i) {
        expected_index.set(c.y_at(channel, n, i), places[static_cast<std::size_t>(i)]);
      }
      const std::vector<float> old = accumulate ? c.x_image(old_dx, channel, n) : std::vector<float>{};
      c.put_x(expected_dx, channel, n, c.naive.gradient(c.y_image(dy, channel, n), places, old));
    });
    t.max_pool(c.p, x.data(), c.naive.relu, y.data(), index.memory.data());
    check_equal(y, expected_y);
    CHECK(index.memory == expected_index.memory);
    in_parts(c, source, dx, [&](const Pooling& part, float* to) {
      t.max_pool_backward(part, dy.data(), index.memory.data(), to, accumulate);
    });
    check_equal(dx, expected_dx);
    Buffer without = old_y;
    t.max_pool(c.p, x.data(), c.naive.relu, without.data(), nullptr);
    check_equal(without, expected_y);
  }
}

void check_average(const Table& t, const Case& c, oracle::Source& source) {
  const Buffer x = c.image(source), dy = source.buffer(c.y_size);
  const Buffer old_y = source.buffer(c.y_size), old_dx = c.image(source);
  for (const bool accumulate : {false, true}) {
    Buffer y = old_y, expected_y = old_y, dx = old_dx, expected_dx = old_dx;
    c.for_each_image([&](std::int64_t channel, std::int64_t n) {
      c.put_y(expected_y, channel, n, c.naive.average(c.x_image(x, channel, n)));
      const std::vector<float> old = accumulate ? c.x_image(old_dx, channel, n) : std::vector<float>{};
      c.put_x(expected_dx, channel, n, c.naive.gradient(c.y_image(dy, channel, n), {}, old));
    });
    t.average_pool(c.p, x.data(), y.data());
    check_equal(y, expected_y);
    in_parts(c, source, dx,
             [&](const Pooling& part, float* to) { t.average_pool_backward(part, dy.data(), to, accumulate); });
    check_equal(dx, expected_dx);
  }
}

/// Runs body(table, case) on random images with every table and window 1 .. 7, stride 1 .. 7.
template <typename Body>
void over_random_images(Body body) {
  oracle::for_each_table([&](const Table& t) {
    oracle::Source source(11);
    for (std::int64_t i = 0; i < 4 * 49; ++i) {
      const Case c(source, 1 + i % 7, 1 + i / 7 % 7, 1 + source.below(3), i % 16 == 0 ? 7 : 1 + source.below(3));
      INFO(std::string(t.name) << " window " << c.p.window << " stride " << c.p.stride << " images " << c.naive.rows
                               << " x " << c.naive.columns << " vectors " << c.p.vectors);
      body(t, c, source);
    }
  });
}

}  // namespace

TEST_CASE("max_pool and its gradient equal their definitions, ties, NaN and infinities included") {
  over_random_images(check_max);
}

TEST_CASE("average_pool and its gradient equal their definitions") { over_random_images(check_average); }

TEST_CASE("the place of a maximum in a window of more than 256 elements, or 65536, is not cut off") {
  oracle::for_each_table([&](const Table& t) {
    oracle::Source source(3);
    for (const std::int64_t window : {15, 16, 17, 20}) {
      for (const std::int64_t stride : {1, 7, 20}) {
        INFO(std::string(t.name) << " window " << window << " stride " << stride);
        const Case c(source, window, stride, 1, 1);
        check_max(t, c, source);
        check_average(t, c, source);
      }
    }
    constexpr std::int64_t side = 300;
    Buffer x(side * side * 16), dx(side * side * 16);
    const Buffer dy(16, 2.0F);
    Buffer y(16), index(16);
    for (std::int64_t n = 0; n < 16; ++n) x[(side * side - 1 - n) * 16 + n] = 1.0F;
    const Pooling p{.channels = 1,
                    .rows = 1,
                    .columns = 1,
                    .vectors = 1,
                    .window = side,
                    .stride = side,
                    .x_channel = side * side * 16,
                    .x_row = side * 16,
                    .x_column = 16,
                    .y_channel = 16,
                    .y_row = 16,
                    .y_column = 16,
                    .x_first = 0,
                    .x_rows = side,
                    .x_columns = side};
    t.max_pool(p, x.data(), false, y.data(), index.data());
    t.max_pool_backward(p, dy.data(), index.data(), dx.data(), false);
    for (std::int64_t i = 0; i < side * side * 16; ++i) x[i] *= 2.0F;
    check_equal(dx, x);
  });
}
