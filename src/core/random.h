// Counter-based random numbers: every draw is a pure function of (seed, stream, index, position).
#pragma once

#include <array>
#include <cstdint>

namespace quench {

/// What a stream is for, so that no two uses of one seed see the same numbers.
enum class Stream : std::uint32_t {
  weights = 1,
  shuffle = 2,
  iid = 3,
  images = 4,
  selftest = 5,
  landscape = 6,  // at which steps a run measures -G . v
  products = 7    // mini-batches for products with the Hessian
};

/// One block of Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A stream of Philox numbers, read 32 bits at a time: block b is philox({b, stream, index low, index high}, seed).
/// 2^34 numbers before it repeats. No state but a counter, the same on every machine; makes no call to a library.
class Random {
 public:
  /// index numbers the streams of one purpose: e.g. (weights, number of the parameter), (shuffle, epoch),
  /// (images, number of the image).
  Random(std::uint64_t seed, Stream stream, std::uint64_t index = 0);

  std::uint32_t next() {
    if (used_ == buffered) refill();
    return buffer_[used_++];
  }

  /// Uniform in [0, 1): the upper 24 bits / 2^24, exact in float.
  float uniform();
  /// lo + (hi - lo) * uniform(), three roundings.
  float uniform(float lo, float hi);

  /// Uniform integer in [0, n), n >= 1, without bias (Lemire 2019, by multiplication and rejection).
  std::uint32_t below(std::uint32_t n) {
    std::uint64_t product = std::uint64_t{next()} * n;
    if (static_cast<std::uint32_t>(product) < n) {
      // 2^32 mod n of the low words would give some results one draw too many: they are drawn again.
      const std::uint32_t excess = (0U - n) % n;
      while (static_cast<std::uint32_t>(product) < excess) product = std::uint64_t{next()} * n;
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

  /// Standard normal in double (Box-Muller with the functions of core/math.h).
  double normal();

 private:
  void refill();

  static constexpr int blocks = 8;  // made at a time: independent, so that they overlap in the processor
  static constexpr int buffered = 4 * blocks;

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, buffered> buffer_;
  std::uint32_t used_ = buffered;
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace quench
