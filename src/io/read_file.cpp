#include "io/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "io/descriptor.h"
#include "io/numbers.h"
#include "quench/error.h"

namespace quench::io {

std::string read_file(const std::filesystem::path& file, std::uint64_t most_bytes, std::string_view expected) {
  const auto refuse = [&](const std::string& why) { throw Error(file.string() + " cannot be read: " + why); };
  // Without blocking: what is no file is refused, not waited for.
  const Descriptor open_file(file, O_RDONLY | O_NONBLOCK);
  if (open_file.get() < 0 && errno == ENOENT)
    refuse(expected.empty() ? "there is none" : "there is none; expected " + std::string(expected));
  struct stat status {};
  if (open_file.get() < 0 || ::fstat(open_file.get(), &status) != 0) refuse(last_error().message());
  if (!S_ISREG(status.st_mode)) refuse("it is no regular file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > most_bytes) refuse("it has " + to_text(size) + " bytes, expected at most " + to_text(most_bytes));
  std::string contents(static_cast<std::size_t>(size), '\0');
  std::size_t got = 0;
  while (got < contents.size()) {
    const ssize_t count = ::read(open_file.get(), contents.data() + got, contents.size() - got);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse(last_error().message());
    if (count == 0) break;  // somebody has cut it
    got += static_cast<std::size_t>(count);
  }
  contents.resize(got);
  return contents;
}

}  // namespace quench::io
