// A host program's floating-point mode, in which an embedder may call the library.
#pragma once

#include <cfenv>
#include <cstdint>
#include <limits>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace quench_test {

// Through volatile, so that they are computed when and where they are written. -1/3 lies between these two floats,
// nearer to the second.
inline constexpr float minus_third_upwards = -0x1.555554p-2F;
inline constexpr float minus_third_nearest = -0x1.555556p-2F;

inline float minus_third() {
  volatile float minus_one = -1.0F, three = 3.0F;
  return minus_one / three;
}
inline float half_of_smallest_normal() {
  volatile float smallest = std::numeric_limits<float>::min(), half = 0.5F;
  return smallest * half;
}

/// A host program's mode: rounds upwards and, where that exists, flushes subnormal numbers to zero.
class UnusualHost {
 public:
  UnusualHost() {
    std::fegetenv(&saved_);
    std::fesetround(FE_UPWARD);
#if defined(__SSE__)
    _mm_setcsr(_mm_getcsr() | 0x8040U);
#elif defined(__aarch64__)
    std::uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | (std::uint64_t{1} << 24)));
#endif
  }
  ~UnusualHost() { std::fesetenv(&saved_); }
  UnusualHost(const UnusualHost&) = delete;
  UnusualHost& operator=(const UnusualHost&) = delete;

  static bool in_force() {
    bool flushes = true;
#if defined(__SSE__) || defined(__aarch64__)
    flushes = half_of_smallest_normal() == 0.0F;
#endif
    return flushes && minus_third() == minus_third_upwards && std::fegetround() == FE_UPWARD;
  }

 private:
  std::fenv_t saved_;
};

}  // namespace quench_test
