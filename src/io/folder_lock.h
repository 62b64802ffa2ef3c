// One process at a time in a folder.
#pragma once

#include <filesystem>
#include <memory>

#include "io/descriptor.h"

namespace quench::io {

/// Holds a folder while it lives, and lets go of it however the process ends (flock(2), which network file systems
/// may not know: there it holds nothing).
class FolderLock {
 public:
  /// Throws Error when another one holds the folder.
  explicit FolderLock(const std::filesystem::path& folder);

 private:
  std::unique_ptr<Descriptor> folder_;
};

}  // namespace quench::io
