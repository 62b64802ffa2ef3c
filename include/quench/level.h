// A measured mean.
#pragma once

#include <limits>

namespace quench {

/// A mean, and one standard error of it; NaN is what is unknown.
struct Level {
  double mean = std::numeric_limits<double>::quiet_NaN();
  double error = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace quench
