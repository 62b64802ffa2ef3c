// Reading a file as a whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace quench::io {

/// The contents. Throws Error, naming the file, when there is none that can be read, it is no regular file (reading
/// a pipe could wait forever) or larger than `most_bytes`.
std::string read_file(const std::filesystem::path& file, std::uint64_t most_bytes);

}  // namespace quench::io
