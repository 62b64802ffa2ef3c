// A sum of many doubles with hardly any rounding.
#pragma once

#include <cmath>
#include <string_view>

#include "quench/archive.h"

namespace quench::fdr {

/// Neumaier's summation: the rounding error of every addition is summed beside.
class CompensatedSum {
 public:
  void add(double value) {
    const double next = sum_ + value;
    error_ += std::abs(sum_) >= std::abs(value) ? (sum_ - next) + value : (value - next) + sum_;
    sum_ = next;
  }
  double value() const { return sum_ + error_; }

  void archive(Archive& archive, std::string_view name) {
    const Archive::Group group(archive, name);
    archive.value("sum", sum_);
    archive.value("error", error_);
  }

 private:
  double sum_ = 0, error_ = 0;
};

}  // namespace quench::fdr
