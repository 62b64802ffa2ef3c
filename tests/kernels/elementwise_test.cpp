#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/oracle.h"

using namespace quench;
using kernels::Block;
using kernels::Table;
using oracle::Buffer;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Random block: rows, vectors, and a stride that may leave a gap behind each row.
Block random_block(oracle::Source& source) {
  const std::int64_t rows = source.below(12) + 1, vectors = source.below(5) + 1;
  return {rows, vectors, 16 * (vectors + source.below(3))};
}

/// Calls body(offset, row, lane) for each element that a kernel must touch.
template <typename Body>
void for_each_element(Block b, Body body) {
  for (std::int64_t r = 0; r < b.rows; ++r) {
    for (std::int64_t n = 0; n < b.vectors * 16; ++n) body(r * b.stride + n, r, n);
  }
}

float naive_relu(float x) { return x <= 0.0F ? 0.0F : x; }

/// Random data, now and then with a NaN.
struct Case {
  Block b;
  std::int64_t size, live;
  Buffer x, y, s;
  Case(oracle::Source& source)
      : b(random_block(source)),
        size(b.rows * b.stride),
        live(source.below(b.vectors * 16) + 1),
        x(source.buffer(size)),
        y(source.buffer(size)),
        s(source.buffer(std::max<std::int64_t>(b.rows, b.stride))) {
    if (source.below(4) == 0) x[source.below(size)] = not_a_number;
  }
};

/// Runs body(table, case, accumulate) on many random blocks with every table.
template <typename Body>
void over_random_blocks(Body body) {
  oracle::for_each_table([&](const Table& t) {
    oracle::Source source(7);
    for (int i = 0; i < 100; ++i) {
      Case c(source);
      INFO(std::string(t.name) << " rows " << c.b.rows << " vectors " << c.b.vectors << " stride " << c.b.stride);
      body(t, c, source, i % 2 == 1);
    }
  });
}

void check_equal(const Buffer& result, const Buffer& expected) {
  CHECK(oracle::first_difference(result.data(), expected.data(), expected.size()) == -1);
}

}  // namespace

TEST_CASE(
    "relu and its gradient equal their definitions, in place as well, and leave the gaps between rows alone") {
  over_random_blocks([](const Table& t, Case& c, oracle::Source& source, bool accumulate) {
    Buffer y = source.buffer(c.size), expected = y;
    for_each_element(c.b, [&](auto i, auto, auto) { expected[i] = naive_relu(c.x[i]); });
    t.relu(c.b, c.x.data(), y.data());
    check_equal(y, expected);

    Buffer dx = source.buffer(c.size), expected_dx = dx;
    for_each_element(c.b, [&](auto i, auto, auto) {
      const float g = y[i] <= 0.0F ? 0.0F : c.y[i];
      expected_dx[i] = accumulate ? dx[i] + g : g;
    });
    t.relu_backward(c.b, y.data(), c.y.data(), dx.data(), accumulate);
    check_equal(dx, expected_dx);

    Buffer in_place = c.x;
    t.relu(c.b, in_place.data(), in_place.data());
    for_each_element(c.b, [&](auto i, auto, auto) { expected[i] = naive_relu(c.x[i]); });
    for_each_element(c.b, [&](auto i, auto, auto) { CHECK(oracle::same(in_place[i], expected[i])); });
  });
}

TEST_CASE("relu_backward_sum gives relu_backward and row_sums in one pass") {
  over_random_blocks([](const Table& t, Case& c, oracle::Source& source, bool accumulate) {
    Buffer dx(c.size), sums = source.buffer(c.b.rows), expected_dx(c.size), expected_sums = sums;
    t.relu_backward(c.b, c.x.data(), c.y.data(), expected_dx.data(), false);
    t.row_sums(c.b, c.live, expected_dx.data(), expected_sums.data(), accumulate);
    t.relu_backward_sum(c.b, c.live, c.x.data(), c.y.data(), dx.data(), sums.data(), accumulate);
    check_equal(dx, expected_dx);
    check_equal(sums, expected_sums);
  });
}

TEST_CASE("copy, add and multiply equal their definitions") {
  over_random_blocks([](const Table& t, Case& c, oracle::Source& source, bool accumulate) {
    const Buffer old = source.buffer(c.size);
    Buffer y = old, expected = old;
    for_each_element(c.b, [&](auto i, auto, auto) { expected[i] = accumulate ? old[i] + c.x[i] : c.x[i]; });
    t.copy(c.b, c.x.data(), y.data(), accumulate);
    check_equal(y, expected);

    Buffer sum = old, expected_sum = old;
    for_each_element(c.b, [&](auto i, auto, auto) { expected_sum[i] = c.x[i] + c.y[i]; });
    t.add(c.b, c.x.data(), c.y.data(), sum.data());
    check_equal(sum, expected_sum);

    Buffer product = old, expected_product = old;
    for_each_element(c.b, [&](auto i, auto, auto) {
      expected_product[i] = accumulate ? oracle::fma(c.x[i], c.y[i], old[i]) : c.x[i] * c.y[i];
    });
    t.multiply(c.b, c.x.data(), c.y.data(), product.data(), accumulate);
    check_equal(product, expected_product);
  });
}

TEST_CASE("values spread over rows or columns equal their definitions") {
  over_random_blocks([](const Table& t, Case& c, oracle::Source& source, bool accumulate) {
    const Buffer old = source.buffer(c.size);
    Buffer sum = old, expected_sum = old, product = old, expected_product = old;
    for_each_element(c.b, [&](auto i, auto r, auto) {
      expected_sum[i] = c.x[i] + c.s[r];
      expected_product[i] = accumulate ? oracle::fma(c.x[i], c.s[r], old[i]) : c.x[i] * c.s[r];
    });
    t.add_rows(c.b, c.x.data(), c.s.data(), sum.data());
    t.multiply_rows(c.b, c.x.data(), c.s.data(), product.data(), accumulate);
    check_equal(sum, expected_sum);
    check_equal(product, expected_product);

    const float divisor = source.value() + 3.0F;
    Buffer row = old, expected_row = old, column = old, expected_column = old;
    for_each_element(c.b, [&](auto i, auto r, auto n) {
      expected_row[i] = accumulate ? old[i] + c.s[n] / divisor : c.s[n] / divisor;
      const float value = c.s[r] / divisor;
      if (n < c.live) {
        expected_column[i] = accumulate ? old[i] + value : value;
      } else if (!accumulate) {
        expected_column[i] = 0.0F;
      }
    });
    t.spread_row(c.b, c.s.data(), divisor, row.data(), accumulate);
    t.spread_column(c.b, c.s.data(), divisor, c.live, column.data(), accumulate);
    check_equal(row, expected_row);
    check_equal(column, expected_column);
  });
}

TEST_CASE("reductions add sixteen lanes in order and then the fixed tree, whatever dead lanes hold") {
  over_random_blocks([](const Table& t, Case& c, oracle::Source& source, bool accumulate) {
    const float divisor = source.value() + 3.0F;
    Buffer sums = source.buffer(c.b.rows), dots = sums, means(c.b.rows);
    Buffer expected_sums = sums, expected_dots = sums, expected_means(c.b.rows);
    for_each_element(c.b, [&](auto i, auto, auto n) {
      if (n >= c.live) c.x[i] = not_a_number;
    });
    for (std::int64_t r = 0; r < c.b.rows; ++r) {
      float partial[16] = {}, partial_dots[16] = {};
      for (std::int64_t n = 0; n < c.live; ++n) {
        const std::int64_t i = r * c.b.stride + n;
        partial[n % 16] += c.x[i];
        partial_dots[n % 16] = oracle::fma(c.x[i], c.y[i], partial_dots[n % 16]);
      }
      const float sum = oracle::tree(partial), dot = oracle::tree(partial_dots);
      expected_sums[r] = accumulate ? sums[r] + sum : sum;
      expected_dots[r] = accumulate ? dots[r] + dot : dot;
      expected_means[r] = sum / static_cast<float>(c.live);
    }
    t.row_sums(c.b, c.live, c.x.data(), sums.data(), accumulate);
    t.row_dots(c.b, c.live, c.x.data(), c.y.data(), dots.data(), accumulate);
    t.row_means(c.b, c.live, c.x.data(), means.data());
    check_equal(sums, expected_sums);
    check_equal(dots, expected_dots);
    check_equal(means, expected_means);

    Buffer columns(c.b.vectors * 16), expected_columns(c.b.vectors * 16);
    for (std::int64_t n = 0; n < c.b.vectors * 16; ++n) {
      float sum = c.y[n];
      for (std::int64_t r = 1; r < c.b.rows; ++r) sum += c.y[r * c.b.stride + n];
      expected_columns[n] = sum / divisor;
    }
    t.column_sums(c.b, c.y.data(), divisor, columns.data());
    check_equal(columns, expected_columns);

    const std::int64_t n = source.below(c.size + 1);
    float partial[16] = {};
    for (std::int64_t i = 0; i < n; ++i) partial[i % 16] += c.y[i];
    CHECK(oracle::same(t.sum(c.y.data(), n), oracle::tree(partial)));
  });
}
