// Benchmarks of the shipped code. What fails becomes one line on standard error and an exit code.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench.h"
#include "io/files.h"
#include "io/numbers.h"
#include "options.h"
#include "processors.h"
#include "progress.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "quench/system.h"
#include "train/console.h"
#include "train/machine.h"

namespace {

using namespace quench;
using namespace quench::bench;

constexpr int exit_error = 1;
constexpr int exit_usage = 2;

Cases all_cases() {
  Cases cases;
  add_peak_cases(cases);
  add_gemm_cases(cases);
  add_convolution_cases(cases);
  add_operation_cases(cases);
  add_step_cases(cases);
  add_kernel_cases(cases);
  add_latency_cases(cases);
  add_evaluation_cases(cases);
  add_pool_cases(cases);
  return cases;
}

Cases chosen_cases(const Options& options) {
  Cases cases = all_cases();
  if (options.filters.empty()) return cases;
  for (const std::string& filter : options.filters) {
    const auto fits = [&](const Case& c) { return c.name.find(filter) != std::string::npos; };
    if (std::none_of(cases.begin(), cases.end(), fits)) {
      throw UsageError("--filter: found \"" + filter +
                       "\", expected a part of a benchmark's name; --list prints them");
    }
  }
  std::erase_if(cases, [&](const Case& c) {
    return std::none_of(options.filters.begin(), options.filters.end(),
                        [&](const std::string& filter) { return c.name.find(filter) != std::string::npos; });
  });
  return cases;
}

/// 1, 2, 4, ... and all there are.
std::vector<int> default_threads() {
  const int all = available_threads();
  std::vector<int> list;
  for (int count = 1; count < all; count *= 2) list.push_back(count);
  list.push_back(all);
  return list;
}

std::vector<int> threads_of(const Case& c, const Options& options, const std::vector<int>& measured) {
  std::vector<int> list = measured;
  if (c.threads == Case::Threads::one) return {1};
  if (c.threads == Case::Threads::several) std::erase(list, 1);
  if (c.threads == Case::Threads::ends && options.threads.empty() && list.size() > 2) {
    list = {list.front(), list.back()};
  }
  return list;
}

void write_json(const Options& options, const Report& report) {
  if (options.json.empty()) return;
  if (options.json == "-") {
    const std::string text = report.json();
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
      throw Error("standard output cannot be written");
    return;
  }
  if (const std::error_code error = io::disk().replace(options.json, report.json())) {
    throw Error("cannot write " + options.json + ": " + error.message());
  }
}

void run(const Options& options) {
  const Cases cases = chosen_cases(options);
  if (!options.json.empty() && options.json != "-") {
    if (const std::error_code error = io::check_writable(options.json)) {
      throw Error("cannot write " + options.json + ": " + error.message());
    }
  }
  const std::vector<int> threads = options.threads.empty() ? default_threads() : options.threads;
  Progress progress;
  Report report({.machine = machine_name(),
                 .compiler = train::compiler_name(),
                 .isa = instruction_set(),
                 .numeric_class = numeric_class(),
                 .date = train::utc_time(),
                 .quick = options.quick,
                 .threads = threads},
                options.json == "-" ? nullptr : stdout, progress);
  Bench bench(options, report);
  std::string left_out;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    const std::vector<int> counts = threads_of(c, options, threads);
    if (counts.empty() && c.group != left_out) {
      report.begin_group(c.group);
      report.note("not measured, as a hand-off needs two threads");
      left_out = c.group;
    }
    for (const int count : counts) {
      progress.show(io::to_text(i + 1) + "/" + io::to_text(cases.size()) + "  " + c.name + ", " +
                    io::to_text(count) + (count == 1 ? " thread" : " threads"));
      const Confined confined(count);
      report.begin_group(c.group, c.whole_table ? c.name + " " : "");
      c.run(bench, count);
    }
  }
  progress.clear();
  if (const std::string found = bench.noise().finding(); !found.empty()) {
    report.set_warning("the machine is not quiet: " + found);
    std::fprintf(stderr, "bench: warning: the machine is not quiet: %s\n", found.c_str());
  }
  write_json(options, report);
}

int act(const std::vector<std::string_view>& words) {
  const Options options = parse_options(words);
  if (options.help) {
    std::fputs(help_text().c_str(), stdout);
  } else if (options.list) {
    for (const Case& c : chosen_cases(options)) std::printf("%s\n", c.name.c_str());
  } else {
    run(options);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw Error("standard output cannot be written");
  return 0;
}

int fail(int code, std::string_view why) {
  std::fprintf(stderr, "bench: %s\n", train::one_line(why).c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return act(std::vector<std::string_view>(argv + (argc > 0 ? 1 : 0), argv + argc));
  } catch (const UsageError& error) {
    return fail(exit_usage, error.what());
  } catch (const std::exception& error) {
    return fail(exit_error, error.what());
  }
}
