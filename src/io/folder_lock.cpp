#include "io/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "quench/error.h"

namespace quench::io {

FolderLock::FolderLock(const std::filesystem::path& folder)
    : folder_(std::make_unique<Descriptor>(folder, O_RDONLY | O_DIRECTORY)) {
  if (folder_->get() >= 0 && ::flock(folder_->get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw Error(folder.string() + " is in use: another process trains there");
}

}  // namespace quench::io
