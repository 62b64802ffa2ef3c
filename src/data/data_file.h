// A file of a data set, opened for reading, with the checks and complaints that all of them share.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace quench {

/// Whether the directory has an entry of this name. One that cannot be examined counts: opening it then says why,
/// where silence would let other data take its place.
bool present(const std::filesystem::path& path);

/// Throws an Error that names the file and says `what` is wrong with it.
[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what);
/// Throws the Error about a file that is still compressed.
[[noreturn]] void refuse_packed(const std::filesystem::path& path);

/// Zeros in memory that suits images: a batch reads at a hundred places all over it.
std::vector<std::uint8_t> image_memory(std::uint64_t bytes);

/// What a reader of data files takes at most besides as many bytes as the files have: buffers, headers, names and
/// messages, where names have less than 1 KiB.
inline constexpr std::uint64_t most_bytes_besides = 16 * 1024;

/// An open regular file, or bytes in memory in its place, read from its beginning on.
class DataFile {
 public:
  /// Throws Error, naming the file and what was found, when there is no regular file that can be opened.
  explicit DataFile(std::filesystem::path path);
  /// What a file of that name would hold; the bytes must outlive this.
  DataFile(std::filesystem::path name, std::span<const std::uint8_t> contents);

  const std::filesystem::path& path() const { return path_; }
  /// In bytes, when it was opened.
  std::uint64_t length() const { return length_; }
  /// "7 bytes", "1 byte".
  std::string length_text() const;
  /// Reads on; returns how many bytes came, fewer than asked for only where the file ends or cannot be read.
  std::size_t read(std::span<std::uint8_t> bytes);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;  // null: bytes in memory
  std::span<const std::uint8_t> unread_;    // of these
  std::uint64_t length_ = 0;
};

/// Whether these first bytes of a file are those of gzip.
bool begins_like_gzip(std::span<const std::uint8_t> bytes);

}  // namespace quench
