// What is being measured, on a line of the terminal that comes and goes.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

namespace quench::bench {

class Progress {
 public:
  Progress() = default;
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const std::string& text) {
    if (live_) std::fprintf(stderr, "\r\033[K%s", text.c_str());
  }
  /// Takes the line away, so that something else can be printed.
  void clear() { show(""); }

 private:
  bool live_ = ::isatty(STDERR_FILENO) == 1;
};

}  // namespace quench::bench
