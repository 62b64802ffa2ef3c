#include "io/checksum.h"

#include <bit>

namespace quench::io {

void Checksum::add(std::uint64_t word) { hash_ = std::rotl((hash_ ^ word) * 0x9E3779B97F4A7C15U, 32); }

void Checksum::add(std::span<const std::uint8_t> bytes) {
  add(std::uint64_t{bytes.size()});
  // Compilers turn the eight shifts into one load where the byte order allows.
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    const std::uint8_t* b = bytes.data();
    add(std::uint64_t{b[0]} | std::uint64_t{b[1]} << 8 | std::uint64_t{b[2]} << 16 | std::uint64_t{b[3]} << 24 |
        std::uint64_t{b[4]} << 32 | std::uint64_t{b[5]} << 40 | std::uint64_t{b[6]} << 48 |
        std::uint64_t{b[7]} << 56);
  }
  if (bytes.empty()) return;
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) last |= std::uint64_t{bytes[i]} << (8 * i);
  add(last);
}

void Checksum::add(std::span<const float> values) {
  add(std::uint64_t{values.size()});
  for (const float value : values) add(std::uint64_t{std::bit_cast<std::uint32_t>(value)});
}

}  // namespace quench::io
