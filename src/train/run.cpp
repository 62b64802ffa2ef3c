#include "train/run.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include "io/files.h"
#include "io/numbers.h"
#include "io/safetensors.h"
#include "nn/parameter_file.h"
#include "quench/archive.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "quench/graph.h"
#include "quench/model.h"
#include "quench/system.h"
#include "train/chosen_optimizer.h"
#include "train/datasets.h"
#include "train/interrupt.h"
#include "train/landscape.h"
#include "train/model_file.h"
#include "train/network.h"
#include "train/options.h"
#include "train/resume.h"
#include "train/run_end.h"
#include "train/run_folder.h"
#include "train/run_record.h"
#include "train/run_tables.h"
#include "train/schedule.h"
#include "train/state_file.h"
#include "train/summary.h"
#include "train/trainer.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;

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

/// Throws UsageError or Error when the run cannot go on with this data, or cannot begin.
void check_data(const Settings& settings, const std::optional<ResumePoint>& point, const OpenedDataset& data) {
  const std::int64_t images = data.images.train.size();
  if (settings.batch > images) {
    throw UsageError("--batch: found " + io::to_text(settings.batch) + ", expected at most " + io::to_text(images) +
                     ", the number of training images");
  }
  if (!point) return;
  check_same_world(*point, data.checksum());
  check_epochs(settings, *point, images / settings.batch);
}

/// The parameters of --init, if the run begins with them or they are to be compared with those it began with.
void load_start(const Settings& settings, const std::optional<ResumePoint>& point, const Parameters& parameters) {
  const bool given = std::find(settings.given.begin(), settings.given.end(), "--init") != settings.given.end();
  if (settings.init.empty() || (point && !given)) return;
  load_parameters(settings.init, parameters);
  if (point) check_start(settings, *point, checksum_of(parameters));
}

void load_checkpoint(const ResumePoint& point, const Parameters& parameters) {
  const std::string source = (point.folder / model_file_name).string();
  set_parameters(io::parse_safetensors(point.checkpoint.model, source), source, parameters);
}

void warn(const Settings& settings, Console& console) {
  if (settings.weight_decay == 0 && (settings.schedule == "fdr" || settings.schedule == "sasa")) {
    console.warning(
        "--weight-decay 0: nothing confines the norm of the parameters, so O_L and O_R never settle to be equal "
        "and the learning rate may never be cut; the paper uses 0.01");
  }
}

/// Trains, and notes how that ended. Returns what it failed with.
std::exception_ptr train(Trainer& trainer, RunRecord& record) {
  try {
    record.status = trainer.run() ? "finished" : "interrupted";
    return nullptr;
  } catch (const std::exception& error) {
    record.status = "failed";
    record.message = error.what();
    return std::current_exception();
  }
}

}  // namespace

int run(const Settings& asked, std::span<const std::string_view> words, Console& console) {
  instruction_set();  // an unknown QUENCH_ISA is refused before anything else is done
  if (!asked.show_data.empty()) {
    show_data(asked, console);
    return 0;
  }
  const InterruptWatch interrupt;
  const Beginning beginning = find_beginning(asked);
  const Settings& settings = beginning.settings;
  const std::optional<ResumePoint>& point = beginning.point;
  if (point && !point->warning.empty()) console.warning(point->warning);
  if (settings.threads > 0) set_default_threads(static_cast<int>(settings.threads));

  // A new run claims its folder before anything takes time. One that goes on does not before all of it is checked:
  // what is refused leaves it as it was.
  std::optional<Archive> state;
  if (point) state = parse_state(point->checkpoint.state, point->folder.string());
  const std::vector<TableKind> tables = tables_of(settings);
  std::optional<RunFolder> claimed;
  if (!point) claimed.emplace(io::disk(), settings, tables);
  const OpenedDataset data = open_dataset(settings);
  if (!console.is_part()) console.note(data.notice);
  check_data(settings, point, data);
  Graph graph;
  Model model(graph, network_loss(graph, settings.dataset, settings.model),
              {.batch = static_cast<int>(settings.batch), .seed = settings.seed});
  load_start(settings, point, model.parameters());
  if (point) claimed.emplace(io::disk(), settings, tables, *point, *state);
  RunFolder& folder = *claimed;

  const ChosenOptimizer optimizer = make_optimizer(settings, model.parameters());
  RunRecord record = make_record(settings, words, data, model.parameters());
  record.model_bytes = model.bytes() + optimizer.bytes;
  record.output_folder = folder.path().string();
  record.settings.out = record.output_folder;
  if (point) {
    record.start_checksum = point->start_checksum();
  } else if (!settings.init.empty()) {
    record.start_checksum = io::hexadecimal(checksum_of(model.parameters()));
  }
  // Nothing began: the folder stays free for another try.
  if (const int signal = interrupt.signal(); signal != 0) {
    console.note("interrupted before training began\n");
    return 128 + signal;
  }

  Schedule schedule({*optimizer.rule, model.parameters(), folder.table(decisions_table), folder.table(layers_table),
                     folder.steps()},
                    settings, record.steps_per_epoch);
  std::optional<Landscape> landscape;
  if (has_stages_table(settings)) {
    landscape.emplace(Landscape::Parts{model, *optimizer.rule, data.images.train, folder.table(stages_table),
                                       has_fdr2_table(settings) ? &folder.table(fdr2_table) : nullptr},
                      settings, record.steps_per_epoch);
  }
  Trainer trainer({data.images, model, *optimizer.rule, schedule, landscape ? &*landscape : nullptr, folder,
                   console, interrupt},
                  record);
  if (point) {
    load_checkpoint(*point, model.parameters());
    trainer.resume(*state);
    folder.write_record(record);
  } else {
    Checkpoints(io::disk(), folder.path()).forget_after(-1);  // those of a run that this one replaces, and first
    folder.begin(record);
  }
  std::error_code ignored;
  fs::remove(folder.path() / model_file_name, ignored);  // not the parameters that this run will end with
  console.note(header_block(record));
  if (point) console.note(resumed_line(point->folder, record));
  warn(settings, console);

  const std::exception_ptr failure = train(trainer, record);
  record.parameter_checksum = checksum_of(model.parameters());
  const std::string lost = end_run(folder, record, model.parameters(), data.images.train.normalization(), console);
  if (failure) {
    if (!lost.empty()) console.warning(lost);
    std::rethrow_exception(failure);
  }
  if (!lost.empty()) throw Error(lost);
  return record.status == "interrupted" ? 128 + interrupt.signal() : 0;
}

}  // namespace quench::train
