#include "train/selftest_command.h"

#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include "io/numbers.h"
#include "selftest/selftest.h"
#include "train/command_words.h"

namespace quench::train {
namespace {

using io::significant;
using io::to_text;

constexpr std::string_view help =
    "usage: ./train selftest [--scale X] [--seed N]\n\n"
    "Runs the shipped optimiser, samplers and averages on problems whose stationary values are known in closed "
    "form\n"
    "(Yaida, ICLR 2019, and consequences), and compares. Exit code 0 when all agree, 1 when one does not.\n\n"
    "  --scale X  chains, and so the time, X times as many; the errors go with 1 / sqrt(X) (0.01 .. 1000; default: "
    "1)\n"
    "  --seed N   of the random numbers (default: 1)\n";

constexpr std::size_t name_width = 44, number_width = 14;

std::string column(const std::string& text, std::size_t wide) {
  return std::string(text.size() < wide ? wide - text.size() : 1, ' ') + text;
}

std::string row(const std::string& name, const std::string& expected, const std::string& measured,
                const std::string& sigma, const std::string& deviation) {
  std::string line = "  " + name;
  line.append(name.size() < name_width ? name_width - name.size() : 0, ' ');
  return line + column(expected, number_width) + column(measured, number_width) + column(sigma, 10) +
         column(deviation, 11);
}

}  // namespace

int selftest_command(std::span<const std::string_view> words, Console& console) {
  constexpr CommandOption options[] = {{"--scale", "X", "a number from 0.01 to 1000"},
                                       {"--seed", "N", "a whole number"}};
  const CommandWords given(words, options);
  if (given.help()) {
    console.always(help);
    return 0;
  }
  if (!given.others().empty())
    throw UsageError("selftest: found \"" + given.others().front() + "\", expected options only");
  selftest::SelftestOptions chosen;
  chosen.scale = given.decimal("--scale", 1, 0.0099, 1000);
  chosen.seed = static_cast<std::uint64_t>(given.integer("--seed", 1, 0, std::numeric_limits<std::int64_t>::max()));

  const auto start = std::chrono::steady_clock::now();
  std::size_t checks = 0, passed = 0;
  for (const selftest::Group& group : selftest::groups()) {
    console.always(std::string(group.title) + "\n" + row("", "expected", "measured", "sigma", "deviation") + "\n");
    for (const selftest::Check& check : group.run(chosen)) {
      const bool good = selftest::passes(check);
      ++checks;
      passed += good ? 1 : 0;
      console.always(row(check.name, significant(check.expected, 7), significant(check.measured, 7),
                         significant(check.sigma, 2), io::fixed(check.deviation(), 2)) +
                     (good ? "\n" : "  WRONG\n"));
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  console.always("selftest: " + to_text(passed) + " of " + to_text(checks) + " within " + to_text(selftest::bound) +
                 " sigma, " + io::fixed(seconds, 1) + " s\n");
  return passed == checks ? 0 : 1;
}

}  // namespace quench::train
