// Floats to compute with.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace quench::bench {

/// Floats at the start of a page, random numbers from -1 to 1.
class Buffer {
 public:
  explicit Buffer(std::int64_t count, std::uint32_t seed = 1)
      : floats_(static_cast<float*>(::operator new(bytes(count), page))) {
    for (std::int64_t i = 0; i < count; ++i) {
      seed = seed * 1664525U + 1013904223U;
      floats_.get()[i] = static_cast<float>(seed >> 8) * (2.0F / 16777216.0F) - 1.0F;
    }
  }
  float* data() { return floats_.get(); }
  const float* data() const { return floats_.get(); }

 private:
  static constexpr std::align_val_t page{4096};
  static std::size_t bytes(std::int64_t count) {
    return static_cast<std::size_t>(std::max<std::int64_t>(count, 1)) * sizeof(float);
  }
  struct Delete {
    void operator()(float* block) const { ::operator delete(block, page); }
  };
  std::unique_ptr<float, Delete> floats_;
};

}  // namespace quench::bench
