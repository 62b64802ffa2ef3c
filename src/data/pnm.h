// Pictures in the portable formats of Netpbm: PGM, grey, and PPM, colour.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace quench {

struct Picture {
  int channels = 0;  ///< 1 of a PGM, 3 of a PPM: red, green, blue
  int height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  ///< [channels, height, width]
};

/// Reads a file with one picture, P2 or P3 (in decimal digits), P5 or P6 (in bytes), from the file's contents.
/// Samples count from 0 to the file's maximum, which may be 1 .. 65535, and become bytes: those of a maximum of 255
/// as they are, others scaled and rounded to nearest. Throws Error beginning with `source` for anything else, for a
/// file that is too short or has something after the picture; takes no more memory than the file has bytes.
Picture parse_pnm(std::string_view bytes, std::string_view source);

}  // namespace quench
