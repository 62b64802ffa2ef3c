#include "io/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "quench/error.h"

namespace quench::io {
namespace {

/// Whether the file has no name any more: who held the folder before has removed it.
bool is_removed(const Descriptor& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 && status.st_nlink == 0;
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) : file_(folder / ".lock") {
  // As often as others that let go of the folder remove the file in between.
  for (int attempt = 0; attempt < 100; ++attempt) {
    descriptor_ = std::make_unique<Descriptor>(file_, O_RDWR | O_CREAT | O_EXCL);
    made_ = descriptor_->get() >= 0;
    if (!made_ && errno == EEXIST) {
      descriptor_ = std::make_unique<Descriptor>(file_, O_RDWR);
      if (descriptor_->get() < 0 && errno == ENOENT) continue;
    }
    if (descriptor_->get() < 0) return;
    if (::flock(descriptor_->get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      throw Error(folder.string() + " is in use: another process trains there");
    if (!is_removed(*descriptor_)) return;
  }
}

}  // namespace quench::io
