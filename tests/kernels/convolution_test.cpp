#include "kernels/convolution.h"

#include <doctest/doctest.h>

#include <cmath>

#include "instrumented.h"
#include "kernels/oracle.h"
#include "quench/executor.h"

using namespace quench;
using kernels::Convolution;
using kernels::OutputGradient;
using oracle::Buffer;
using quench_test::instrumented;
using std::int64_t;

namespace {

std::string describe(const Convolution& c) {
  return std::string(kernels::table().name) + " " + std::to_string(c.in_channels) + "x" +
         std::to_string(c.in_rows) + "x" + std::to_string(c.in_columns) + " -> " + std::to_string(c.out_channels) +
         ", kernel " + std::to_string(c.kernel) + " stride " + std::to_string(c.stride) + " padding " +
         std::to_string(c.padding) + ", " + std::to_string(c.live) + " of " + std::to_string(c.lanes) + " lanes";
}

struct Naive {
  const Convolution& c;

  int64_t in(int64_t channel, int64_t row, int64_t column, int64_t n) const {
    return ((channel * c.in_rows + row) * c.in_columns + column) * c.lanes + n;
  }
  int64_t out(int64_t channel, int64_t row, int64_t column, int64_t n) const {
    return ((channel * c.out_rows() + row) * c.out_columns() + column) * c.lanes + n;
  }
  int64_t weight(int64_t o, int64_t i, int64_t ky, int64_t kx) const {
    return ((o * c.in_channels + i) * c.kernel + ky) * c.kernel + kx;
  }
  int64_t in_size() const { return c.in_channels * c.in_rows * c.in_columns * c.lanes; }
  int64_t out_size() const { return c.out_channels * c.out_rows() * c.out_columns() * c.lanes; }
  int64_t weights() const { return c.out_channels * c.in_channels * c.kernel * c.kernel; }

  /// body(o, i, ky, kx, y, x, row, column) for every tap that lies inside, outputs in order, then taps in order.
  template <typename Body>
  void for_each_tap(int64_t o, int64_t y, int64_t x, Body body) const {
    for (int64_t i = 0; i < c.in_channels; ++i) {
      for (int64_t ky = 0; ky < c.kernel; ++ky) {
        for (int64_t kx = 0; kx < c.kernel; ++kx) {
          const int64_t row = y * c.stride + ky - c.padding, column = x * c.stride + kx - c.padding;
          if (row < 0 || row >= c.in_rows || column < 0 || column >= c.in_columns) continue;
          body(i, weight(o, i, ky, kx), row, column);
        }
      }
    }
  }

  void forward(const Buffer& x, const Buffer& w, const Buffer& bias, bool relu, Buffer& y) const {
    for (int64_t o = 0; o < c.out_channels; ++o) {
      for (int64_t r = 0; r < c.out_rows(); ++r) {
        for (int64_t q = 0; q < c.out_columns(); ++q) {
          for (int64_t n = 0; n < c.live; ++n) {
            float sum = bias[o];
            for_each_tap(o, r, q, [&](int64_t i, int64_t k, int64_t row, int64_t column) {
              sum = oracle::fma(w[k], x[in(i, row, column, n)], sum);
            });
            y[out(o, r, q, n)] = relu && sum <= 0.0F ? 0.0F : sum;
          }
        }
      }
    }
  }

  /// One chain over (o, ky, kx) for each element of dx.
  void input_gradient(const Buffer& dy, const Buffer& w, bool accumulate, Buffer& dx) const {
    for (int64_t i = 0; i < c.in_channels; ++i) {
      for (int64_t row = 0; row < c.in_rows; ++row) {
        for (int64_t column = 0; column < c.in_columns; ++column) {
          for (int64_t n = 0; n < c.live; ++n) {
            float sum = accumulate ? dx[in(i, row, column, n)] : 0.0F;
            for (int64_t o = 0; o < c.out_channels; ++o) {
              for (int64_t ky = 0; ky < c.kernel; ++ky) {
                for (int64_t kx = 0; kx < c.kernel; ++kx) {
                  const int64_t y = row + c.padding - ky, x = column + c.padding - kx;
                  if (y < 0 || y % c.stride != 0 || y / c.stride >= c.out_rows()) continue;
                  if (x < 0 || x % c.stride != 0 || x / c.stride >= c.out_columns()) continue;
                  sum = oracle::fma(w[weight(o, i, ky, kx)], dy[out(o, y / c.stride, x / c.stride, n)], sum);
                }
              }
            }
            dx[in(i, row, column, n)] = sum;
          }
        }
      }
    }
  }

  /// body(y, x, n, lane) for all positions and live examples of a group, in the order in which they are summed.
  template <typename Body>
  void for_each_position(Body body) const {
    for (int64_t first = 0; first < c.live; first += 16) {
      const int64_t here = std::min<int64_t>(16, c.live - first);
      int64_t few = 16;
      if (c.stride == 1) {
        while (few / 2 >= here) few /= 2;
      }
      for (int64_t y = 0; y < c.out_rows(); ++y) {
        for (int64_t x = 0; x < c.out_columns(); ++x) {
          for (int64_t n = 0; n < here; ++n) body(y, x, first + n, (x * few + n) % 16);
        }
      }
    }
  }

  void weight_gradient(const Buffer& dy, const Buffer& x, bool accumulate, Buffer& dw, Buffer& db) const {
    for (int64_t o = 0; o < c.out_channels; ++o) {
      float bias[16] = {};
      for_each_position([&](int64_t r, int64_t q, int64_t n, int64_t lane) { bias[lane] += dy[out(o, r, q, n)]; });
      db[o] = accumulate ? db[o] + oracle::tree(bias) : oracle::tree(bias);
      for (int64_t i = 0; i < c.in_channels; ++i) {
        for (int64_t ky = 0; ky < c.kernel; ++ky) {
          for (int64_t kx = 0; kx < c.kernel; ++kx) {
            float sums[16] = {};
            for_each_position([&](int64_t r, int64_t q, int64_t n, int64_t lane) {
              const int64_t row = r * c.stride + ky - c.padding, column = q * c.stride + kx - c.padding;
              if (row < 0 || row >= c.in_rows || column < 0 || column >= c.in_columns) return;
              sums[lane] = oracle::fma(x[in(i, row, column, n)], dy[out(o, r, q, n)], sums[lane]);
            });
            const float sum = oracle::tree(sums);
            float& w = dw[weight(o, i, ky, kx)];
            w = accumulate ? w + sum : sum;
          }
        }
      }
    }
  }
};

/// Index of the first live element that differs, or -1.
int64_t first_difference(const Convolution& c, const Buffer& a, const Buffer& b) {
  for (int64_t i = 0; i < static_cast<int64_t>(a.size()); ++i) {
    if (i % c.lanes < c.live && !oracle::same(a[i], b[i])) return i;
  }
  return -1;
}

/// Dead lanes of a gradient are 0.
void clear_dead(const Convolution& c, Buffer& x) {
  for (int64_t i = 0; i < static_cast<int64_t>(x.size()); ++i) {
    if (i % c.lanes >= c.live) x[i] = 0.0F;
  }
}

void check_gradients(const Convolution& c, const Naive& naive, const OutputGradient& gradient, const Buffer& dense,
                     oracle::Source& source, Executor& executor) {
  const Buffer x = source.buffer(naive.in_size()), w = source.buffer(naive.weights());
  const bool accumulate = source.below(2) == 1;
  Buffer dx = source.buffer(naive.in_size()), expected = dx;
  const std::uint64_t floats = kernels::convolution_input_gradient_workspace(c, gradient.y == nullptr) / 4;
  Buffer workspace(static_cast<int64_t>(floats) + 16, 77.0F);
  kernels::convolution_input_gradient(c, gradient, w.data(), dx.data(), accumulate, workspace.data(), executor);
  naive.input_gradient(dense, w, accumulate, expected);
  CHECK(first_difference(c, dx, expected) == -1);
  for (std::uint64_t i = floats; i < floats + 16; ++i) CHECK(workspace[static_cast<int64_t>(i)] == 77.0F);

  Buffer dw = source.buffer(naive.weights()), db = source.buffer(c.out_channels), dw_expected = dw,
         db_expected = db, db_alone = db;
  const std::uint64_t more = kernels::convolution_weight_gradient_workspace(c) / 4;
  Buffer sums(static_cast<int64_t>(more) + 16, 77.0F);
  kernels::convolution_weight_gradient(c, gradient, x.data(), dw.data(), db.data(), accumulate, accumulate,
                                       sums.data(), executor);
  kernels::convolution_weight_gradient(c, gradient, x.data(), nullptr, db_alone.data(), false, accumulate,
                                       sums.data(), executor);
  naive.weight_gradient(dense, x, accumulate, dw_expected, db_expected);
  CHECK(oracle::first_difference(dw.data(), dw_expected.data(), dw.size()) == -1);
  CHECK(oracle::first_difference(db.data(), db_expected.data(), db.size()) == -1);
  CHECK(oracle::first_difference(db_alone.data(), db_expected.data(), db.size()) == -1);
  for (std::uint64_t i = more; i < more + 16; ++i) CHECK(sums[static_cast<int64_t>(i)] == 77.0F);
}

void check(const Convolution& c, oracle::Source& source, Executor& executor) {
  INFO(describe(c));
  const Naive naive{c};
  {
    const Buffer x = source.buffer(naive.in_size()), w = source.buffer(naive.weights());
    const Buffer bias = source.buffer(c.out_channels);
    const bool relu = source.below(2) == 1;
    Buffer y = source.buffer(naive.out_size()), expected = y;
    kernels::convolve(c, x.data(), w.data(), bias.data(), relu, y.data(), executor);
    naive.forward(x, w, bias, relu, expected);
    CHECK(first_difference(c, y, expected) == -1);
  }
  Buffer dy = source.buffer(naive.out_size());
  clear_dead(c, dy);
  check_gradients(c, naive, {.dy = dy.data()}, dy, source, executor);

  // Behind a ReLU.
  const Buffer y = source.buffer(naive.out_size());
  Buffer masked = dy;
  for (int64_t i = 0; i < naive.out_size(); ++i) masked[i] = y[i] <= 0.0F ? 0.0F : dy[i];
  check_gradients(c, naive, {.dy = dy.data(), .y = y.data()}, masked, source, executor);
}

void check_pooled(const Convolution& c, int64_t window, oracle::Source& source, Executor& executor) {
  INFO(describe(c) << ", window " << window);
  const Naive naive{c};
  const int64_t rows = c.out_rows() / window, columns = c.out_columns() / window;
  const int64_t size = c.out_channels * rows * columns * c.lanes;
  const Buffer x = source.buffer(naive.in_size()), w = source.buffer(naive.weights());
  const Buffer bias = source.buffer(c.out_channels);
  Buffer all(naive.out_size()), y = source.buffer(size), expected(size), dy = source.buffer(size);
  std::vector<std::uint8_t> index(static_cast<std::size_t>(size), 99), places(index.size());
  naive.forward(x, w, bias, true, all);
  clear_dead(c, dy);
  Buffer dense(naive.out_size());
  for (int64_t o = 0; o < c.out_channels; ++o) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t q = 0; q < columns; ++q) {
        for (int64_t n = 0; n < c.live; ++n) {
          int64_t best = 0;
          const auto at = [&](int64_t place) {
            return naive.out(o, r * window + place / window, q * window + place % window, n);
          };
          for (int64_t place = 1; place < window * window; ++place) {
            if (all[at(place)] > all[at(best)] || std::isnan(all[at(place)])) best = place;
          }
          const int64_t to = ((o * rows + r) * columns + q) * c.lanes + n;
          expected[to] = all[at(best)];
          places[static_cast<std::size_t>(to)] = static_cast<std::uint8_t>(best);
          dense[at(best)] = expected[to] <= 0.0F ? 0.0F : dy[to];
        }
      }
    }
  }
  kernels::convolve_relu_max_pool(c, x.data(), w.data(), bias.data(), window, y.data(), index.data(), executor);
  CHECK(first_difference(c, y, expected) == -1);
  int64_t wrong = -1;
  for (int64_t i = 0; i < size; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (i % c.lanes < c.live && index[at] != places[at]) wrong = i;
  }
  CHECK(wrong == -1);
  Buffer y_alone = y;
  for (int64_t i = 0; i < size; ++i) y_alone[i] = 77.0F;
  kernels::convolve_relu_max_pool(c, x.data(), w.data(), bias.data(), window, y_alone.data(), nullptr, executor);
  CHECK(first_difference(c, y_alone, expected) == -1);
  check_gradients(c, naive, {.dy = dy.data(), .y = expected.data(), .index = places.data(), .window = window},
                  dense, source, executor);
}

/// The sum of a[i] b[i] over the live examples, in double.
double inner_product(const Convolution& c, const Buffer& a, const Buffer& b) {
  double sum = 0;
  for (int64_t i = 0; i < static_cast<int64_t>(a.size()); ++i) {
    if (i % c.lanes < c.live) sum += double{a[i]} * double{b[i]};
  }
  return sum;
}

/// With T(w, x, dy) the sum of w x dy over all outputs, examples and taps inside: <conv(x), dy>, <x, dx> and <w,
/// dw> all are T. Each was added up in chains of at most `n` terms, every one of which is rounded once or twice, so
/// that it is off by at most (n + 1) 2^-24 T(|w|, |x|, |dy|), to first order; sums in double add nothing that
/// counts.
void check_adjoint(const Convolution& c, oracle::Source& source, Executor& executor) {
  INFO(describe(c));
  const Naive naive{c};
  const Buffer x = source.buffer(naive.in_size()), w = source.buffer(naive.weights()), bias(c.out_channels);
  Buffer dy = source.buffer(naive.out_size()), y(naive.out_size()), dx(naive.in_size());
  clear_dead(c, dy);
  Buffer dw(naive.weights()), db(c.out_channels);
  const OutputGradient gradient{.dy = dy.data()};
  kernels::convolve(c, x.data(), w.data(), bias.data(), false, y.data(), executor);
  Buffer workspace(static_cast<int64_t>(kernels::convolution_input_gradient_workspace(c, true) / 4));
  kernels::convolution_input_gradient(c, gradient, w.data(), dx.data(), false, workspace.data(), executor);
  Buffer sums(static_cast<int64_t>(kernels::convolution_weight_gradient_workspace(c) / 4));
  kernels::convolution_weight_gradient(c, gradient, x.data(), dw.data(), db.data(), false, false, sums.data(),
                                       executor);

  double total = 0, magnitude = 0;
  for (int64_t o = 0; o < c.out_channels; ++o) {
    for (int64_t r = 0; r < c.out_rows(); ++r) {
      for (int64_t q = 0; q < c.out_columns(); ++q) {
        naive.for_each_tap(o, r, q, [&](int64_t i, int64_t k, int64_t row, int64_t column) {
          for (int64_t n = 0; n < c.live; ++n) {
            const double term =
                double{w[k]} * double{x[naive.in(i, row, column, n)]} * double{dy[naive.out(o, r, q, n)]};
            total += term;
            magnitude += std::abs(term);
          }
        });
      }
    }
  }
  double by_weights = 0;
  for (int64_t k = 0; k < naive.weights(); ++k) by_weights += double{w[k]} * double{dw[k]};
  const auto within = [&](double found, int64_t terms) {
    return std::abs(found - total) <= static_cast<double>(terms + 1) * 0x1.01p-24 * magnitude;
  };
  const int64_t positions = c.out_rows() * c.out_columns() * ((c.live + 15) / 16);
  CHECK(within(inner_product(c, y, dy), 1 + c.in_channels * c.taps()));
  CHECK(within(inner_product(c, x, dx), c.out_channels * c.taps()));
  CHECK(within(by_weights, positions + 4));  // and the tree over 16 partial sums
}

int64_t batch(oracle::Source& source) {
  static const int64_t usual[] = {1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 20, 33, 48, 64};
  return usual[source.below(14)];
}

Convolution shape(int64_t in, int64_t rows, int64_t columns, int64_t out, int64_t kernel, int64_t stride,
                  int64_t padding, int64_t live) {
  return {in, rows, columns, out, kernel, stride, padding, (live + 15) / 16 * 16, live};
}

/// Any shape with at least one output, small enough for the naive loops.
Convolution random_shape(oracle::Source& source) {
  for (;;) {
    Convolution c{};
    c.in_channels = source.below(5) + 1;
    c.out_channels = source.below(9) + 1;
    c.in_rows = source.below(12) + 1;
    c.in_columns = source.below(14) + 1;
    c.kernel = source.below(7) + 1;
    c.stride = source.below(3) == 0 ? source.below(4) + 1 : 1;
    c.padding = source.below(4);
    c.live = batch(source);
    c.lanes = (c.live + 15) / 16 * 16 + 16 * source.below(2);
    if (c.in_rows + 2 * c.padding < c.kernel || c.in_columns + 2 * c.padding < c.kernel) continue;
    return c;
  }
}

}  // namespace

TEST_CASE("every pass of a convolution equals the naive loops bit for bit, over random shapes") {
  ThreadPool pool(3);
  oracle::for_each_table([&](const kernels::Table&) {
    oracle::Source source(1);
    for (int i = 0; i < (instrumented ? 30 : 100); ++i) check(random_shape(source), source, pool);
  });
}

TEST_CASE(
    "an infinity or a NaN reaches what its products are part of, and nothing else: no padding, no idle lane") {
  ThreadPool pool(2);
  oracle::for_each_table([&](const kernels::Table&) {
    oracle::Source source(6, true);
    for (int i = 0; i < (instrumented ? 20 : 60); ++i) {
      const Convolution c = random_shape(source);
      const int64_t window = source.below(3) + 2;
      check(c, source, pool);
      if (c.out_rows() >= window && c.out_columns() >= window) check_pooled(c, window, source, pool);
    }
  });
}

TEST_CASE("the gradients of a convolution are its adjoints in images and in weights, over random shapes") {
  ThreadPool pool(2);
  oracle::for_each_table([&](const kernels::Table&) {
    oracle::Source source(4);
    for (int i = 0; i < (instrumented ? 10 : 40); ++i) check_adjoint(random_shape(source), source, pool);
  });
}

TEST_CASE("convolutions of batches around a vector and of 100, of one channel, of images smaller than the kernel") {
  ThreadPool pool(3);
  oracle::for_each_table([&](const kernels::Table&) {
    oracle::Source source(5);
    for (const Convolution& c :
         {shape(1, 5, 4, 1, 3, 1, 1, 1), shape(1, 6, 5, 3, 5, 1, 2, 15), shape(2, 3, 2, 2, 5, 1, 2, 16),
          shape(3, 4, 6, 1, 3, 2, 0, 17), shape(2, 6, 5, 3, 5, 1, 2, 100), shape(1, 3, 4, 2, 5, 1, 2, 100),
          shape(3, 7, 5, 2, 3, 2, 1, 100), shape(1, 2, 3, 1, 4, 1, 1, 100)}) {
      check(c, source, pool);
      if (c.out_rows() >= 2 && c.out_columns() >= 2) check_pooled(c, 2, source, pool);
      check_adjoint(c, source, pool);
    }
  });
}

TEST_CASE("a convolution with its ReLU and max pooling equals the naive composition, gradients too") {
  ThreadPool pool(2);
  oracle::for_each_table([&](const kernels::Table&) {
    oracle::Source source(2);
    for (int i = 0; i < (instrumented ? 20 : 60); ++i) {
      Convolution c = random_shape(source);
      const int64_t window = source.below(3) + 2;
      if (c.out_rows() < window || c.out_columns() < window) continue;
      check_pooled(c, window, source, pool);
    }
  });
}

TEST_CASE("the memory of a weight gradient does not grow with the weights, nor with padding that is strided over") {
  const Convolution c = shape(512, 14, 14, 512, 3, 1, 1, 16);
  CHECK(kernels::convolution_weight_gradient_workspace(c) < 4U << 20U);  // 16 partial sums of each: 151 MB
  const std::int64_t far = std::int64_t{1} << 31;
  CHECK(kernels::convolution_weight_gradient_workspace(shape(1, 4, 4, 1, 1, far, far, 16)) < 1U << 20U);
}

TEST_CASE("convolutions of the sizes that are tuned, and of some that fit no block") {
  ThreadPool pool(3);
  oracle::for_each_table([&](const kernels::Table&) {
    oracle::Source source(3);
    for (const Convolution& c :
         {shape(3, 6, 32, 16, 5, 1, 2, 20), shape(16, 6, 16, 20, 5, 1, 2, 1), shape(20, 4, 8, 20, 5, 1, 2, 20),
          shape(1, 3, 300, 2, 3, 1, 1, 3), shape(2, 9, 150, 3, 9, 2, 4, 16), shape(40, 3, 4, 3, 3, 1, 1, 4),
          shape(1, 40, 33, 1, 30, 7, 11, 17), shape(1, 2, 700, 1, 2, 40, 0, 16),
          // Rows of padding alone, of more channels than lie on the stack.
          shape(64, 16, 32, 4, 1, 1, 2, 8),
          // More channels of outputs than wait to be pooled, or lie on the stack, at once.
          shape(2, 4, 6, 64, 3, 1, 1, 48), shape(2, 5, 4, 200, 3, 1, 1, 8)}) {
      check(c, source, pool);
      if (c.out_rows() >= 2 && c.out_columns() >= 2) check_pooled(c, 2, source, pool);
    }
    check_pooled(shape(2, 4, 9, 20, 3, 1, 1, 48), 4, source, pool);
  });
}
