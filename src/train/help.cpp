#include "train/help.h"

#include <string_view>

#include "io/numbers.h"
#include "train/datasets.h"
#include "train/option_table.h"

namespace quench::train {
namespace {

constexpr std::size_t text_column = 24;
constexpr std::size_t line_width = 100;

/// Appends `text` word by word; lines after the first begin at text_column.
void append_wrapped(std::string& out, std::string_view text, std::size_t column) {
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    if (column > text_column && column + 1 + word.size() > line_width) {
      out += '\n' + std::string(text_column, ' ');
      column = text_column;
    } else if (column > text_column) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  out += '\n';
}

/// "1 .. 1024", "0 <= X < 1", "shuffle or iid"; empty for what takes any text.
std::string values(const Option& option) {
  if (!option.choices.empty()) return expectation(option);
  if (std::holds_alternative<std::int64_t Settings::*>(option.target)) {
    return io::to_text(static_cast<std::int64_t>(option.range.low)) + " .. " +
           io::to_text(static_cast<std::int64_t>(option.range.high));
  }
  if (std::holds_alternative<std::uint64_t Settings::*>(option.target)) return "0 .. 2^64 - 1";
  if (std::holds_alternative<double Settings::*>(option.target)) {
    const std::string low = io::to_text(option.range.low);
    const bool above = option.range.above_low;
    if (!option.range.below_high) return std::string(option.argument) + (above ? " > " : " >= ") + low;
    return low + (above ? " < " : " <= ") + std::string(option.argument) + " < " + io::to_text(option.range.high);
  }
  return {};
}

/// The help sentence, and in brackets what the option takes and what it is when not given.
std::string description(const Option& option) {
  const std::string plain = value_text(option, Settings{});
  const std::string_view standard = option.default_text.empty() ? plain : option.default_text;
  std::string facts = values(option);
  if (!standard.empty()) facts += (facts.empty() ? "default: " : "; default: ") + std::string(standard);
  const std::string sentence(option.help);
  return facts.empty() ? sentence : sentence + " (" + facts + ")";
}

}  // namespace

std::string help_text() {
  std::string out =
      "usage: ./train DATASET [options]\n"
      "       ./train --resume DIR [options]\n"
      "       ./train eval MODEL [options]\n"
      "       ./train predict MODEL IMAGE... [options]\n"
      "       ./train report DIR... [--out DIR]\n"
      "       ./train paper FIGURE... [options]\n"
      "       ./train selftest [options]\n\n"
      "Trains a small network and "
      "writes a log of it. DATASET: ";
  out += listed_datasets();
  out += ".\nOptions are written --name value or --name=value; without any, the run is that of the paper.\n";
  std::string_view group;
  for (const Option& option : option_table()) {
    if (option.group != group) {
      group = option.group;
      out += '\n' + std::string(group) + '\n';
    }
    std::string left = "  " + std::string(option.name);
    if (!option.argument.empty()) left += ' ' + std::string(option.argument);
    left.append(left.size() < text_column - 1 ? text_column - left.size() : 2, ' ');
    out += left;
    append_wrapped(out, description(option), left.size());
  }
  out +=
      "\nThe environment variable QUENCH_ISA chooses a lower instruction set (avx512, avx2, baseline, ...).\n"
      "Exit code: 0 done, 1 error, 2 wrong usage, 128 + n ended by signal n (130: Ctrl-C); a second Ctrl-C\n"
      "ends at once. Progress goes to standard error, results to standard output.\n";
  return out;
}

}  // namespace quench::train
