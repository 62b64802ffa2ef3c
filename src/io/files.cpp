#include "io/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace quench::io {
namespace {

std::error_code last_error() {
  return {errno, std::generic_category()};
}

/// An open file that closes itself; -1 when it could not be opened.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& file, int flags) {
    do {
      descriptor_ = ::open(file.c_str(), flags | O_CLOEXEC, 0666);
    } while (descriptor_ < 0 && errno == EINTR);
  }
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return descriptor_; }

  /// Network file systems report a full disk only here.
  std::error_code close() {
    if (descriptor_ < 0) return {};
    // After EINTR the descriptor is gone on every system in use; closing it again could close somebody else's.
    const int result = ::close(std::exchange(descriptor_, -1));
    return result == 0 || errno == EINTR ? std::error_code{} : last_error();
  }

 private:
  int descriptor_ = -1;
};

std::error_code write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return last_error();
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

class Disk final : public Files {
 public:
  std::error_code replace(const std::filesystem::path& file, std::string_view contents) override {
    std::filesystem::path beside = file;
    beside += ".partial";
    std::error_code error = write_and_sync(beside, contents);
    if (!error) std::filesystem::rename(beside, file, error);
    if (error) {
      std::error_code ignored;
      std::filesystem::remove(beside, ignored);
    }
    return error;
  }

  std::error_code append(const std::filesystem::path& file, std::uint64_t size, std::string_view bytes) override {
    Descriptor open_file(file, O_WRONLY | (size == 0 ? O_CREAT : 0));
    if (open_file.get() < 0) return last_error();
    struct stat status {};
    if (::fstat(open_file.get(), &status) != 0) return last_error();
    const auto found = static_cast<std::uint64_t>(status.st_size);
    if (found < size) return std::make_error_code(std::errc::io_error);
    const auto offset = static_cast<off_t>(size);
    if (found > size && ::ftruncate(open_file.get(), offset) != 0) return last_error();
    // A pipe or a terminal in place of the file starts at its own place.
    if (size > 0 && ::lseek(open_file.get(), offset, SEEK_SET) < 0) return last_error();
    std::error_code error = write_all(open_file.get(), bytes);
    if (error) {
      // Shortening needs no room; should it fail all the same, the next append cuts.
      if (::ftruncate(open_file.get(), offset) != 0) return error;
    }
    const std::error_code closing = open_file.close();
    return error ? error : closing;
  }

 private:
  static std::error_code write_and_sync(const std::filesystem::path& file, std::string_view contents) {
    Descriptor open_file(file, O_WRONLY | O_CREAT | O_TRUNC);
    if (open_file.get() < 0) return last_error();
    if (const std::error_code error = write_all(open_file.get(), contents)) return error;
    // Some file systems cannot sync and say EINVAL: the write stands.
    if (::fsync(open_file.get()) != 0 && errno != EINVAL) return last_error();
    return open_file.close();
  }
};

}  // namespace

Files& disk() {
  static Disk instance;
  return instance;
}

}  // namespace quench::io
