#include "train/run_end.h"

#include <system_error>

#include "io/csv.h"
#include "io/files.h"
#include "io/numbers.h"
#include "quench/error.h"
#include "quench/safetensors.h"
#include "train/model_file.h"
#include "train/report/run_report.h"
#include "train/summary.h"

namespace quench::train {

std::string end_run(RunFolder& folder, const RunRecord& record, const Parameters& parameters,
                    const Normalization& normalization, Console& console) {
  std::string lost;
  const auto add_loss = [&](const std::string& what) { lost += (lost.empty() ? "" : "; ") + what; };
  for (io::CsvTable& table : folder.tables()) {
    const std::error_code error = table.flush();
    if (!error) continue;
    const std::string rows = table.pending_rows() == 1 ? " row" : " rows";
    add_loss(table.file().string() + " lacks the last " + io::to_text(table.pending_rows()) + rows + ": " +
             error.message());
  }
  if (const std::error_code error = folder.steps().flush()) {
    add_loss(folder.steps().path().string() + " lacks the last " + io::to_text(folder.steps().pending()) +
             " epochs: " + error.message());
  }
  // Of a log with a hole there is no report.
  bool whole = lost.empty();
  // Those of a run that failed are of no use. They come before run.json says that the run is finished: what starts
  // from them goes by that.
  if (record.status != "failed") {
    try {
      save_parameters(folder.path() / model_file_name, parameters, model_metadata(record, normalization));
    } catch (const Error& error) {
      add_loss(error.what());
    }
  }
  try {
    folder.write_record(record);
  } catch (const Error& error) {
    add_loss(error.what());
    whole = false;
  }
  if (whole) {
    try {
      write_report(io::disk(), {&folder.path(), 1}, folder.path());
    } catch (const Error& error) {
      add_loss(std::string(error.what()) + "; ./train report " + folder.path().string() + " tries again");
    }
  }
  console.report(summary(record));
  if (!console.lost_results().empty()) add_loss("standard output cannot be written: " + console.lost_results());
  return lost;
}

}  // namespace quench::train
