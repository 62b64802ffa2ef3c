#include "train/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <system_error>

#include "io/descriptor.h"

namespace quench::train {
namespace {

std::error_code print(int descriptor, std::string_view text) { return io::write_all(descriptor, text).error; }

}  // namespace

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code >= 0x20 && code != 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += "0123456789abcdef"[code >> 4];
      out += "0123456789abcdef"[code & 15];
    }
  }
  return out;
}

void Console::result(std::string_view text) {
  if (!quiet_ && !is_part()) always(text);
}

void Console::report(std::string_view text) {
  if (is_part()) {
    note(text);
  } else {
    always(text);
  }
}

void Console::always(std::string_view text) {
  // After one failure the rest would have a hole in it.
  if (!lost_results_.empty()) return;
  if (const std::error_code error = print(STDOUT_FILENO, text)) lost_results_ = error.message();
}

// What cannot be said on standard error cannot be said anywhere.
void Console::note(std::string_view text) {
  if (!quiet_) print(STDERR_FILENO, text);
}

void Console::warning(std::string_view text) {
  const std::string of = is_part() ? part_ + ": " : "";
  print(STDERR_FILENO, "train: warning: " + one_line(of + std::string(text)) + "\n");
}

void Console::error(std::string_view text) { print(STDERR_FILENO, "train: " + one_line(text) + "\n"); }

io::Progress::Style Console::progress_style() const {
  if (quiet_) return io::Progress::Style::none;
  return ::isatty(STDERR_FILENO) == 1 ? io::Progress::Style::live : io::Progress::Style::plain;
}

int Console::width() const {
  struct winsize size {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace quench::train
