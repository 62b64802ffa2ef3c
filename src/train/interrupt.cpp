#include "train/interrupt.h"

#include <signal.h>

#include <atomic>

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

constexpr int watched_count = 5;
const Watched watched[watched_count] = {
    {SIGINT, note_signal}, {SIGTERM, note_signal}, {SIGHUP, note_signal}, {SIGPIPE, SIG_IGN}, {SIGXFSZ, SIG_IGN}};
struct sigaction previous[watched_count];

}  // namespace

InterruptWatch::InterruptWatch() {
  noted_signal = 0;
  for (int i = 0; i < watched_count; ++i) {
    struct sigaction action {};
    action.sa_handler = watched[i].handler;
    // SA_RESETHAND: the second signal of a kind meets the default action, the end. SA_RESTART: writes go on.
    action.sa_flags = SA_RESTART | (watched[i].handler == note_signal ? static_cast<int>(SA_RESETHAND) : 0);
    sigemptyset(&action.sa_mask);
    sigaction(watched[i].signal, nullptr, &previous[i]);
    if (watched[i].signal == SIGHUP && previous[i].sa_handler == SIG_IGN) continue;
    sigaction(watched[i].signal, &action, nullptr);
  }
}

InterruptWatch::~InterruptWatch() {
  for (int i = 0; i < watched_count; ++i) sigaction(watched[i].signal, &previous[i], nullptr);
}

int InterruptWatch::signal() const { return noted_signal; }

}  // namespace quench::train
