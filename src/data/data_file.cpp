#include "data/data_file.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/huge_pages.h"
#include "quench/error.h"

namespace quench {
namespace {

namespace fs = std::filesystem;

std::FILE* open_regular(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) fail(path, " is a directory, expected a file");
  if (fs::exists(status) && !fs::is_regular_file(status))
    fail(path, " is a device, a pipe or a socket, expected a regular file");
  std::FILE* file = std::fopen(path.string().c_str(), "rb");
  if (file == nullptr) {
    const int reason = errno;
    throw Error("cannot open " + path.string() + ": " + std::generic_category().message(reason));
  }
  return file;
}

}  // namespace

bool present(const fs::path& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

void fail(const fs::path& path, const std::string& what) { throw Error(path.string() + what); }

void refuse_packed(const fs::path& path) { fail(path, " is gzip-compressed; run gunzip"); }

std::vector<std::uint8_t> image_memory(std::uint64_t bytes) {
  std::vector<std::uint8_t> memory;
  memory.reserve(static_cast<std::size_t>(bytes));
  prefer_huge_pages(memory.data(), memory.capacity());
  memory.resize(static_cast<std::size_t>(bytes));
  return memory;
}

DataFile::DataFile(fs::path path) : path_(std::move(path)), file_(open_regular(path_)) {
  std::error_code error;
  length_ = fs::file_size(path_, error);
  if (error) throw Error("cannot find the length of " + path_.string() + ": " + error.message());
}

DataFile::DataFile(fs::path name, std::span<const std::uint8_t> contents)
    : path_(std::move(name)), unread_(contents), length_(contents.size()) {}

std::string DataFile::length_text() const { return std::to_string(length_) + (length_ == 1 ? " byte" : " bytes"); }

std::size_t DataFile::read(std::span<std::uint8_t> bytes) {
  if (file_) return std::fread(bytes.data(), 1, bytes.size(), file_.get());
  const std::size_t count = std::min(bytes.size(), unread_.size());
  std::copy_n(unread_.begin(), count, bytes.begin());
  unread_ = unread_.subspan(count);
  return count;
}

bool begins_like_gzip(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

}  // namespace quench
