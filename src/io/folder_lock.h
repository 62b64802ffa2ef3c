// One process at a time in a folder.
#pragma once

#include <filesystem>
#include <memory>

#include "io/descriptor.h"

namespace quench::io {

/// Holds a file while it lives, and lets go of it however the process ends: flock(2). Where the file cannot be made
/// or locked it holds nothing.
class FileLock {
 public:
  /// Makes the file when there is none.
  explicit FileLock(std::filesystem::path file);
  /// Removes the file if it was made here and is not to be kept.
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  /// Whether another one holds the file, or so many others came before that it could not be had.
  bool refused() const { return refused_; }
  /// From here on the file stays.
  void keep() { made_ = false; }

 private:
  std::filesystem::path file_;
  std::unique_ptr<Descriptor> descriptor_;
  bool made_ = false, refused_ = false;
};

/// Holds a folder while it lives: the folder itself, and a file `.lock` in it, for network file systems tell other
/// machines of locks on files that are open for writing, if of any.
class FolderLock {
 public:
  /// Throws Error when another one holds the folder.
  explicit FolderLock(const std::filesystem::path& folder);

  /// From here on the file stays, for whoever comes next.
  void keep() { file_.keep(); }

 private:
  Descriptor folder_;
  FileLock file_;
};

}  // namespace quench::io
