// A file's contents in one piece.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

namespace quench::io {

/// All bytes of a regular file. Throws Error, "<file> cannot be read: <why>", when there is none, it is something
/// else (reading a pipe could wait forever) or has more than `most_bytes`; `expected`, if not empty, says what was
/// looked for where there is none.
std::string read_file(const std::filesystem::path& file,
                      std::uint64_t most_bytes = std::numeric_limits<std::uint64_t>::max(),
                      std::string_view expected = {});

}  // namespace quench::io
