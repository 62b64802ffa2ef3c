// ./train: what fails becomes one line on standard error and an exit code.
#include <exception>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quench/system.h"
#include "train/console.h"
#include "train/eval_command.h"
#include "train/help.h"
#include "train/options.h"
#include "train/paper/paper_command.h"
#include "train/predict_command.h"
#include "train/report/run_report.h"
#include "train/run.h"
#include "train/selftest_command.h"

namespace {

using namespace quench::train;

constexpr int exit_error = 1;
constexpr int exit_usage = 2;

/// The code, unless what was printed is lost.
int check_printed(const Console& console, int code) {
  if (console.lost_results().empty()) return code;
  throw quench::Error("standard output cannot be written: " + console.lost_results());
}

int print_and_exit(Console& console, const std::string& text) {
  console.always(text);
  return check_printed(console, 0);
}

int act(const std::vector<std::string_view>& words) {
  if (!words.empty()) {
    const std::span<const std::string_view> others = std::span(words).subspan(1);
    Console console(false);
    if (words.front() == "report") return check_printed(console, report_command(others, console));
    if (words.front() == "selftest") return check_printed(console, selftest_command(others, console));
    if (words.front() == "eval") return check_printed(console, eval_command(others, console));
    if (words.front() == "predict") return check_printed(console, predict_command(others, console));
    if (words.front() == "paper") return paper_command(others);
  }
  const Settings settings = parse_options(words);
  Console console(settings.quiet);
  if (settings.help) return print_and_exit(console, help_text());
  if (settings.version) return print_and_exit(console, std::string("quench ") + quench::version() + "\n");
  return run(settings, words, console);
}

int fail(int code, std::string_view why) {
  Console(false).error(why);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return act(std::vector<std::string_view>(argv + (argc > 0 ? 1 : 0), argv + argc));
  } catch (const UsageError& error) {
    return fail(exit_usage, error.what());
  } catch (const std::bad_alloc&) {
    return fail(exit_error, "not enough memory");
  } catch (const std::exception& error) {
    return fail(exit_error, error.what());
  }
}
