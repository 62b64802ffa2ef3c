// One run of ./train, from settings to exit code.
#pragma once

#include <span>
#include <string_view>

#include "train/console.h"
#include "train/settings.h"

namespace quench::train {

/// Trains as `settings` say, prints, and writes log.csv and run.json. words: the command line, for run.json.
/// Returns the exit code: 0, or 128 + the signal that ended the run early. Throws UsageError for settings that do
/// not fit the data, and Error for everything else that fails; run.json then says so, if the run had begun.
int run(const Settings& settings, std::span<const std::string_view> words, Console& console);

}  // namespace quench::train
