// The sums that updates measure, naively.
#pragma once

#include "kernels/oracle.h"

namespace oracle {

/// Sums as the contract fixes them: lane = column mod 16; in float over whole rows, or 16 groups of a longer one,
/// as long as they make no more than 16 groups together; then sixteen double lanes; then the tree.
class FloatRuns {
 public:
  void begin_row(std::int64_t columns) {
    const std::int64_t groups = (columns + 15) / 16;
    if (groups_ + groups > 16) flush();
    groups_ += groups;
  }
  void add(std::int64_t column, float a, float b) { run_[column % 16] = fma(a, b, run_[column % 16]); }
  double total() {
    flush();
    return tree(lanes_);
  }

 private:
  void flush() {
    groups_ = 0;
    for (int l = 0; l < 16; ++l) {
      lanes_[l] += static_cast<double>(run_[l]);
      run_[l] = 0.0F;
    }
  }
  std::int64_t groups_ = 0;
  float run_[16] = {};
  double lanes_[16] = {};
};

/// The same in double throughout; the products of two floats are exact.
class Doubles {
 public:
  void add(std::int64_t column, float a, float b) {
    lanes_[column % 16] += static_cast<double>(a) * static_cast<double>(b);
  }
  /// What the square of a number that becomes `to` grows by.
  void add_growth(std::int64_t column, float from, float to) {
    const auto a = static_cast<double>(from), b = static_cast<double>(to);
    lanes_[column % 16] += (b + a) * (b - a);
  }
  /// A product that is not exact.
  void add_fused(std::int64_t column, double a, double b) { lanes_[column % 16] = fma(a, b, lanes_[column % 16]); }
  double total() const { return tree(lanes_); }

 private:
  double lanes_[16] = {};
};

}  // namespace oracle
