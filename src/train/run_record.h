// run.json: everything needed to repeat a run, and how it ended.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quench/archive.h"
#include "quench/model.h"
#include "train/datasets.h"
#include "train/epoch_row.h"
#include "train/settings.h"

namespace quench::train {

struct RunRecord {
  // Known at the start.
  Settings settings;
  std::vector<std::string> command_line;  ///< the words as given
  std::string working_directory;          ///< what relative paths start from; empty when it is gone
  std::string output_folder;
  std::string started;  ///< UTC
  std::string data_folder;
  bool data_generated = false;
  std::uint64_t data_checksum = 0;
  std::int64_t training_images = 0;
  std::int64_t test_images = 0;
  std::uint64_t data_bytes = 0;
  std::int64_t parameters = 0;
  std::uint64_t model_bytes = 0;
  std::int64_t steps_per_epoch = 0;
  int threads = 0;
  std::string start_checksum;  ///< of the parameters that --init gave; empty without

  // What changes.
  std::string status = "running";  ///< then "finished", "interrupted" or "failed"
  std::string message;             ///< why it failed
  std::int64_t epochs_done = 0;
  std::int64_t steps_done = 0;  ///< of unfinished epochs as well
  double seconds = 0;           ///< since training began
  double training_seconds = 0;  ///< without measurements, finished epochs only
  std::optional<EpochRow> last_row;
  std::optional<Measurement> last_measurement;
  std::int64_t cuts = 0;                            ///< of the learning rate
  std::int64_t measured_epoch = 0;                  ///< which last_measurement is of: the state at its end
  std::optional<std::uint64_t> parameter_checksum;  ///< see checksum_of
};

/// What is known before training: settings, data, model, environment. words: the command line.
RunRecord make_record(const Settings& settings, std::span<const std::string_view> words, const OpenedDataset& data,
                      const Parameters& parameters);

/// io::Checksum over all tensors in order.
std::uint64_t checksum_of(const Parameters& parameters);

/// What of a record changes while training goes on, and of its last row and measurement what the summary says.
void archive(Archive& archive, RunRecord& record);

/// Whether training went on after the last measurement, so that its figures are not those of the final parameters.
bool measured_before_the_end(const RunRecord& record);

/// The file's contents. `settings` lists every recorded option of the table with the value in force; numbers are in
/// their shortest exact form, checksums are hexadecimal strings.
std::string to_json(const RunRecord& record);

}  // namespace quench::train
