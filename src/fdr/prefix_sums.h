// Sums over any window of a series that grows at its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fdr/compensated_sum.h"

namespace quench::fdr {

/// Keeps the sum of the first t values for every t, 8 bytes each.
class PrefixSums {
 public:
  PrefixSums() : sums_(1, 0.0) {}

  void reserve(std::int64_t more) {
    const std::size_t need = sums_.size() + static_cast<std::size_t>(more);
    // Doubling, so that an epoch more each time does not copy everything each time.
    if (need > sums_.capacity()) sums_.reserve(need > 2 * sums_.capacity() ? need : 2 * sums_.capacity());
  }
  void add(double value) {
    running_.add(value);
    sums_.push_back(running_.value());
  }
  std::int64_t count() const { return static_cast<std::int64_t>(sums_.size()) - 1; }
  /// Of values first + 1 .. last, 0 <= first <= last <= count().
  double sum(std::int64_t first, std::int64_t last) const {
    return sums_[static_cast<std::size_t>(last)] - sums_[static_cast<std::size_t>(first)];
  }
  void clear() {
    sums_.resize(1);
    running_ = {};
  }

  void archive(Archive& archive, std::string_view name) {
    const Archive::Group group(archive, name);
    archive.values("sums", sums_);
    running_.archive(archive, "running");
    if (sums_.empty()) sums_.assign(1, 0.0);
  }

 private:
  std::vector<double> sums_;
  CompensatedSum running_;
};

}  // namespace quench::fdr
