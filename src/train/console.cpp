#include "train/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace quench::train {
namespace {

bool print(std::FILE* stream, std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stream) == text.size() && std::fflush(stream) == 0;
}

}  // namespace

void Console::result(std::string_view text) {
  if (!quiet_) always(text);
}

void Console::always(std::string_view text) {
  // After one failure the rest would have a hole in it.
  if (!lost_results_.empty()) return;
  if (!print(stdout, text)) lost_results_ = std::generic_category().message(errno);
}

// What cannot be said on standard error cannot be said anywhere.
void Console::note(std::string_view text) {
  if (!quiet_) print(stderr, text);
}

void Console::warning(std::string_view text) {
  print(stderr, "train: warning: " + std::string(text) + "\n");
}

void Console::error(std::string_view text) {
  print(stderr, "train: " + std::string(text) + "\n");
}

io::Progress::Style Console::progress_style() const {
  if (quiet_) return io::Progress::Style::none;
  return ::isatty(STDERR_FILENO) == 1 ? io::Progress::Style::live : io::Progress::Style::plain;
}

int Console::width() const {
  struct winsize size {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace quench::train
