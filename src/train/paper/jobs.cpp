#include "train/paper/jobs.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>
#include <vector>

#include "io/numbers.h"
#include "quench/error.h"
#include "train/interrupt.h"

namespace quench::train {
namespace {

using Clock = std::chrono::steady_clock;
using io::to_text;

constexpr std::chrono::milliseconds pause(100);
constexpr double seconds_between_notes = 30;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::int64_t epochs_done(const Job& job) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(job.log, ignored)) return 0;  // not made yet
  std::ifstream log(job.log, std::ios::binary);
  const std::int64_t lines = std::count(std::istreambuf_iterator<char>(log), {}, '\n');
  return std::clamp<std::int64_t>(lines - 1, 0, job.epochs);
}

struct Child {
  pid_t process;
  const Job* job;
  Clock::time_point start;
};

/// What has become of the jobs so far.
class Pool {
 public:
  Pool(std::span<const Job> jobs, Console& console) : jobs_(jobs), console_(console) {}

  bool all_begun() const { return begun_ == jobs_.size(); }
  std::size_t running() const { return children_.size(); }
  const std::string& failure() const { return failure_; }

  void begin_next() {
    const Job& job = jobs_[begun_++];
    const std::int64_t before = job.resumes ? epochs_done(job) : 0;
    const pid_t process = fork();
    if (process < 0) throw Error("a process cannot be started: " + std::system_category().message(errno));
    if (process == 0) {
      // Signals are noted from the first moment on, by the parent's watch until the run has its own.
      setpgid(0, 0);  // Ctrl-C comes by way of the parent, once
      int code = 1;
      try {
        code = job.work();
      } catch (const std::exception& error) {
        Console(false).error(error.what());
      }
      std::_Exit(code);
    }
    children_.push_back({process, &job, Clock::now()});
    epochs_before_ += static_cast<double>(before);
  }

  /// As one of another kind: what stops this process may have stopped all others of its service or batch job too,
  /// and the second signal of a kind would end a run without its checkpoint.
  void hand_on(int signal) const {
    for (const Child& child : children_) kill(child.process, signal == SIGTERM ? SIGINT : SIGTERM);
  }

  /// Takes leave of the children that have ended.
  void collect() {
    for (std::size_t i = 0; i < children_.size();) {
      int status = 0;
      if (waitpid(children_[i].process, &status, WNOHANG) != children_[i].process) {
        ++i;
        continue;
      }
      const Child child = children_[i];
      children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
      ended(child, status);
    }
  }

  /// "paper: 1,234 of 3,600 epochs, 4 of 9 runs, ETA 8:12".
  void note_progress() const {
    double epochs = finished_epochs_, total = 0;
    for (const Child& child : children_) epochs += static_cast<double>(epochs_done(*child.job));
    for (const Job& job : jobs_) total += static_cast<double>(job.epochs);
    const double own = epochs - epochs_before_;
    const double left = own > 0 ? seconds_since(start_) * (total - epochs) / own : -1;
    console_.note("paper: " + io::grouped(static_cast<std::uint64_t>(epochs)) + " of " +
                  io::grouped(static_cast<std::uint64_t>(total)) + " epochs, " + to_text(finished_) + " of " +
                  to_text(jobs_.size()) + " runs, ETA " + io::clock_time(left) + "\n");
  }

 private:
  void ended(const Child& child, int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      ++finished_;
      finished_epochs_ += static_cast<double>(child.job->epochs);
      console_.note("paper: " + child.job->name + " done in " + io::clock_time(seconds_since(child.start)) + ", " +
                    to_text(finished_) + " of " + to_text(jobs_.size()) + " runs\n");
    } else if (failure_.empty()) {
      failure_ =
          "the run " + child.job->name + " ended with " +
          (WIFEXITED(status) ? "exit code " + to_text(WEXITSTATUS(status)) : "signal " + to_text(WTERMSIG(status)));
    }
  }

  std::span<const Job> jobs_;
  Console& console_;
  Clock::time_point start_ = Clock::now();
  std::vector<Child> children_;
  std::size_t begun_ = 0, finished_ = 0;
  double finished_epochs_ = 0;
  double epochs_before_ = 0;  // that resumed runs had already
  std::string failure_;
};

}  // namespace

int run_jobs(std::span<const Job> jobs, int at_once, Console& console) {
  const InterruptWatch interrupt;
  // Whoever started this process may have it ignore SIGCHLD: then children that end are gone,
  // with their exit codes.
  const DefaultAction children(SIGCHLD);
  Pool pool(jobs, console);
  int handed_on = 0;
  Clock::time_point noted = Clock::now();
  for (;;) {
    const int signal = interrupt.signal();
    if (signal != 0 && handed_on == 0) {
      pool.hand_on(signal);
      handed_on = signal;
    }
    pool.collect();
    while (handed_on == 0 && pool.failure().empty() && !pool.all_begun() &&
           pool.running() < static_cast<std::size_t>(at_once)) {
      pool.begin_next();
    }
    if (pool.running() == 0) break;
    if (seconds_since(noted) >= seconds_between_notes) {
      pool.note_progress();
      noted = Clock::now();
    }
    std::this_thread::sleep_for(pause);
  }
  if (const int signal = interrupt.signal(); signal != 0) return 128 + signal;
  if (!pool.failure().empty()) throw Error(pool.failure());
  return 0;
}

}  // namespace quench::train
