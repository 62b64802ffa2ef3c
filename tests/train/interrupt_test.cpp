// Signals: noted once and for all, also where one process begins another.
#include "train/interrupt.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <string>
#include <thread>
#include <utility>

#include "train/console.h"
#include "train/paper/jobs.h"

using namespace quench;
using train::InterruptWatch;

namespace {

/// The jobs' exit status, or what the error says; nothing is shown.
std::string outcome(std::initializer_list<train::Job> jobs) {
  train::Console console(true);
  try {
    return std::to_string(train::run_jobs({jobs.begin(), jobs.size()}, 2, console));
  } catch (const std::exception& error) {
    return error.what();
  }
}

train::Job job(std::string name, std::function<int()> work) {
  return {.name = std::move(name), .log = "no such log", .epochs = 1, .work = std::move(work)};
}

/// The next signal that is noted; 0 when none comes within a minute.
int next_signal(const InterruptWatch& watch, int before) {
  for (int i = 0; i < 6000 && watch.signal() == before; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return watch.signal() == before ? 0 : watch.signal();
}

}  // namespace

TEST_SUITE("interrupt") {
  TEST_CASE("signals are noted while a watch lives") {
    struct sigaction before {
    }, after{};
    sigaction(SIGTERM, nullptr, &before);
    {
      const InterruptWatch watch;
      CHECK(watch.signal() == 0);
      raise(SIGTERM);
      CHECK(watch.signal() == SIGTERM);
      raise(SIGINT);
      CHECK(watch.signal() == SIGINT);
      raise(SIGPIPE);
      CHECK(watch.signal() == SIGINT);
    }
    sigaction(SIGTERM, nullptr, &after);
    CHECK((after.sa_handler == before.sa_handler));
    const InterruptWatch fresh;
    CHECK(fresh.signal() == 0);
  }

  TEST_CASE("a SIGHUP that nohup has ignored stays ignored") {
    const train::DefaultAction hangup(SIGHUP);
    signal(SIGHUP, SIG_IGN);
    const InterruptWatch watch;
    raise(SIGHUP);
    CHECK(watch.signal() == 0);
  }

  TEST_CASE("a watch under another knows what that has noted") {
    const InterruptWatch outer;
    raise(SIGTERM);
    {
      const InterruptWatch inner;
      CHECK(inner.signal() == SIGTERM);
      raise(SIGTERM);  // the first that it gets itself: not the end
    }
    CHECK(outer.signal() == SIGTERM);
  }

  TEST_CASE("a signal between fork() and the child's own watch is not lost") {
    CHECK(outcome({job("child", [] {
            raise(SIGTERM);
            const InterruptWatch watch;
            return watch.signal() == SIGTERM ? 0 : 1;
          })}) == "0");
  }

  TEST_CASE("a job that ends with another code than 0 is named") {
    CHECK(outcome({job("good", [] { return 0; }), job("bad", [] { return 3; })}) ==
          "the run bad ended with exit code 3");
    CHECK(outcome({job("killed", [] { return raise(SIGKILL); })}) == "the run killed ended with signal 9");
  }

  TEST_CASE("a signal that parent and children all get lets the children end by themselves") {
    const std::filesystem::path ended =
        std::filesystem::temp_directory_path() / ("quench-ended-" + std::to_string(getpid()));
    const train::DefaultAction hangup(SIGHUP);  // nohup has it ignored
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
      INFO(signal);
      const pid_t parent = getpid();
      CHECK(outcome({job("child", [&] {
              const InterruptWatch watch;
              raise(signal);
              kill(parent, signal);
              // Another kind is handed on: the same would be the end.
              if (next_signal(watch, signal) == 0) return 1;
              std::ofstream(ended) << "by itself";
              return 0;
            })}) == std::to_string(128 + signal));
      CHECK(std::filesystem::remove(ended));
    }
  }
}
