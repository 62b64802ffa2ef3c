#include "train/run.h"

#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "io/checksum.h"
#include "io/csv.h"
#include "io/files.h"
#include "io/numbers.h"
#include "quench/adam.h"
#include "quench/executor.h"
#include "quench/graph.h"
#include "quench/model.h"
#include "quench/sgd.h"
#include "quench/system.h"
#include "train/datasets.h"
#include "train/interrupt.h"
#include "train/machine.h"
#include "train/model_file.h"
#include "train/options.h"
#include "train/report/run_report.h"
#include "train/run_folder.h"
#include "train/run_record.h"
#include "train/summary.h"
#include "train/trainer.h"

namespace quench::train {
namespace {

std::uint64_t parameter_checksum(const Parameters& parameters) {
  io::Checksum sum;
  for (const Parameter& parameter : parameters.tensors) {
    // Without the zeros that pad the tensor in memory.
    sum.add(
        std::span<const float>(parameter.value).first(static_cast<std::size_t>(element_count(parameter.shape))));
  }
  return sum.value();
}

struct ChosenOptimizer {
  std::unique_ptr<Optimizer> rule;
  std::size_t bytes;
};

ChosenOptimizer make_optimizer(const Settings& settings, const Parameters& parameters) {
  if (settings.optimizer == "sgd") {
    // Without momentum hardly anything reads the velocity.
    const SgdOptions options{.lr = static_cast<float>(settings.lr),
                             .momentum = static_cast<float>(settings.momentum),
                             .dampening = static_cast<float>(settings.dampening),
                             .weight_decay = static_cast<float>(settings.weight_decay),
                             .keep_velocity = wants_velocity(settings)};
    return {std::make_unique<Sgd>(parameters, options), Sgd::bytes(parameters, options)};
  }
  const AdamOptions options{.lr = static_cast<float>(settings.lr),
                            .beta1 = static_cast<float>(settings.beta1),
                            .beta2 = static_cast<float>(settings.beta2),
                            .epsilon = static_cast<float>(settings.epsilon),
                            .weight_decay = static_cast<float>(settings.weight_decay),
                            .amsgrad = settings.optimizer == "amsgrad"};
  return {std::make_unique<Adam>(parameters, options), Adam::bytes(parameters, options)};
}

void show_data(const Settings& settings, Console& console) {
  const std::string& file = settings.show_data;
  // Reading or drawing the images can take a while: what cannot be written is refused before.
  if (const std::error_code error = io::check_writable(file)) {
    throw Error("cannot write " + file + ": " + error.message());
  }
  const OpenedDataset data = open_dataset(settings);
  console.note(data.notice);
  write_contact_sheet(data.images.train, file);
  console.always("wrote " + file + "\n");
}

void check_batch(const Settings& settings, const Dataset& data) {
  if (settings.batch > data.train.size()) {
    throw UsageError("--batch: found " + io::to_text(settings.batch) + ", expected at most " +
                     io::to_text(data.train.size()) + ", the number of training images");
  }
}

RunRecord make_record(const Settings& settings, std::span<const std::string_view> words, const OpenedDataset& data,
                      Model& model) {
  RunRecord record;
  record.settings = settings;
  record.command_line.assign(words.begin(), words.end());
  std::error_code ignored;
  record.working_directory = std::filesystem::current_path(ignored).string();
  record.started = utc_time();
  record.data_folder = data.folder;
  record.data_generated = data.images.generated;
  record.data_checksum = data.checksum();
  record.training_images = data.images.train.size();
  record.test_images = data.images.test.size();
  record.data_bytes = data.bytes();
  record.parameters = model.parameters().count();
  record.steps_per_epoch = data.images.train.size() / settings.batch;
  record.threads = default_executor().threads();
  record.settings.threads = record.threads;
  return record;
}

/// Writes what is still pending, the last run.json and the parameters, and prints the summary. Returns what was
/// lost: rows, files or printed results; empty when nothing was.
std::string finish(RunFolder& folder, const RunRecord& record, const Parameters& parameters,
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
  try {
    folder.write_record(record);
  } catch (const Error& error) {
    add_loss(error.what());
  }
  // Of a log with a hole there is none.
  if (lost.empty()) {
    try {
      write_report(io::disk(), {&folder.path(), 1}, folder.path());
    } catch (const Error& error) {
      add_loss(std::string(error.what()) + "; ./train report " + folder.path().string() + " tries again");
    }
  }
  // Those of a run that failed are of no use.
  if (record.status != "failed") {
    try {
      save_parameters(folder.path() / model_file_name, parameters, model_metadata(record, normalization));
    } catch (const Error& error) {
      add_loss(error.what());
    }
  }
  console.report(summary(record));
  if (!console.lost_results().empty()) add_loss("standard output cannot be written: " + console.lost_results());
  return lost;
}

}  // namespace

int run(const Settings& settings, std::span<const std::string_view> words, Console& console) {
  instruction_set();  // an unknown QUENCH_ISA is refused before anything else is done
  if (!settings.show_data.empty()) {
    show_data(settings, console);
    return 0;
  }
  const InterruptWatch interrupt;
  const TableKind tables[] = {
      {"log.csv", log_columns()}, {"decisions.csv", decision_columns()}, {"layers.csv", layer_columns()}};
  RunFolder folder(io::disk(), settings, tables);
  if (settings.threads > 0) set_default_threads(static_cast<int>(settings.threads));

  const OpenedDataset data = open_dataset(settings);
  console.note(data.notice);
  check_batch(settings, data.images);

  const ImageSet& images = data.images.train;
  Graph graph;
  const Tensor input = graph.input({images.channels(), images.height(), images.width()});
  const Tensor logits = settings.model == "cnn" ? cnn(input, images.classes()) : mlp(input, images.classes());
  const Tensor loss = softmax_cross_entropy(logits);
  Model model(graph, loss, {.batch = static_cast<int>(settings.batch), .seed = settings.seed});
  const ChosenOptimizer chosen = make_optimizer(settings, model.parameters());
  Optimizer& optimizer = *chosen.rule;

  RunRecord record = make_record(settings, words, data, model);
  record.model_bytes = model.bytes() + chosen.bytes;
  record.output_folder = folder.path().string();
  record.settings.out = record.output_folder;
  // Nothing began: the folder stays free for another try.
  if (const int signal = interrupt.signal(); signal != 0) {
    console.note("interrupted before training began\n");
    return 128 + signal;
  }
  folder.begin(record);
  std::error_code ignored;
  std::filesystem::remove(folder.path() / model_file_name, ignored);  // of a run that this one replaces
  console.note(header_block(record));
  if (settings.weight_decay == 0 && settings.schedule == "fdr") {
    console.warning(
        "--weight-decay 0: nothing confines the norm of the parameters, so O_L and O_R never settle to be equal "
        "and "
        "the learning rate may never be cut; the paper uses 0.01");
  }

  std::exception_ptr failure;
  try {
    Schedule schedule({optimizer, model.parameters(), folder.table(1), folder.table(2), folder.steps()}, settings,
                      record.steps_per_epoch);
    Trainer({data.images, model, optimizer, schedule, folder, console, interrupt}, record).run();
    record.status = record.epochs_done == settings.epochs ? "finished" : "interrupted";
  } catch (const std::exception& error) {
    failure = std::current_exception();
    record.status = "failed";
    record.message = error.what();
  }
  record.parameter_checksum = parameter_checksum(model.parameters());
  const std::string lost = finish(folder, record, model.parameters(), images.normalization(), console);
  if (failure) {
    if (!lost.empty()) console.warning(lost);
    std::rethrow_exception(failure);
  }
  if (!lost.empty()) throw Error(lost);
  return record.status == "interrupted" ? 128 + interrupt.signal() : 0;
}

}  // namespace quench::train
