// A 64-bit fingerprint of data: tells whether two runs saw the same images or ended with the same parameters.
#pragma once

#include <cstdint>
#include <span>

namespace quench::io {

/// Feeds on 64-bit words, h = rotate((h ^ word) * p, 32) from h = p, with p = 0x9E3779B97F4A7C15: each step is a
/// bijection of h, so that one changed word always changes the result. Independent of the machine. Not a defence
/// against people who forge data.
class Checksum {
 public:
  void add(std::uint64_t word);
  /// The length, then eight bytes a word, the first the lowest, the last word filled with zeros.
  void add(std::span<const std::uint8_t> bytes);
  /// The length, then a word for each value: its bit pattern.
  void add(std::span<const float> values);

  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0x9E3779B97F4A7C15U;
};

}  // namespace quench::io
