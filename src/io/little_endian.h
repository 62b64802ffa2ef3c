// Numbers as files keep them: the lowest byte first, whatever the machine does.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace quench::io {

/// The unsigned integer that has the bits of a number.
template <typename Value>
using Bits =
    std::conditional_t<sizeof(Value) == 1, std::uint8_t,
                       std::conditional_t<sizeof(Value) == 2, std::uint16_t,
                                          std::conditional_t<sizeof(Value) == 4, std::uint32_t, std::uint64_t>>>;

/// The integer or floating-point number of sizeof(Value) bytes.
template <typename Value>
Value from_little_endian(const char* bytes) {
  Bits<Value> bits = 0;
  for (std::size_t i = 0; i < sizeof(Value); ++i)
    bits =
        static_cast<Bits<Value>>(bits | static_cast<Bits<Value>>(static_cast<unsigned char>(bytes[i])) << (8 * i));
  return std::bit_cast<Value>(bits);
}

template <typename Value>
void append_little_endian(std::string& out, Value value) {
  const auto bits = std::bit_cast<Bits<Value>>(value);
  for (std::size_t i = 0; i < sizeof(Value); ++i) out += static_cast<char>(bits >> (8 * i) & 0xff);
}

}  // namespace quench::io
