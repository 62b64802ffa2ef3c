#include "train/command_words.h"

#include <algorithm>

#include "io/numbers.h"

namespace quench::train {

CommandWords::CommandWords(std::span<const std::string_view> words, std::span<const CommandOption> options) {
  std::vector<std::string_view> names{"--help"};
  for (const CommandOption& option : options) names.push_back(option.name);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--help" || word == "-h") help_ = true;
    if (help_) return;
    if (!word.starts_with('-') || word == "-") {
      others_.emplace_back(word);
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const auto option =
        std::find_if(options.begin(), options.end(), [&](const CommandOption& o) { return o.name == name; });
    if (option == options.end()) {
      const std::string_view nearest = nearest_name(name, names);
      throw UsageError("unknown option " + std::string(name) +
                       (nearest.empty() ? "; --help lists all" : "; did you mean " + std::string(nearest) + "?"));
    }
    std::string value;
    if (option->argument.empty()) {
      if (equals != std::string_view::npos) throw UsageError(std::string(name) + ": found a value, expected none");
    } else if (equals != std::string_view::npos) {
      value = word.substr(equals + 1);
    } else if (i + 1 < words.size() && !words[i + 1].starts_with("--")) {
      value = words[++i];
    }
    if (!option->argument.empty() && value.empty()) {
      throw UsageError(std::string(name) + ": found nothing, expected " + std::string(option->expected));
    }
    values_.emplace_back(option->name, std::move(value));
    if (!option->argument.ends_with("...")) continue;
    while (i + 1 < words.size() && !words[i + 1].starts_with("--")) values_.emplace_back(option->name, words[++i]);
  }
}

std::optional<std::string> CommandWords::value(std::string_view option) const {
  std::optional<std::string> last;
  for (const auto& [name, text] : values_) {
    if (name == option) last = text;
  }
  return last;
}

std::vector<std::string> CommandWords::all_values(std::string_view option) const {
  std::vector<std::string> all;
  for (const auto& [name, text] : values_) {
    if (name == option) all.push_back(text);
  }
  return all;
}

std::int64_t CommandWords::integer(std::string_view option, std::int64_t standard, std::int64_t low,
                                   std::int64_t high) const {
  const std::optional<std::string> text = value(option);
  if (!text) return standard;
  const std::optional<std::int64_t> number = io::parse_integer<std::int64_t>(*text);
  if (number && *number >= low && *number <= high) return *number;
  throw UsageError(std::string(option) + ": found \"" + *text + "\", expected a whole number from " +
                   io::to_text(low) + " to " + io::to_text(high));
}

double CommandWords::decimal(std::string_view option, double standard, double above, double high) const {
  const std::optional<std::string> text = value(option);
  if (!text) return standard;
  const std::optional<double> number = io::parse_double(*text);
  if (number && *number > above && *number <= high) return *number;
  throw UsageError(std::string(option) + ": found \"" + *text + "\", expected a number above " +
                   io::to_text(above) + ", at most " + io::to_text(high));
}

}  // namespace quench::train
