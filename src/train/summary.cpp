#include "train/summary.h"

#include <algorithm>
#include <string_view>

#include "io/numbers.h"
#include "quench/system.h"
#include "train/machine.h"
#include "train/run_tables.h"

namespace quench::train {
namespace {

using io::byte_size;
using io::fixed;
using io::grouped;
using io::to_text;

std::string counted(std::int64_t count) { return grouped(static_cast<std::uint64_t>(count)); }

std::string line(std::string_view title, const std::string& text) {
  return "  " + std::string(title) + std::string(12 - title.size(), ' ') + text + "\n";
}

std::string optimizer_line(const Settings& settings) {
  const std::string rule =
      settings.optimizer == "sgd"
          ? ", momentum " + to_text(settings.momentum) + ", dampening " + to_text(settings.dampening)
          : ", betas " + to_text(settings.beta1) + " and " + to_text(settings.beta2) + ", epsilon " +
                to_text(settings.epsilon);
  return settings.optimizer + ", lr " + to_text(settings.lr) + ", schedule " + settings.schedule + rule +
         ", weight decay " + to_text(settings.weight_decay);
}

/// "17 cuts, lr 0.01668; O_L/O_R 0.8500 +- 0.0987, noise limited, about 40 epochs to go: ...".
std::string schedule_text(const RunRecord& record) {
  const FdrRow& fdr = record.last_row->fdr;
  std::string verdict(verdict_name(fdr.verdict.verdict));
  std::replace(verdict.begin(), verdict.end(), '_', ' ');
  std::string text =
      to_text(record.cuts) + (record.cuts == 1 ? " cut, lr " : " cuts, lr ") +
      io::significant(static_cast<double>(fdr.next_lr), 5) +
      (record.settings.optimizer == "sgd" ? "; O_L/O_R " : "; drift of the norm (not the relation), as a ratio ") +
      ratio_text(fdr.verdict.whole) + ", " + verdict;
  if (!fdr.verdict.cause.empty()) text += ": " + fdr.verdict.cause;
  if (fdr.verdict.epochs_to_go >= 1) {
    text += "; about " + fixed(fdr.verdict.epochs_to_go, 0) + " more epochs until it is known to " +
            to_text(record.settings.fdr_threshold);
  }
  return text;
}

std::string how_it_ended(const RunRecord& record) {
  const std::int64_t into_epoch = record.steps_done - record.epochs_done * record.steps_per_epoch;
  std::string text = record.status + ": " + to_text(record.epochs_done) + " of " + to_text(record.settings.epochs) +
                     (record.settings.epochs == 1 ? " epoch" : " epochs");
  if (into_epoch > 0) text += " and " + to_text(into_epoch) + " of " + to_text(record.steps_per_epoch) + " steps";
  text += " in " + fixed(record.seconds, 1) + " s";
  if (record.training_seconds > 0) {
    const auto images = static_cast<double>(record.epochs_done * record.steps_per_epoch * record.settings.batch);
    text += ", " + grouped(static_cast<std::uint64_t>(images / record.training_seconds)) + " images/s in training";
  }
  return text + "\n";
}

}  // namespace

std::string header_block(const RunRecord& record) {
  const Settings& settings = record.settings;
  const std::string origin =
      record.data_generated ? "GENERATED images, not " + settings.dataset : "real, from " + record.data_folder;
  return std::string("quench ") + version() + "\n" +
         line("data", settings.dataset + ": " + origin + "; " + counted(record.training_images) + " to train, " +
                          counted(record.test_images) + " to test") +
         line("model", settings.model + ", " + counted(record.parameters) + " parameters") +
         line("memory", byte_size(record.model_bytes + record.data_bytes) + ": model " +
                            byte_size(record.model_bytes) + ", data " + byte_size(record.data_bytes)) +
         line("machine", std::string(instruction_set()) + " (numeric class " + numeric_class() + "), " +
                             to_text(record.threads) + (record.threads == 1 ? " thread" : " threads")) +
         line("seed", to_text(settings.seed) + ", of the data " + to_text(settings.data_seed) + ", sampling " +
                          settings.sampling) +
         line("optimizer", optimizer_line(settings)) +
         line("training", to_text(settings.epochs) + (settings.epochs == 1 ? " epoch of " : " epochs of ") +
                              to_text(record.steps_per_epoch) + " steps, batch " + to_text(settings.batch)) +
         line("output", record.output_folder);
}

std::string resumed_line(const std::filesystem::path& checkpoint, const RunRecord& record) {
  const std::int64_t into_epoch = record.steps_done - record.epochs_done * record.steps_per_epoch;
  std::string text = "from " + checkpoint.string() + ", after " + to_text(record.epochs_done) +
                     (record.epochs_done == 1 ? " epoch" : " epochs");
  if (into_epoch > 0) text += " and " + to_text(into_epoch) + " steps";
  return line("resumed", text);
}

std::string summary(const RunRecord& record) {
  std::string text = how_it_ended(record);
  if (record.last_row) text += line("schedule", schedule_text(record));
  if (record.last_measurement) {
    const Measurement& last = *record.last_measurement;
    if (measured_before_the_end(record)) {
      text += line("measured", "at the end of epoch " + to_text(record.measured_epoch) + ", not of the run");
    }
    text += line("f", fixed(last.f, 4) + " (cross-entropy " + fixed(last.cross_entropy, 4) + ")");
    text += line("accuracy", "train " + fixed(last.train_accuracy, 4) + ", test " + test_accuracy_text(last) +
                                 " (" + counted(last.test_images) + " images)" +
                                 (record.data_generated ? ", on generated images, NOT " + record.settings.dataset
                                                        : std::string()));
  } else if (record.data_generated) {
    text += line("data", "generated images, NOT " + record.settings.dataset);
  }
  if (record.parameter_checksum)
    text += line("parameters", "checksum " + io::hexadecimal(*record.parameter_checksum));
  if (const std::uint64_t peak = peak_memory(); peak > 0) text += line("memory", "peak " + byte_size(peak));
  const std::filesystem::path folder = record.output_folder;
  std::string files = (folder / "log.csv").string() +
                      ", model.safetensors, report.html, decisions.csv, layers.csv, steps.bin, run.json";
  if (has_stages_table(record.settings)) files += ", stages.csv";
  if (has_fdr2_table(record.settings)) files += ", fdr2.csv";
  return text + line("files", files);
}

}  // namespace quench::train
