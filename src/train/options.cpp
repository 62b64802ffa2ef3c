#include "train/options.h"

#include <algorithm>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "io/numbers.h"
#include "train/datasets.h"
#include "train/option_table.h"

namespace quench::train {
namespace {

/// Letters to insert, leave out, replace or swap with their neighbour to get from a to b (optimal string
/// alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::string_view without_dashes(std::string_view name) {
  const std::size_t start = name.find_first_not_of('-');
  return start == std::string_view::npos ? std::string_view{} : name.substr(start);
}

std::string quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

std::string suggestion(std::string_view word, std::span<const std::string_view> names) {
  const std::string_view nearest = nearest_name(word, names);
  return nearest.empty() ? std::string{} : "; did you mean " + std::string(nearest) + "?";
}

const Option& find_option(std::string_view name) {
  const std::span<const Option> table = option_table();
  const auto found = std::find_if(table.begin(), table.end(), [&](const Option& o) { return o.name == name; });
  if (found != table.end()) return *found;
  std::vector<std::string_view> names;
  for (const Option& option : table) names.push_back(option.name);
  const std::string near = suggestion(name, names);
  throw UsageError("unknown option " + std::string(name) + (near.empty() ? "; --help lists all" : near));
}

template <typename Number>
bool in_range(Number value, const Range& range) {
  const auto x = static_cast<double>(value);
  return x >= range.low && (range.below_high ? x < range.high : x <= range.high);
}

/// The number `text` spells, when the option takes it.
template <typename Number>
std::optional<Number> read_number(std::string_view text, const Range& range) {
  std::optional<Number> value;
  if constexpr (std::is_same_v<Number, double>) {
    value = io::parse_double(text);
    // The library computes in float: what rounds to an excluded end there is as wrong as the end itself.
    if (value && in_range(*value, range) && !in_range(static_cast<float>(*value), range)) value.reset();
  } else {
    value = io::parse_integer<Number>(text);
  }
  if (value && !in_range(*value, range)) value.reset();
  return value;
}

void set_value(const Option& option, std::string_view text, Settings& settings) {
  const bool good = std::visit(
      [&](auto member) {
        auto& value = settings.*member;
        using Value = std::remove_reference_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          value = true;
          return true;
        } else if constexpr (std::is_same_v<Value, std::string>) {
          value = text;
          const auto& choices = option.choices;
          return choices.empty() ? !text.empty() : std::find(choices.begin(), choices.end(), text) != choices.end();
        } else {
          const std::optional<Value> number = read_number<Value>(text, option.range);
          if (number) value = *number;
          return number.has_value();
        }
      },
      option.target);
  if (!good) {
    throw UsageError(std::string(option.name) + ": found " + quoted(text) + ", expected " + expectation(option));
  }
}

void set_dataset(std::string_view word, Settings& settings) {
  if (!settings.dataset.empty()) {
    throw UsageError("found " + quoted(word) + " after the data set " + settings.dataset +
                     ", expected an option; options start with --");
  }
  const std::vector<std::string_view> names = dataset_names();
  if (std::find(names.begin(), names.end(), word) == names.end()) {
    throw UsageError("unknown data set " + quoted(word) + ", expected " + listed_datasets() +
                     suggestion(word, names));
  }
  settings.dataset = word;
}

}  // namespace

std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names) {
  const std::string_view meant = without_dashes(word);
  if (meant.empty()) return {};
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(1, meant.size() / 3) + 1;
  for (const std::string_view name : names) {
    const std::string_view candidate = without_dashes(name);
    const bool begins = meant.size() >= 2 && (candidate.starts_with(meant) || meant.starts_with(candidate));
    // A beginning is as good as one wrong letter; between equals the first of the table wins.
    const std::size_t distance = begins ? 1 : edit_distance(meant, candidate);
    if (distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

Settings parse_options(std::span<const std::string_view> words) {
  Settings settings;
  bool data_seed_given = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i] == "-h" ? "--help" : words[i];
    if (!word.starts_with('-') || word == "-") {
      set_dataset(word, settings);
      continue;
    }
    const std::size_t equals = word.find('=');
    const Option& option = find_option(word.substr(0, equals));
    const bool flag = std::holds_alternative<bool Settings::*>(option.target);
    std::string_view value;
    if (equals != std::string_view::npos) {
      value = word.substr(equals + 1);
      if (flag)
        throw UsageError(std::string(option.name) + ": found the value " + quoted(value) + ", expected none");
    } else if (!flag) {
      if (i + 1 == words.size() || words[i + 1].starts_with("--")) {
        const std::string found = i + 1 == words.size() ? "nothing" : "the option " + std::string(words[i + 1]);
        throw UsageError(std::string(option.name) + ": found " + found + ", expected " + expectation(option));
      }
      value = words[++i];
    }
    set_value(option, value, settings);
    if (settings.help || settings.version) return settings;
    settings.data_given |= option.name == "--data";
    data_seed_given |= option.name == "--data-seed";
  }
  if (settings.dataset.empty()) {
    throw UsageError("found no data set, expected one of: " + listed_datasets() + "; --help says more");
  }
  if (!data_seed_given) settings.data_seed = settings.seed;
  return settings;
}

}  // namespace quench::train
