#include "train/run.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "io/checksum.h"
#include "io/csv.h"
#include "io/files.h"
#include "io/numbers.h"
#include "io/read_file.h"
#include "nn/parameter_file.h"
#include "quench/adam.h"
#include "quench/archive.h"
#include "quench/executor.h"
#include "quench/graph.h"
#include "quench/model.h"
#include "quench/sgd.h"
#include "quench/system.h"
#include "train/datasets.h"
#include "train/interrupt.h"
#include "train/landscape.h"
#include "train/machine.h"
#include "train/model_file.h"
#include "train/options.h"
#include "train/report/run_curves.h"
#include "train/report/run_report.h"
#include "train/resume.h"
#include "train/run_folder.h"
#include "train/run_record.h"
#include "train/state_file.h"
#include "train/summary.h"
#include "train/trainer.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;

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

/// Writes what is still pending, the parameters and the last run.json, and prints the summary. Returns what was
/// lost: rows, run.json or printed results; empty when nothing was.
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

bool has_stages_table(const Settings& settings) { return !settings.stages.empty() || settings.fdr2_every > 0; }

std::vector<TableKind> tables_of(const Settings& settings) {
  std::vector<TableKind> tables = {
      {"log.csv", log_columns()}, {"decisions.csv", decision_columns()}, {"layers.csv", layer_columns()}};
  if (has_stages_table(settings)) tables.push_back({"stages.csv", stage_columns()});
  if (settings.fdr2_every > 0) tables.push_back({"fdr2.csv", fdr2_columns()});
  return tables;
}

/// How a run begins: anew, or at a checkpoint.
struct Beginning {
  Settings settings;
  std::optional<ResumePoint> point;
};

/// Whether the folder holds nothing but what a run makes before it begins: tables without rows.
bool is_bare(const fs::path& folder, const Settings& settings) {
  const auto holds = [&](std::string_view name, const std::string& contents) {
    std::error_code error;
    const fs::path file = folder / name;
    if (!fs::exists(file, error)) return true;
    return fs::file_size(file, error) == contents.size() && io::read_file(file) == contents;
  };
  for (const TableKind& table : tables_of(settings)) {
    if (!holds(table.name, io::csv_line(table.columns))) return false;
  }
  return holds("steps.bin", "QSTEPS1\n");
}

/// Throws Error when the run began with other parameters than those of --init.
void check_start(const Settings& settings, const ResumePoint& point, std::uint64_t checksum) {
  const std::string there = point.start_checksum(), here = io::hexadecimal(checksum);
  if (there == here) return;
  throw Error(point.folder.string() + " is of a run that began with " +
              (there.empty() ? "random parameters" : "parameters of checksum " + there) + ", those of --init " +
              settings.init + " have " + here);
}

/// Throws UsageError when the checkpoint is past the end that the settings have.
void check_epochs(const Settings& settings, const ResumePoint& point, std::int64_t steps_per_epoch) {
  if (point.step <= settings.epochs * steps_per_epoch) return;
  throw UsageError("--epochs: found " + io::to_text(settings.epochs) + ", expected at least " +
                   io::to_text((point.step + steps_per_epoch - 1) / steps_per_epoch) + ", for " +
                   point.folder.string());
}

Beginning begin(const Settings& asked) {
  Beginning beginning{.settings = asked, .point = {}};
  if (asked.resume.empty()) return beginning;
  beginning.point = find_resume_point(asked);
  if (!beginning.point) {
    // What is there was cut off before its first checkpoint, and must be the same run.
    const fs::path folder = default_run_folder(asked);
    std::error_code ignored;
    if (!fs::exists(folder / "run.json", ignored)) {
      beginning.settings.force = asked.force || is_bare(folder, asked);
    } else if (!asked.force) {
      const io::JsonValue there = read_record(folder);
      const io::JsonValue* status = there.find("status");
      if (status != nullptr && status->text == "finished") {
        throw Error(folder.string() +
                    " holds a finished run without checkpoints; choose another --out, or --force to overwrite it");
      }
      beginning.settings = resumed_settings(asked, there, folder.string());
      beginning.settings.force = true;
    }
    beginning.settings.out = folder.string();
    return beginning;
  }
  const ResumePoint& point = *beginning.point;
  beginning.settings = resumed_settings(asked, point.record, point.folder.string());
  const bool elsewhere = asked.resume != "auto" && !asked.out.empty();
  beginning.settings.out = elsewhere ? asked.out : point.run.string();
  return beginning;
}

std::string resumed_line(const fs::path& checkpoint, const RunRecord& record) {
  const std::int64_t into_epoch = record.steps_done - record.epochs_done * record.steps_per_epoch;
  std::string text = "  resumed     from " + checkpoint.string() + ", after " + io::to_text(record.epochs_done) +
                     (record.epochs_done == 1 ? " epoch" : " epochs");
  if (into_epoch > 0) text += " and " + io::to_text(into_epoch) + " steps";
  return text + "\n";
}

}  // namespace

int run(const Settings& asked, std::span<const std::string_view> words, Console& console) {
  instruction_set();  // an unknown QUENCH_ISA is refused before anything else is done
  if (!asked.show_data.empty()) {
    show_data(asked, console);
    return 0;
  }
  const InterruptWatch interrupt;
  Beginning beginning = begin(asked);
  const Settings& settings = beginning.settings;
  if (beginning.point && !beginning.point->warning.empty()) console.warning(beginning.point->warning);
  if (settings.threads > 0) set_default_threads(static_cast<int>(settings.threads));

  std::optional<Archive> state;
  if (beginning.point) state = parse_state(beginning.point->checkpoint.state, beginning.point->folder.string());
  const std::vector<TableKind> tables = tables_of(settings);
  std::optional<RunFolder> claimed;
  if (!state) claimed.emplace(io::disk(), settings, tables);

  const OpenedDataset data = open_dataset(settings);
  console.note(data.notice);
  check_batch(settings, data.images);
  const ImageSet& images = data.images.train;
  if (state) {
    // What is refused leaves the run as it was.
    check_same_world(*beginning.point, data.checksum());
    check_epochs(settings, *beginning.point, images.size() / settings.batch);
  }

  Graph graph;
  const Tensor input = graph.input({images.channels(), images.height(), images.width()});
  const Tensor logits = settings.model == "cnn" ? cnn(input, images.classes()) : mlp(input, images.classes());
  const Tensor loss = softmax_cross_entropy(logits);
  Model model(graph, loss, {.batch = static_cast<int>(settings.batch), .seed = settings.seed});
  const bool init_given = std::find(settings.given.begin(), settings.given.end(), "--init") != settings.given.end();
  if (!settings.init.empty() && (!state || init_given)) load_parameters(settings.init, model.parameters());
  if (state) {
    if (init_given) check_start(settings, *beginning.point, parameter_checksum(model.parameters()));
    claimed.emplace(io::disk(), settings, tables, *beginning.point, *state);
  }
  RunFolder& folder = *claimed;
  const ChosenOptimizer chosen = make_optimizer(settings, model.parameters());
  Optimizer& optimizer = *chosen.rule;

  RunRecord record = make_record(settings, words, data, model);
  record.model_bytes = model.bytes() + chosen.bytes;
  record.output_folder = folder.path().string();
  record.settings.out = record.output_folder;
  if (beginning.point) {
    record.start_checksum = beginning.point->start_checksum();
  } else if (!settings.init.empty()) {
    record.start_checksum = io::hexadecimal(parameter_checksum(model.parameters()));
  }
  // Nothing began: the folder stays free for another try.
  if (const int signal = interrupt.signal(); signal != 0) {
    console.note("interrupted before training began\n");
    return 128 + signal;
  }

  Schedule schedule({optimizer, model.parameters(), folder.table(1), folder.table(2), folder.steps()}, settings,
                    record.steps_per_epoch);
  std::optional<Landscape> landscape;
  if (has_stages_table(settings)) {
    landscape.emplace(Landscape::Parts{model, optimizer, images, folder.table(3),
                                       settings.fdr2_every > 0 ? &folder.table(4) : nullptr},
                      settings, record.steps_per_epoch);
  }
  Trainer trainer(
      {data.images, model, optimizer, schedule, landscape ? &*landscape : nullptr, folder, console, interrupt},
      record);
  if (state) {
    const Checkpoint& checkpoint = beginning.point->checkpoint;
    const std::string source = (beginning.point->folder / model_file_name).string();
    set_parameters(io::parse_safetensors(checkpoint.model, source), source, model.parameters());
    trainer.resume(*state);
    folder.write_record(record);
  } else {
    Checkpoints(io::disk(), folder.path()).forget_after(-1);  // those of a run that this one replaces, and first
    folder.begin(record);
  }
  std::error_code ignored;
  fs::remove(folder.path() / model_file_name, ignored);  // not the parameters that this run will end with
  console.note(header_block(record));
  if (beginning.point) console.note(resumed_line(beginning.point->folder, record));
  if (settings.weight_decay == 0 && (settings.schedule == "fdr" || settings.schedule == "sasa")) {
    console.warning(
        "--weight-decay 0: nothing confines the norm of the parameters, so O_L and O_R never settle to be equal "
        "and the learning rate may never be cut; the paper uses 0.01");
  }

  std::exception_ptr failure;
  try {
    trainer.run();
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
