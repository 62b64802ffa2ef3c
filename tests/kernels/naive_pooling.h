// Pooling of one image of floats, as the textbook has it.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace quench_test {

struct NaivePool {
  std::int64_t rows, columns;  ///< of the image
  std::int64_t window, stride;
  bool relu = false;  ///< for maximum()

  std::int64_t y_rows() const { return (rows - window) / stride + 1; }
  std::int64_t y_columns() const { return (columns - window) / stride + 1; }
  std::size_t y_size() const { return static_cast<std::size_t>(y_rows() * y_columns()); }

  /// The maximum of each window, and the place in it where it was.
  std::vector<float> maximum(const std::vector<float>& x, std::vector<std::int64_t>& places) const {
    std::vector<float> y;
    places.clear();
    for_each_window([&](std::int64_t row, std::int64_t column) {
      float largest = 0;
      std::int64_t place = 0;
      for (std::int64_t i = 0; i < window * window; ++i) {
        float value = x[at(row + i / window, column + i % window)];
        if (relu) value = value <= 0.0F ? 0.0F : value;
        if (i > 0 && !(value > largest || std::isnan(value))) continue;
        largest = value;
        place = i;
      }
      y.push_back(largest);
      places.push_back(place);
    });
    return y;
  }

  std::vector<float> average(const std::vector<float>& x) const {
    std::vector<float> y;
    for_each_window([&](std::int64_t row, std::int64_t column) {
      float sum = x[at(row, column)];
      for (std::int64_t i = 1; i < window * window; ++i) sum += x[at(row + i / window, column + i % window)];
      y.push_back(sum / static_cast<float>(window * window));
    });
    return y;
  }

  /// dx from dy, of the maxima at `places` or, without any, of the averages. old: what it is added to, if anything.
  std::vector<float> gradient(const std::vector<float>& dy, const std::vector<std::int64_t>& places,
                              const std::vector<float>& old = {}) const {
    std::vector<float> dx = old.empty() ? std::vector<float>(static_cast<std::size_t>(rows * columns)) : old;
    std::vector<char> begun(dx.size(), old.empty() ? 0 : 1);
    std::size_t w = 0;
    for_each_window([&](std::int64_t row, std::int64_t column) {
      for (std::int64_t i = 0; i < window * window; ++i) {
        const std::size_t here = at(row + i / window, column + i % window);
        const float part = places.empty()   ? dy[w] / static_cast<float>(window * window)
                           : places[w] == i ? dy[w]
                                            : 0.0F;
        dx[here] = begun[here] != 0 ? dx[here] + part : part;
        begun[here] = 1;
      }
      ++w;
    });
    return dx;
  }

 private:
  std::size_t at(std::int64_t row, std::int64_t column) const {
    return static_cast<std::size_t>(row * columns + column);
  }
  /// body(first row, first column) of each window, in order.
  template <typename Body>
  void for_each_window(Body body) const {
    for (std::int64_t row = 0; row + window <= rows; row += stride) {
      for (std::int64_t column = 0; column + window <= columns; column += stride) body(row, column);
    }
  }
};

}  // namespace quench_test
