// The standard error of a mean over correlated steps.
#pragma once

#include <cmath>
#include <cstdint>

#include "fdr/prefix_sums.h"

namespace quench::fdr {

/// Over a window of n steps, sqrt(n) batches of them.
inline std::int64_t batch_count(std::int64_t n) {
  return static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)));
}

/// One standard error of the mean of values first + 1 .. last, at least 4 of them: from the scatter of the means of
/// batch_count() batches, as equal as whole steps allow.
inline double batch_means_error(const PrefixSums& sums, std::int64_t first, std::int64_t last) {
  const std::int64_t n = last - first, batches = batch_count(n);
  const double mean = sums.sum(first, last) / static_cast<double>(n);
  double squares = 0;
  for (std::int64_t b = 0; b < batches; ++b) {
    const std::int64_t from = first + n * b / batches, to = first + n * (b + 1) / batches;
    const double deviation = sums.sum(from, to) / static_cast<double>(to - from) - mean;
    squares += deviation * deviation;
  }
  const auto count = static_cast<double>(batches);
  return std::sqrt(squares / (count * (count - 1.0)));
}

}  // namespace quench::fdr
