#include "options.h"

#include <optional>

#include "io/numbers.h"
#include "quench/executor.h"

namespace quench::bench {
namespace {

struct Option {
  std::string_view name;
  std::string_view expectation;  // of its value; empty for a flag
};

constexpr Option table[] = {
    {"--filter", "a part of a benchmark's name"},
    {"--threads", "numbers of threads from 1 to 1024, separated by commas"},
    {"--data", "a folder"},
    {"--json", "a file, or - for standard output"},
    {"--quick", {}},
    {"--list", {}},
    {"--help", {}},
};

const Option& find_option(std::string_view name) {
  for (const Option& option : table) {
    if (option.name == name) return option;
  }
  throw UsageError("unknown option " + std::string(name) + "; --help lists all");
}

[[noreturn]] void refuse(const Option& option, const std::string& found) {
  const std::string expected(option.expectation.empty() ? "none" : option.expectation);
  throw UsageError(std::string(option.name) + ": found " + found + ", expected " + expected);
}

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::vector<int> read_threads(const Option& option, std::string_view text) {
  std::vector<int> list;
  for (std::string_view left = text;;) {
    const std::size_t comma = left.find(',');
    const std::optional<int> count = io::parse_integer<int>(left.substr(0, comma));
    if (!count || *count < 1 || *count > ThreadPool::max_threads) refuse(option, quoted(text));
    list.push_back(*count);
    if (comma == std::string_view::npos) return list;
    left.remove_prefix(comma + 1);
  }
}

void set_value(const Option& option, std::string_view value, Options& options) {
  if (option.name == "--quick") options.quick = true;
  if (option.name == "--list") options.list = true;
  if (option.name == "--help") options.help = true;
  if (option.expectation.empty()) return;

  if (value.empty()) refuse(option, quoted(value));
  if (option.name == "--filter") options.filters.emplace_back(value);
  if (option.name == "--threads") options.threads = read_threads(option, value);
  if (option.name == "--json") options.json = value;
  if (option.name == "--data") {
    options.data = value;
    options.data_given = true;
  }
}

}  // namespace

Options parse_options(const std::vector<std::string_view>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i] == "-h" ? "--help" : words[i];
    if (!word.starts_with('-'))
      throw UsageError("found " + quoted(word) + ", expected an option; --help lists all");
    const std::size_t equals = word.find('=');
    const Option& option = find_option(word.substr(0, equals));
    std::string_view value;
    if (equals != std::string_view::npos) {
      value = word.substr(equals + 1);
      if (option.expectation.empty()) refuse(option, "the value " + quoted(value));
    } else if (!option.expectation.empty()) {
      if (i + 1 == words.size()) refuse(option, "nothing");
      if (words[i + 1].starts_with("--")) refuse(option, "the option " + std::string(words[i + 1]));
      value = words[++i];
    }
    set_value(option, value, options);
    if (options.help) break;
  }
  return options;
}

std::string help_text() {
  return R"(usage: bench [options]

Measures what this machine can do and what quench makes of it: peaks, matrix products, convolutions, the
training steps of the MLP and the CNN whole and in parts, single kernels, single images, evaluation, and the
thread pool. A table goes to standard output.

  --filter TEXT    run only benchmarks whose names contain TEXT; may be given several times
  --threads LIST   numbers of threads, like 1,2 (default: 1, 2, 4, ... up to the processors this process may
                   use for the peaks and the CNN's step, 1 and all of them for the rest)
  --data DIR       folder that holds mnist/ and cifar-10-batches-bin/, or their files; what is measured needs one
                   or both (default: data; generated images stand in for those that it has not, unless --data
                   is given)
  --json FILE      also write all results to FILE as JSON; with - write them to standard output, and no table
  --quick          fewer samples: the whole takes less than 20 s where 2 threads reach 400 GFLOP/s
  --list           print the names of all benchmarks
  --help           print this text

The environment variable QUENCH_ISA chooses a lower instruction set (avx512, avx2, baseline, ...).

Columns: us, the median time of one call, and its 10th and 90th percentiles; GFLOP/s, nominal; KiB, what must
be read and written at least; flop/B, the first over the second; of peak, the share of the rate of fused
multiply-adds that the same number of threads reached in the same moments (p90, as other programs only lower
it); bound, what limits a kernel by the roofline model: that peak, or reading from the fastest level of memory
that could hold what it touches; reached, the share of that bound (without flops, of that level's bandwidth).
Some have one more: of step, the share of the step's time; inside, the share of the peak when taps beyond an
image's border, which are skipped, do not count; us/img, the time divided by the number of images.

Exit code: 0 done, 1 error, 2 wrong usage.
)";
}

}  // namespace quench::bench
