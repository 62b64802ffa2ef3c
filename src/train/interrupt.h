// Ctrl-C and its relatives: a run ends between two steps, with its files in order.
#pragma once

#include <signal.h>

#include <array>

namespace quench::train {

/// While it lives, SIGINT, SIGTERM and SIGHUP are noted instead of ending the program; the second of a kind ends it
/// at once. SIGHUP stays ignored where it was (nohup); SIGINT and SIGTERM do not, since a shell starts what scripts
/// run in the background with SIGINT ignored, and that must end cleanly too. SIGPIPE and SIGXFSZ are ignored: a
/// closed pipe or a file that grows past its limit is then a write that fails, and is reported like any other.
///
/// One that is made while another lives knows what that has noted, and ends before it: so a process that forks
/// under a watch, and whose child makes its own, loses no signal in between.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  /// The signal that asks for the end, or 0.
  int signal() const;

 private:
  std::array<struct sigaction, 5> previous_;
};

/// While it lives, the signal has its default action, whatever who started this process had it do.
class DefaultAction {
 public:
  explicit DefaultAction(int signal);
  ~DefaultAction();
  DefaultAction(const DefaultAction&) = delete;
  DefaultAction& operator=(const DefaultAction&) = delete;

 private:
  int signal_;
  struct sigaction previous_ {};
};

}  // namespace quench::train
