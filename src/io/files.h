// Writing files so that a full disk, or the end of this process at any moment, leaves the old contents or the new
// ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "io/descriptor.h"

namespace quench::io {

/// What can be wrong with a file besides what the system reports.
enum class FileError {
  shorter = 1,  ///< than what was written: somebody cut it
  longer,       ///< than what was written: somebody else writes to it
  irregular,    ///< a pipe, a folder or a device stands in its place
};
std::error_code make_error_code(FileError error);

/// What the writers need of a disk. Failures are values, because a disk that is full now may have room a moment
/// later; tests derive from it a disk that fills when told to.
class Files {
 public:
  virtual ~Files() = default;

  /// Makes a file that must not be there yet (file_exists): of several that try at once one succeeds. A file that
  /// cannot be filled is removed again.
  virtual std::error_code create(const std::filesystem::path& file, std::string_view contents) = 0;

  /// The file holds `contents` afterwards, or on failure what it held before: written beside under partial_name(),
  /// synced, renamed.
  virtual std::error_code replace(const std::filesystem::path& file, std::string_view contents) = 0;

  /// Makes a file, or empties it, writes and syncs it: it is on the disk then.
  virtual std::error_code write(const std::filesystem::path& file, std::string_view contents) = 0;

  /// Renames a file or a folder within its folder; a file that has the name `to` is replaced.
  virtual std::error_code rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;

  /// What was written to a regular file, or which names a folder has, is on the disk afterwards.
  virtual std::error_code sync(const std::filesystem::path& file) = 0;

  /// Makes a folder; one that is there already is left as it is.
  virtual std::error_code make_folder(const std::filesystem::path& folder) = 0;

  /// Adds `bytes` to a regular file of `size` bytes; of any other size it is left alone. On failure the first of
  /// the bytes may have been added. They are in the hands of the system then, not synced: they outlive this
  /// process, but not a power cut.
  virtual Written append(const std::filesystem::path& file, std::uint64_t size, std::string_view bytes) = 0;

  /// Cuts a regular file of `keep` to `size` bytes down to `keep`; of any other size it is left alone.
  virtual std::error_code cut(const std::filesystem::path& file, std::uint64_t size, std::uint64_t keep) = 0;
};

/// The disk of this machine.
Files& disk();

/// <file>.<process>.partial: a name beside the file that no other process uses.
std::filesystem::path partial_name(std::filesystem::path file);

/// Why `file` could not be written, or nothing; leaves everything as it was, also the contents of a file there.
std::error_code check_writable(const std::filesystem::path& file);

}  // namespace quench::io

template <>
struct std::is_error_code_enum<quench::io::FileError> : std::true_type {};
