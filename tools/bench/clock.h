// The clock that everything is timed with.
#pragma once

#include <chrono>

namespace quench::bench {

/// Seconds since some moment.
inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace quench::bench
