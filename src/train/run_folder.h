// The folder a run writes to, and its run.json. (log.csv is an io::CsvTable in it.)
#pragma once

#include <filesystem>

#include "io/files.h"
#include "train/run_record.h"
#include "train/settings.h"

namespace quench::train {

/// Throws Error when settings.out holds a run already and --force is not given.
void refuse_to_overwrite(const Settings& settings);

/// Makes settings.out, or without one a folder nobody has: runs/mnist-mlp-seed1, runs/mnist-mlp-seed1-2, ...
/// Throws Error when it cannot be made.
std::filesystem::path make_run_folder(const Settings& settings);

/// Replaces run.json in the folder. Throws Error when it cannot be written.
void write_record(io::Files& files, const std::filesystem::path& folder, const RunRecord& record);

}  // namespace quench::train
