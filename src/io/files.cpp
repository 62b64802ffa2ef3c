#include "io/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "io/numbers.h"

namespace quench::io {
namespace {

namespace fs = std::filesystem;

class FileCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "file"; }
  std::string message(int code) const override {
    switch (static_cast<FileError>(code)) {
      case FileError::shorter:
        return "it is shorter than what was written";
      case FileError::longer:
        return "it is longer than what was written, something else writes to it";
      case FileError::irregular:
        return "it is not a regular file";
    }
    return "unknown error";
  }
};

void remove_quietly(const fs::path& file) {
  std::error_code ignored;
  fs::remove(file, ignored);
}

/// Nothing when it is a regular file of `low` to `high` bytes.
std::error_code check_size(const Descriptor& file, std::uint64_t low, std::uint64_t high) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return last_error();
  if (!S_ISREG(status.st_mode)) return FileError::irregular;
  const auto found = static_cast<std::uint64_t>(status.st_size);
  if (found < low) return FileError::shorter;
  if (found > high) return FileError::longer;
  return {};
}

/// Some file systems cannot sync and say EINVAL: the write stands.
bool synced(const Descriptor& file) { return ::fsync(file.get()) == 0 || errno == EINVAL; }

std::error_code write_and_sync(const fs::path& file, std::string_view contents) {
  Descriptor open_file(file, O_WRONLY | O_CREAT | O_TRUNC);
  if (open_file.get() < 0) return last_error();
  if (const std::error_code error = write_all(open_file.get(), contents).error) return error;
  if (!synced(open_file)) return last_error();
  return open_file.close();
}

// What already exists is opened without blocking: a pipe that took the file's place would wait for a reader.
class Disk final : public Files {
 public:
  std::error_code create(const fs::path& file, std::string_view contents) override {
    Descriptor open_file(file, O_WRONLY | O_CREAT | O_EXCL);
    if (open_file.get() < 0) return last_error();
    std::error_code error = write_all(open_file.get(), contents).error;
    if (!error) error = open_file.close();
    if (error) remove_quietly(file);
    return error;
  }

  std::error_code replace(const fs::path& file, std::string_view contents) override {
    const fs::path beside = partial_name(file);
    std::error_code error = write_and_sync(beside, contents);
    if (!error) error = rename(beside, file);
    if (error) remove_quietly(beside);
    return error;
  }

  std::error_code write(const fs::path& file, std::string_view contents) override {
    return write_and_sync(file, contents);
  }

  std::error_code rename(const fs::path& from, const fs::path& to) override {
    std::error_code error;
    fs::rename(from, to, error);
    return error;
  }

  std::error_code sync(const fs::path& file) override {
    Descriptor open_file(file, O_RDONLY | O_NONBLOCK);
    if (open_file.get() < 0 || !synced(open_file)) return last_error();
    return open_file.close();
  }

  std::error_code make_folder(const fs::path& folder) override {
    std::error_code error;
    fs::create_directory(folder, error);
    return error;
  }

  Written append(const fs::path& file, std::uint64_t size, std::string_view bytes) override {
    Descriptor open_file(file, O_WRONLY | O_APPEND | O_NONBLOCK);
    if (open_file.get() < 0) return {.error = last_error()};
    if (const std::error_code error = check_size(open_file, size, size)) return {.error = error};
    Written written = write_all(open_file.get(), bytes);
    const std::error_code closing = open_file.close();
    if (!written.error) written.error = closing;
    return written;
  }

  std::error_code cut(const fs::path& file, std::uint64_t size, std::uint64_t keep) override {
    Descriptor open_file(file, O_WRONLY | O_NONBLOCK);
    if (open_file.get() < 0) return last_error();
    if (const std::error_code error = check_size(open_file, keep, size)) return error;
    if (::ftruncate(open_file.get(), static_cast<off_t>(keep)) != 0) return last_error();
    return open_file.close();
  }
};

}  // namespace

std::error_code make_error_code(FileError error) {
  static const FileCategory category;
  return {static_cast<int>(error), category};
}

Files& disk() {
  static Disk instance;
  return instance;
}

fs::path partial_name(fs::path file) {
  file += "." + to_text(::getpid()) + ".partial";
  return file;
}

std::error_code check_writable(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0) {
    // Not by opening it: closing it again would look to the reader of a pipe like the end.
    if (S_ISDIR(status.st_mode)) return std::make_error_code(std::errc::is_a_directory);
    return ::access(file.c_str(), W_OK) == 0 ? std::error_code{} : last_error();
  }
  const Descriptor made(file, O_WRONLY | O_CREAT | O_EXCL);
  if (made.get() >= 0) {
    remove_quietly(file);
    return {};
  }
  // A link to a file that is still to be made.
  return errno == EEXIST ? std::error_code{} : last_error();
}

}  // namespace quench::io
