// A file that grows piece by piece and survives a disk that is full for a while.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "io/files.h"
#include "quench/archive.h"

namespace quench::io {

/// A file that this object alone writes to. Pieces that cannot be written stay in memory and go out, in order and
/// one by one, when there is room again; between two calls the file ends with a whole piece, unless the disk
/// refuses even to shorten it: then the next call cuts off what a failed one left. A file that somebody else made
/// shorter or longer is left alone.
class GrowingFile {
 public:
  /// Makes the file, with what it begins with. Throws Error when it is there already or cannot be written.
  GrowingFile(Files& files, std::filesystem::path file, std::string_view beginning);
  /// Goes on with a file that is there: archive() has yet to read what it held.
  GrowingFile(Files& files, std::filesystem::path file) : files_(files), file_(std::move(file)) {}

  /// Gives the file another name in its folder, replacing what has that name. Throws Error when that fails.
  void rename(const std::filesystem::path& file);

  /// Adds a piece and tries to write all that is pending. Returns why that failed, or nothing.
  std::error_code add(std::string piece);
  /// Tries again to write what is pending.
  std::error_code flush();
  /// What was written is on the disk afterwards.
  std::error_code sync() { return files_.sync(file_); }
  /// How long the file is and what is pending. Reading cuts the file to that length; throws Error when that cannot
  /// be done, as when it is shorter.
  void archive(Archive& archive);

  /// Pieces that are in memory only.
  std::int64_t pending() const { return static_cast<std::int64_t>(pending_.size()); }
  const std::filesystem::path& path() const { return file_; }

 private:
  std::error_code write(std::string_view piece);

  Files& files_;
  std::filesystem::path file_;
  std::uint64_t written_ = 0;  // the beginning and whole pieces
  std::uint64_t torn_ = 0;     // bytes of a piece after them that a failed write left and nothing could cut
  std::deque<std::string> pending_;
};

}  // namespace quench::io
