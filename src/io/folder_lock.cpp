#include "io/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "quench/error.h"

namespace quench::io {
namespace {

/// Locks the open file; false when another one holds it. Where files cannot be locked it is as if that were done.
bool take(const Descriptor& file) {
  return file.get() < 0 || ::flock(file.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/// Whether the open file is the one of that name: who held it before may have removed it.
bool is_named(const Descriptor& open_file, const std::filesystem::path& file) {
  struct stat own {
  }, there{};
  return ::fstat(open_file.get(), &own) == 0 && ::stat(file.c_str(), &there) == 0 && own.st_dev == there.st_dev &&
         own.st_ino == there.st_ino;
}

}  // namespace

FileLock::FileLock(std::filesystem::path file) : file_(std::move(file)) {
  // As often as others remove the file and let go of it in between.
  for (int attempt = 0; attempt < 100; ++attempt) {
    descriptor_ = std::make_unique<Descriptor>(file_, O_RDWR | O_CREAT | O_EXCL);
    const bool made = descriptor_->get() >= 0;
    if (!made && errno == EEXIST) {
      descriptor_ = std::make_unique<Descriptor>(file_, O_RDWR | O_NONBLOCK);
      if (descriptor_->get() < 0 && errno == ENOENT) continue;
    }
    if (descriptor_->get() < 0) return;
    refused_ = !take(*descriptor_);
    if (refused_) return;
    if (is_named(*descriptor_, file_)) {
      made_ = made;
      return;
    }
  }
  refused_ = true;  // so many are after it that one of them has it
}

FileLock::~FileLock() {
  std::error_code ignored;
  // While it is held: nobody else may have the name.
  if (made_) std::filesystem::remove(file_, ignored);
}

FolderLock::FolderLock(const std::filesystem::path& folder)
    : folder_(folder, O_RDONLY | O_DIRECTORY), file_(folder / ".lock") {
  // The file first: whoever is refused it must not hold the folder meanwhile, or nobody would have both; and one
  // that has made the folder and is refused cannot remove it, for the file is in it.
  if (file_.refused() || !take(folder_)) throw Error(folder.string() + " is in use: another process trains there");
}

}  // namespace quench::io
