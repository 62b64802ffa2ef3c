#include "train/stages.h"

#include <cmath>
#include <optional>

#include "io/numbers.h"
#include "train/options.h"
#include "train/settings.h"

namespace quench::train {
namespace {

constexpr std::int64_t most_epochs = 1'000'000'000;

[[noreturn]] void refuse(std::string_view part) {
  throw UsageError("--stages: found \"" + std::string(part) +
                   "\", expected LR:EPOCHS, a finite number >= 0 and a whole number of at least 1, like 0.05:500, "
                   "separated by commas and of at most " +
                   io::to_text(most_epochs) + " epochs together");
}

}  // namespace

std::vector<Stage> parse_stages(std::string_view text) {
  std::vector<Stage> stages;
  std::int64_t epoch = 0;
  for (;;) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) refuse(part);
    const std::optional<double> lr = io::parse_double(part.substr(0, colon));
    const auto epochs = io::parse_integer<std::int64_t>(part.substr(colon + 1));
    if (!lr || !std::isfinite(static_cast<float>(*lr)) || *lr < 0 || !epochs || *epochs < 1 ||
        *epochs > most_epochs - epoch)
      refuse(part);
    stages.push_back({*lr, epoch + 1, epoch + *epochs});
    epoch += *epochs;
    if (comma == std::string_view::npos) return stages;
    text.remove_prefix(comma + 1);
  }
}

std::vector<Stage> stages_of(const Settings& settings) {
  if (!settings.stages.empty()) return parse_stages(settings.stages);
  return {{settings.lr, 1, settings.epochs}};
}

}  // namespace quench::train
