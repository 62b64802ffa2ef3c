// Independent runs side by side, each in a process of its own: a small network trains faster in two processes of
// one thread than in one process of two.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "train/console.h"

namespace quench::train {

struct Job {
  std::string name;
  std::filesystem::path log;  ///< grows by a line an epoch, below its header
  std::int64_t epochs;
  std::function<int()> work;  ///< returns the exit code; looks at signals by an InterruptWatch of its own
  bool resumes = false;       ///< goes on where its log ends
};

/// Runs the jobs, at most `at_once` at a time, by fork(): no other thread may be running. Says on standard error
/// what is done. SIGINT, SIGTERM and SIGHUP are handed on, as a SIGINT or a SIGTERM, to end all children, and these
/// waited for. Returns 0, or 128 + the signal. Throws Error, naming the first job that failed, when those under way
/// have ended; the rest is not begun then.
int run_jobs(std::span<const Job> jobs, int at_once, Console& console);

}  // namespace quench::train
