#include "train/options.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "io/numbers.h"
#include "train/checkpoint.h"
#include "train/datasets.h"
#include "train/stages.h"

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

std::size_t common_prefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

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
  return (range.above_low ? x > range.low : x >= range.low) &&
         (range.below_high ? x < range.high : x <= range.high);
}

/// What a decimal number becomes in the library, which computes in float.
struct AsFloat {
  bool fits = true;  ///< false for a number that would be infinite or, not being zero, zero
  bool in_range = true;
};

AsFloat as_float(double value, const Range& range) {
  const auto rounded = static_cast<float>(value);
  return {.fits = std::isfinite(rounded) == std::isfinite(value) && (rounded != 0) == (value != 0),
          .in_range = in_range(rounded, range)};
}

/// The number `text` spells, when the option takes it.
template <typename Number>
std::optional<Number> read_number(std::string_view text, const Range& range) {
  if constexpr (std::is_same_v<Number, double>) {
    const std::optional<double> value = io::parse_double(text);
    // A value below the range may still round to its lower end, one above it to its upper end: the largest float is
    // commonly written with fewer digits, which is a little more.
    if (!value || *value < range.low) return std::nullopt;
    const AsFloat there = as_float(*value, range);
    if (!there.fits || !there.in_range) return std::nullopt;
    return *value == 0 ? 0 : *value;  // no negative zero
  } else {
    const std::optional<Number> value = io::parse_integer<Number>(text);
    return value && in_range(*value, range) ? value : std::nullopt;
  }
}

/// Why a number that looks good is refused: what it would be as a float. Empty when that is not the reason.
std::string lost_in_float(const Option& option, std::string_view text) {
  if (!std::holds_alternative<double Settings::*>(option.target) || !io::spells_number(text)) return {};
  const std::optional<double> value = io::parse_double(text);
  if (!value || !as_float(*value, option.range).fits) {
    return ", which is outside the range of floats (1.4e-45 to 3.4e+38)";
  }
  if (in_range(*value, option.range)) return ", which as a float is " + io::to_text(static_cast<float>(*value));
  return {};
}

}  // namespace

void set_option(const Option& option, std::string_view text, Settings& settings) {
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
    throw UsageError(std::string(option.name) + ": found " + quoted(text) + lost_in_float(option, text) +
                     ", expected " + expectation(option));
  }
}

namespace {

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

[[noreturn]] void refuse_with_optimizer(const Settings& settings, std::string_view option) {
  throw UsageError(std::string(option) + ": found with --optimizer " + settings.optimizer +
                   ", which has no such thing");
}

/// The settings with those options that were not given as the data set has them.
Settings with_defaults(const Settings& settings, std::span<const Option* const> given) {
  Settings result = standard_settings(settings.dataset);
  for (const Option* option : given)
    std::visit([&](auto member) { result.*member = settings.*member; }, option->target);
  const auto is_given = [&](std::string_view name) {
    return std::any_of(given.begin(), given.end(), [&](const Option* option) { return option->name == name; });
  };
  for (const Option* option : given) result.given.push_back(option->name);
  result.data_given = is_given("--data");
  if (is_given("--stages")) {
    for (const std::string_view name : {"--lr", "--epochs", "--schedule"}) {
      if (is_given(name)) throw UsageError(std::string(name) + ": found with --stages, which take its place");
    }
    const std::vector<Stage> stages = parse_stages(result.stages);
    result.schedule = "stages";
    result.lr = stages.front().lr;
    result.epochs = stages.back().last_epoch;
  }
  if (result.fdr2_every > 0 && !is_given("--schedule") && !is_given("--stages")) result.schedule = "constant";
  if (is_given("--init") && is_given("--seed"))
    throw UsageError("--seed: found with --init, whose file takes the place of the initial weights");
  if (!is_given("--data-seed")) result.data_seed = result.seed;
  if (result.optimizer != "sgd") {
    if (!is_given("--lr") && !is_given("--stages")) result.lr = 0.001;
    if (!is_given("--schedule") && !is_given("--stages")) result.schedule = "constant";
    if (!is_given("--momentum")) result.momentum = 0;
  }
  check_together(result);
  return result;
}

}  // namespace

void check_together(const Settings& settings) {
  parse_checkpoint_interval(settings.checkpoint_every);
  if (!settings.stages.empty()) {
    parse_stages(settings.stages);
    if (settings.schedule != "stages")
      throw UsageError("--schedule: found " + settings.schedule + " with --stages, which take its place");
  } else if (settings.schedule == "stages") {
    throw UsageError("--schedule: found \"stages\" without --stages, which say what they are");
  }
  if (settings.fdr2_every > 0 && settings.schedule != "constant" && settings.schedule != "stages") {
    throw UsageError("--fdr2-every: found with --schedule " + settings.schedule +
                     ", which may change the learning rate any time; expected constant, or --stages");
  }
  for (const std::string_view name : {"--fdr2-half", "--fdr2-products"}) {
    if (settings.fdr2_every == 0 && (name == "--fdr2-half" ? settings.fdr2_half : settings.fdr2_products > 0))
      throw UsageError(std::string(name) + ": found without --fdr2-every, which makes the measurements");
  }
  if (settings.optimizer != "sgd") {
    if (settings.fdr2_every > 0) refuse_with_optimizer(settings, "--fdr2-every");
    if (settings.fdr2_products > 0) refuse_with_optimizer(settings, "--fdr2-products");
    // What the rule has not got, or what is defined by it.
    if (settings.momentum != 0) refuse_with_optimizer(settings, "--momentum");
    if (settings.dampening != 0) refuse_with_optimizer(settings, "--dampening");
    if (settings.theta_c) refuse_with_optimizer(settings, "--theta-c");
    if (settings.fdr_lagged) refuse_with_optimizer(settings, "--fdr-lagged");
    for (const std::string_view name : {"fdr", "sasa", "pflug"}) {
      if (settings.schedule == name) {
        throw UsageError(
            "--schedule: found " + quoted(name) + " with --optimizer " + settings.optimizer +
            ", whose steps have no velocity that it could measure; expected constant, preset, pesme, abel or "
            "plateau");
      }
    }
  } else {
    const Settings standard;
    if (settings.beta1 != standard.beta1) refuse_with_optimizer(settings, "--beta1");
    if (settings.beta2 != standard.beta2) refuse_with_optimizer(settings, "--beta2");
    if (settings.epsilon != standard.epsilon) refuse_with_optimizer(settings, "--epsilon");
  }
  if (settings.fdr_every > 0 &&
      (settings.schedule == "constant" || settings.schedule == "stages" || settings.schedule == "preset")) {
    throw UsageError("--fdr-every: found with --schedule " + settings.schedule +
                     (settings.schedule == "preset" ? ", which counts epochs" : ", which tests nothing") +
                     "; expected another schedule");
  }
}

std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names) {
  const std::string_view meant = without_dashes(word);
  if (meant.empty()) return {};
  const std::size_t enough = std::max<std::size_t>(1, meant.size() / 3);
  std::string_view nearest, beginning;
  std::size_t least = enough + 1, nearest_common = 0, longest = 1;
  for (const std::string_view name : names) {
    const std::string_view candidate = without_dashes(name);
    const std::size_t distance = edit_distance(meant, candidate);
    const std::size_t common = common_prefix(meant, candidate);
    if (distance < least || (distance == least && distance <= enough && common > nearest_common)) {
      least = distance;
      nearest_common = common;
      nearest = name;
    }
    if (common > longest && common == std::min(meant.size(), candidate.size())) {
      longest = common;
      beginning = name;
    }
  }
  return nearest.empty() ? beginning : nearest;
}

Settings parse_options(std::span<const std::string_view> words) {
  Settings settings;
  std::vector<const Option*> given;
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
    set_option(option, value, settings);
    if (settings.help || settings.version) return settings;
    given.push_back(&option);
  }
  if (settings.dataset.empty() && (settings.resume.empty() || settings.resume == "auto")) {
    throw UsageError("found no data set, expected " + listed_datasets() + "; --help says more");
  }
  return with_defaults(settings, given);
}

}  // namespace quench::train
