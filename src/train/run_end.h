// What a run leaves when its training is over.
#pragma once

#include <string>

#include "quench/dataset.h"
#include "quench/model.h"
#include "train/console.h"
#include "train/run_folder.h"
#include "train/run_record.h"

namespace quench::train {

/// Writes what is still pending, the parameters, the last run.json and the report, and prints the summary. Returns
/// what was lost: rows, run.json or printed results; empty when nothing was.
std::string end_run(RunFolder& folder, const RunRecord& record, const Parameters& parameters,
                    const Normalization& normalization, Console& console);

}  // namespace quench::train
