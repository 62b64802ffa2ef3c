#include "train/interrupt.h"

#include <atomic>
#include <cstddef>
#include <iterator>
#include <tuple>

namespace quench::train {
namespace {

// Any thread may be the one that the signal interrupts.
std::atomic<int> noted_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch lock-free atomics only");

extern "C" void note_signal(int signal) { noted_signal = signal; }

struct Watched {
  int signal;
  void (*handler)(int);
};

const Watched watched[] = {
    {SIGINT, note_signal}, {SIGTERM, note_signal}, {SIGHUP, note_signal}, {SIGPIPE, SIG_IGN}, {SIGXFSZ, SIG_IGN}};
int watches = 0;

}  // namespace

InterruptWatch::InterruptWatch() {
  // Under a watch that lives what is noted stays: its handler noted it until this very moment.
  if (watches++ == 0) noted_signal = 0;
  static_assert(std::size(watched) == std::tuple_size_v<decltype(previous_)>);
  for (std::size_t i = 0; i < std::size(watched); ++i) {
    struct sigaction action {};
    action.sa_handler = watched[i].handler;
    // SA_RESETHAND: the second signal of a kind meets the default action, the end. SA_RESTART: writes go on.
    action.sa_flags = SA_RESTART | (watched[i].handler == note_signal ? static_cast<int>(SA_RESETHAND) : 0);
    sigemptyset(&action.sa_mask);
    sigaction(watched[i].signal, nullptr, &previous_[i]);
    if (watched[i].signal == SIGHUP && previous_[i].sa_handler == SIG_IGN) continue;
    sigaction(watched[i].signal, &action, nullptr);
  }
}

InterruptWatch::~InterruptWatch() {
  for (std::size_t i = 0; i < std::size(watched); ++i) sigaction(watched[i].signal, &previous_[i], nullptr);
  --watches;
}

int InterruptWatch::signal() const { return noted_signal; }

DefaultAction::DefaultAction(int signal) : signal_(signal) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(signal_, &action, &previous_);
}

DefaultAction::~DefaultAction() { sigaction(signal_, &previous_, nullptr); }

}  // namespace quench::train
