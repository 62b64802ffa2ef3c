// Ctrl-C and its relatives: a run ends between two steps, with its files in order.
#pragma once

namespace quench::train {

/// While it lives, SIGINT, SIGTERM and SIGHUP are noted instead of ending the program; the second of a kind ends it
/// at once. SIGHUP stays ignored where it was (nohup); SIGINT and SIGTERM do not, since a shell starts what scripts
/// run in the background with SIGINT ignored, and that must end cleanly too. SIGPIPE and SIGXFSZ are ignored: a
/// closed pipe or a file that grows past its limit is then a write that fails, and is reported like any other. One
/// at a time.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  /// The signal that asks for the end, or 0.
  int signal() const;
};

}  // namespace quench::train
