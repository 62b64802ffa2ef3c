// What the kernels' tests share: the naive arithmetic they must equal, bit by bit.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace oracle {

/// Whether the table under test rounds a * b + c once. (Asked billions of times: its first letter tells.)
inline bool fused() { return quench::kernels::table().numeric_class[0] == 'f'; }

/// a * b + c as the numeric class of the table under test rounds it.
inline float fma(float a, float b, float c) {
  const float product = a * b;
  return fused() ? std::fma(a, b, c) : product + c;
}
inline double fma(double a, double b, double c) {
  const double product = a * b;
  return fused() ? std::fma(a, b, c) : product + c;
}

/// Equal bit patterns; any NaN equals any other.
inline bool same(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}
inline bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

/// Index of the first difference, or -1.
inline std::int64_t first_difference(const float* a, const float* b, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    if (!same(a[i], b[i])) return static_cast<std::int64_t>(i);
  }
  return -1;
}

/// The fixed tree over sixteen partial sums.
template <typename Scalar>
Scalar tree(const Scalar* s) {
  Scalar eight[8], four[4], two[2];
  for (int i = 0; i < 8; ++i) eight[i] = s[i] + s[i + 8];
  for (int i = 0; i < 4; ++i) four[i] = eight[i] + eight[i + 4];
  for (int i = 0; i < 2; ++i) two[i] = four[i] + four[i + 2];
  return two[0] + two[1];
}

/// Floats aligned to 64 bytes, with room past the end for a check that nothing was written there.
class Buffer {
 public:
  explicit Buffer(std::int64_t n, float value = 0.0F) : storage_(static_cast<std::size_t>(n) + 16, value) {
    const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
    first_ = ((64 - address % 64) % 64) / 4;
    size_ = static_cast<std::size_t>(n);
  }
  Buffer(const Buffer& other) : Buffer(static_cast<std::int64_t>(other.size_)) {
    std::memcpy(data(), other.data(), size_ * sizeof(float));
  }
  Buffer& operator=(const Buffer&) = delete;
  float* data() { return storage_.data() + first_; }
  const float* data() const { return storage_.data() + first_; }
  std::size_t size() const { return size_; }
  float& operator[](std::int64_t i) { return data()[i]; }
  float operator[](std::int64_t i) const { return data()[i]; }

 private:
  std::vector<float> storage_;
  std::size_t first_ = 0, size_ = 0;
};

/// Reproducible inputs: mostly ordinary numbers, now and then a zero of either sign; with `one_strange`, one
/// infinity or NaN somewhere in each buffer.
class Source {
 public:
  explicit Source(std::uint64_t seed, bool one_strange = false) : engine_(seed), one_strange_(one_strange) {}
  float value() {
    const auto u = engine_();
    if (u % 61 == 0) return 0.0F;
    if (u % 61 == 1) return -0.0F;
    return static_cast<float>(static_cast<std::int64_t>(u >> 40) - (1 << 23)) / static_cast<float>(1 << 22);
  }
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(n));
  }
  Buffer buffer(std::int64_t n) {
    Buffer b(n);
    for (std::int64_t i = 0; i < n; ++i) b[i] = value();
    if (one_strange_ && n > 0) {
      constexpr float infinity = std::numeric_limits<float>::infinity();
      const float strange[] = {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()};
      b[below(n)] = strange[below(3)];
    }
    return b;
  }

 private:
  std::mt19937_64 engine_;
  bool one_strange_;
};

/// Runs the body once with each table this machine has, and restores the one in use.
template <typename Body>
void for_each_table(Body body) {
  const std::string before = quench::kernels::table().name;
  std::size_t count = 0;
  const auto* list = quench::kernels::tables(&count);
  for (std::size_t i = 0; i < count; ++i) {
    quench::kernels::use_table(list[i]->name);
    body(*list[i]);
  }
  quench::kernels::use_table(before.c_str());
}

}  // namespace oracle
