// One process at a time in a folder.
#pragma once

#include <filesystem>
#include <memory>

#include "io/descriptor.h"

namespace quench::io {

/// Holds a folder while it lives, and lets go of it however the process ends: flock(2) of a file in it. (Not of the
/// folder itself: network file systems tell other machines of locks on files that are open for writing, if of any.)
/// Where that file cannot be made or locked it holds nothing.
class FolderLock {
 public:
  /// Throws Error when another one holds the folder.
  explicit FolderLock(const std::filesystem::path& folder);

  const std::filesystem::path& file() const { return file_; }
  /// Whether the file is new. It stays, or whoever holds the folder removes it.
  bool made() const { return made_; }

 private:
  std::filesystem::path file_;
  std::unique_ptr<Descriptor> descriptor_;
  bool made_ = false;
};

}  // namespace quench::io
