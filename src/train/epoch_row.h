// What is known at the end of an epoch: a row of log.csv and of the table on standard output.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "train/schedule.h"

namespace quench::train {

/// Passes over both sets with the parameters that the epoch ended with.
struct Measurement {
  double f = 0;              ///< training cross-entropy + lambda/2 |theta|^2
  double cross_entropy = 0;  ///< training, without L2
  double train_accuracy = 0;
  double test_cross_entropy = 0;
  double test_accuracy = 0;
  double test_accuracy_error = 0;  ///< one binomial standard error
  std::int64_t test_images = 0;    ///< that it is the accuracy on
  double seconds = 0;              ///< that the passes took
};

struct EpochRow {
  std::int64_t epoch = 0;  ///< from 1
  std::int64_t step = 0;   ///< updates since the start of the run
  float lr = 0;
  double f_batch = 0;            ///< mean over the epoch's steps of the mini-batch loss with L2, before each update
  FdrRow fdr;                    ///< of the relation, at the end
  double seconds = 0;            ///< of the epoch's steps, without the measurement
  double images_per_second = 0;  ///< trained on
  std::optional<Measurement> ended;  ///< empty when --eval-every leaves the epoch out
};

/// log.csv. Only `seconds` and the columns that end in _seconds or _per_second differ between runs of one seed.
std::vector<std::string> log_columns();
/// The cells in the order of log_columns(), numbers in their shortest exact form, what was not measured empty.
std::vector<std::string> log_cells(const EpochRow& row);

/// The accuracy on the test images with its standard error: "0.3910 +- 0.0154".
std::string test_accuracy_text(const Measurement& measurement);

/// "1.0034 +- 0.0007", the ratio O_L / O_R with one standard deviation.
std::string ratio_text(const FdrWindow& window);

/// The table for people: aligned columns, rounded numbers, each line with its newline.
/// The header has the number of test images, the lines the accuracy on them with its standard error. relation:
/// false for an optimiser without velocity, whose O_L, O_R and ratio are not those of the relation but tell how the
/// norm of the parameters drifts; the header then says so.
std::string table_header(std::int64_t test_images, bool relation = true);
std::string table_line(const EpochRow& row);

}  // namespace quench::train
