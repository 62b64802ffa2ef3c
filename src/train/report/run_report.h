// report.html and the plots of runs.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "io/files.h"
#include "train/console.h"

namespace quench::train {

/// Reads the runs and writes <to>/report.html and <to>/plots/*.svg, replacing what is there. Throws Error, naming
/// the file that cannot be read or written.
void write_report(io::Files& files, std::span<const std::filesystem::path> runs, const std::filesystem::path& to);

/// `./train report DIR... [--out DIR]`; words: those after "report". Returns the exit code; throws UsageError.
int report_command(std::span<const std::string_view> words, Console& console);

}  // namespace quench::train
