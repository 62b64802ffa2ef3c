// Writing files so that a crash or a full disk leaves the old contents or the new ones, nothing between.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace quench::io {

/// What the writers need of a disk. Failures are values, because a disk that is full now may have room a moment
/// later; tests derive from it a disk that fills when told to.
class Files {
 public:
  virtual ~Files() = default;

  /// The file holds `contents` afterwards, or on failure what it held before: written beside under the name
  /// <file>.partial, synced, renamed.
  virtual std::error_code replace(const std::filesystem::path& file, std::string_view contents) = 0;

  /// The file's first `size` bytes are kept, what may follow them (left by a failure) is cut off, and `bytes` are
  /// added: all of them, or on failure none. size = 0 makes the file. A file that is gone, or shorter than `size`,
  /// is a failure.
  virtual std::error_code append(const std::filesystem::path& file, std::uint64_t size, std::string_view bytes) = 0;
};

/// The disk of this machine.
Files& disk();

}  // namespace quench::io
