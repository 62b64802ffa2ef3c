#include "io/descriptor.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace quench::io {

std::error_code last_error() { return {errno, std::generic_category()}; }

Written write_all(int descriptor, std::string_view bytes) {
  Written result;
  while (result.bytes < bytes.size()) {
    const std::string_view rest = bytes.substr(result.bytes);
    const ssize_t written = ::write(descriptor, rest.data(), rest.size());
    if (written >= 0) {
      result.bytes += static_cast<std::uint64_t>(written);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      struct pollfd room {
        descriptor, POLLOUT, 0
      };
      if (::poll(&room, 1, -1) < 0 && errno != EINTR) {
        result.error = last_error();
        break;
      }
    } else if (errno != EINTR) {
      result.error = last_error();
      break;
    }
  }
  return result;
}

Descriptor::Descriptor(const std::filesystem::path& file, int flags) {
  do {
    descriptor_ = ::open(file.c_str(), flags | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EINTR);
}

std::error_code Descriptor::close() {
  if (descriptor_ < 0) return {};
  // After EINTR the descriptor is gone on every system in use; closing it again could close somebody else's.
  const int result = ::close(std::exchange(descriptor_, -1));
  return result == 0 || errno == EINTR ? std::error_code{} : last_error();
}

}  // namespace quench::io
