// What the program says before and after training.
#pragma once

#include <filesystem>
#include <string>

#include "train/run_record.h"

namespace quench::train {

/// The block that tells what is about to run: data, model, memory, machine, seeds, hyper-parameters, folder.
std::string header_block(const RunRecord& record);

/// The line below it of a run that goes on: from which checkpoint, after how many epochs and steps.
std::string resumed_line(const std::filesystem::path& checkpoint, const RunRecord& record);

/// What was done, the last figures, the fingerprint of the parameters and the files written.
std::string summary(const RunRecord& record);

}  // namespace quench::train
