// An open file, and writing until all of a text is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace quench::io {

/// How far a write came.
struct Written {
  std::uint64_t bytes = 0;  ///< how many of the first ones were written: all of them, unless there is an error
  std::error_code error{};
};

/// Writes all of `bytes`. A pipe or a terminal that somebody made non-blocking is waited for.
Written write_all(int descriptor, std::string_view bytes);

/// What errno says.
std::error_code last_error();

/// An open file that closes itself.
class Descriptor {
 public:
  /// open(2) with these flags and O_CLOEXEC; what it makes gets the permissions that the umask leaves.
  Descriptor(const std::filesystem::path& file, int flags);
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  /// -1 when it could not be opened; last_error() then says why.
  int get() const { return descriptor_; }
  /// Closes it early, since network file systems report a full disk only here.
  std::error_code close();

 private:
  int descriptor_;
};

}  // namespace quench::io
