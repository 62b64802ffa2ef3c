// Checkpoints, as --resume reads them: DONE with its lengths and checksums, the settings in run.json, the
// parameters in model.safetensors, and the state of optimiser, schedule, detectors, averages, landscape, tables and
// trainer in state.safetensors, read by the objects of a run of those settings (on a small network, and files in
// memory). What was read is then used: the rest of the epoch is observed and closed as if it were trained. An input
// is the lengths of the first three files (4 bytes each, little-endian; more than there is: all there is), DONE,
// model.safetensors, run.json and state.safetensors. Past the header: all that DONE says of the others is right.
#include "train/checkpoint.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "fuzz/memory.h"
#include "fuzz/mutations.h"
#include "fuzz/target.h"
#include "io/checksum.h"
#include "io/little_endian.h"
#include "io/numbers.h"
#include "nn/parameter_file.h"
#include "quench/archive.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "quench/graph.h"
#include "quench/model.h"
#include "temporary_folder.h"
#include "train/chosen_optimizer.h"
#include "train/interrupt.h"
#include "train/landscape.h"
#include "train/options.h"
#include "train/resume.h"
#include "train/run_folder.h"
#include "train/run_tables.h"
#include "train/schedule.h"
#include "train/state_file.h"
#include "train/trainer.h"

namespace quench::fuzz {
namespace {

namespace fs = std::filesystem;
using io::to_text;
using train::Settings;

constexpr std::size_t length_bytes = 4;
constexpr int batch = 4, images = 3 * batch, classes = 2;
constexpr std::int64_t steps_per_epoch = images / batch;

struct Files {
  std::string done, model, record, state;

  static Files from(std::string_view input) {
    Files files;
    if (input.size() < 3 * length_bytes) return files;
    std::string_view rest = input.substr(3 * length_bytes);
    std::size_t at = 0;
    for (std::string* file : {&files.done, &files.model, &files.record}) {
      const auto length = std::min<std::size_t>(rest.size(), io::from_little_endian<std::uint32_t>(&input[at]));
      *file = rest.substr(0, length);
      rest.remove_prefix(length);
      at += length_bytes;
    }
    files.state = rest;
    return files;
  }
  std::string input() const {
    std::string result;
    for (const std::string* file : {&done, &model, &record})
      io::append_little_endian(result, static_cast<std::uint32_t>(file->size()));
    return result + done + model + record + state;
  }

  /// DONE as it is to be.
  void repair() {
    done = "quench checkpoint " + to_text(train::checkpoint_format) + "\n";
    for (const auto& [name, contents] :
         {std::pair("model.safetensors", &model), {"state.safetensors", &state}, {"run.json", &record}}) {
      io::Checksum sum;
      sum.add(std::span(reinterpret_cast<const std::uint8_t*>(contents->data()), contents->size()));
      done += std::string(name) + " " + to_text(contents->size()) + " " + io::hexadecimal(sum.value()) + "\n";
    }
  }

  std::string read(const fs::path& file, std::uint64_t most_bytes) const {
    const std::string name = file.filename().string();
    const std::string& contents = name == "DONE"                ? done
                                  : name == "model.safetensors" ? model
                                  : name == "run.json"          ? record
                                                                : state;
    if (contents.size() > most_bytes) throw Error(name + " is too long");
    return contents;
  }
};

/// A disk that takes everything and keeps nothing but lengths.
class NoDisk final : public io::Files {
 public:
  std::error_code create(const fs::path&, std::string_view) override { return {}; }
  std::error_code replace(const fs::path&, std::string_view) override { return {}; }
  std::error_code write(const fs::path&, std::string_view) override { return {}; }
  std::error_code rename(const fs::path&, const fs::path&) override { return {}; }
  std::error_code sync(const fs::path&) override { return {}; }
  std::error_code make_folder(const fs::path&) override { return {}; }
  io::Written append(const fs::path&, std::uint64_t, std::string_view bytes) override { return {bytes.size(), {}}; }
  std::error_code cut(const fs::path&, std::uint64_t, std::uint64_t keep) override {
    // Tables are shorter than that.
    return keep > 1'000'000 ? make_error_code(io::FileError::shorter) : std::error_code{};
  }
};

Dataset make_dataset() {
  std::vector<std::uint8_t> pixels, labels;
  for (int i = 0; i < images; ++i) {
    labels.push_back(static_cast<std::uint8_t>(i % classes));
    for (int pixel = 0; pixel < 4; ++pixel) pixels.push_back(static_cast<std::uint8_t>(31 * i + 7 * pixel));
  }
  const ImageSet set(1, 2, 2, classes, pixels, labels);
  return {"mnist", true, set, set};
}

/// What all inputs share.
class World {
 public:
  World() : data_(make_dataset()), model_(make_model(graph_, executor_)) {
    Settings staged, measured;
    staged.stages = "0.1:1";
    measured.fdr2_every = 1;
    for (Settings settings : {Settings(), staged, measured}) {
      const std::size_t which = folder_of(settings);
      settings.out = (folder_ / to_text(which)).string();
      folders_[which].emplace(disk_, settings, train::tables_of(settings));
    }
    reset();
  }

  Model& model() { return model_; }

  /// The parameters that a run begins with.
  void reset() {
    for (const Parameter& parameter : model_.parameters().tensors)
      std::fill_n(parameter.value.begin(), static_cast<std::size_t>(element_count(parameter.shape)), 0.25F);
  }

  /// Reads the state into a run of these settings and goes on to the end of the epoch.
  /// Throws Error when the state is of other settings, or one that no run leaves.
  void resume(const Settings& settings, Archive& state, std::uint64_t state_bytes) {
    Run run(*this, settings, *folders_[folder_of(settings)]);
    {
      const MemoryWatch memory;
      const auto check_memory = [&] {
        memory.expect_at_most(train::most_state_memory(state_bytes), "Trainer::resume");
      };
      try {
        run.folder.archive(state);
        run.trainer->resume(state);
      } catch (const Error&) {
        check_memory();
        throw;
      }
      check_memory();
    }
    const std::int64_t into_epoch = run.record.steps_done % steps_per_epoch;
    const std::int64_t epoch = run.record.steps_done / steps_per_epoch + 1;
    const bool with_landscape = run.landscape && epoch <= settings.epochs;
    // A run makes as many products as its settings say; a few of them go through all that a state has a say in.
    const auto stop = [asked = 0]() mutable { return ++asked > 10; };
    if (run.landscape && run.record.last_row)
      run.landscape->end_stage(run.record.last_row->fdr.verdict.whole, stop);
    if (into_epoch == 0) {
      run.schedule.begin_epoch(epoch);
      if (with_landscape) run.landscape->begin_epoch(epoch);
    } else {
      run.schedule.continue_epoch();
    }
    for (std::int64_t step = into_epoch; step < steps_per_epoch; ++step) run.schedule.step(0.5);
    const train::FdrRow row = run.schedule.end_epoch();
    if (with_landscape) {
      run.landscape->end_epoch();
      run.landscape->end_stage(row.verdict.whole, stop);
    }
    train::to_json(run.record);
  }

  /// The two last checkpoints of a run of 2 epochs, one of them in the middle of an epoch.
  std::vector<Files> checkpoints(Settings settings) {
    reset();
    settings.out = (folder_ / ("seed" + to_text(++seeds_))).string();
    settings.checkpoint_every = "2steps";
    settings.epochs = 2;
    train::RunFolder folder(io::disk(), settings, train::tables_of(settings));
    Run run(*this, settings, folder);
    folder.begin(run.record);
    run.trainer->run();
    std::vector<Files> found;
    for (const fs::path& checkpoint : train::finished_checkpoints(settings.out)) {
      const auto contents = [&](const char* name) { return test::read_all(checkpoint / name); };
      found.push_back(
          {contents("DONE"), contents("model.safetensors"), contents("run.json"), contents("state.safetensors")});
    }
    expect(found.size() == 2, "a run has left " + to_text(found.size()) + " checkpoints, expected 2");
    return found;
  }

 private:
  /// The objects of one run.
  struct Run {
    Run(World& world, const Settings& settings, train::RunFolder& where)
        : record(make_record(settings)),
          optimizer(train::make_optimizer(settings, world.model_.parameters()).rule),
          folder(where),
          schedule({*optimizer, world.model_.parameters(), folder.table(train::decisions_table),
                    folder.table(train::layers_table), folder.steps()},
                   record.settings, steps_per_epoch) {
      if (train::has_stages_table(settings)) {
        landscape.emplace(
            train::Landscape::Parts{world.model_, *optimizer, world.data_.train, folder.table(train::stages_table),
                                    train::has_fdr2_table(settings) ? &folder.table(train::fdr2_table) : nullptr},
            record.settings, steps_per_epoch);
      }
      trainer.emplace(
          train::Trainer::Parts{world.data_, world.model_, *optimizer, schedule, landscape ? &*landscape : nullptr,
                                folder, world.console_, world.interrupt_},
          record);
    }

    train::RunRecord record;
    std::unique_ptr<Optimizer> optimizer;
    train::RunFolder& folder;
    train::Schedule schedule;
    std::optional<train::Landscape> landscape;
    std::optional<train::Trainer> trainer;
  };

  /// Runs differ in how many tables they have: that of folders_ with as many.
  static std::size_t folder_of(const Settings& settings) {
    return std::size_t{train::has_stages_table(settings)} + std::size_t{train::has_fdr2_table(settings)};
  }

  static Model make_model(Graph& graph, Executor& executor) {
    const Tensor logits = mlp(graph.input({1, 2, 2}), std::span<const std::int64_t>(), classes);
    return Model(graph, softmax_cross_entropy(logits), {.batch = batch, .executor = &executor});
  }

  static train::RunRecord make_record(const Settings& settings) {
    train::RunRecord record;
    record.settings = settings;
    record.training_images = record.test_images = images;
    record.steps_per_epoch = steps_per_epoch;
    return record;
  }

  test::TemporaryFolder folder_;
  NoDisk disk_;
  Dataset data_;
  int seeds_ = 0;
  ThreadPool executor_{1};
  Graph graph_;
  Model model_;
  train::Console console_{true};
  train::InterruptWatch interrupt_;
  std::array<std::optional<train::RunFolder>, 3> folders_;
};

/// A run for each optimiser and for most of what has a state.
std::vector<Settings> all_settings() {
  Settings plain;
  plain.dataset = "mnist";
  plain.detectors = "none";
  plain.batch = batch;
  plain.threads = 1;
  std::vector<Settings> all(6, plain);
  all[1].momentum = 0.9;
  all[1].schedule = "sasa";
  all[1].fdr_every = 2;
  all[1].theta_c = true;
  all[2].detectors = "all";
  all[2].fdr_lagged = true;
  all[3].optimizer = "adam";
  all[3].schedule = "pesme";
  all[4].optimizer = "amsgrad";
  all[4].schedule = "preset";
  all[4].preset_epochs = 1;
  all[5].momentum = 0.9;
  all[5].schedule = "stages";
  all[5].stages = "0.1:1,0.05:1";
  all[5].fdr2_every = 1;
  return all;
}

class CheckpointTarget final : public Target {
 public:
  Reached check(std::span<const std::byte> input) override {
    return check(Files::from({reinterpret_cast<const char*>(input.data()), input.size()}), input.size());
  }

  std::vector<std::string> seeds() override {
    std::vector<std::string> result;
    for (const Files& files : valid()) {
      result.push_back(files.input());
      expect(check(files, result.back().size()) == Reached::accepted, "a checkpoint as it was written is refused");
    }
    return result;
  }

  void mutate(std::string& input, Chance& chance) override {
    if (chance.once_in(50)) return chance.change(input, input.size() + 16);
    Files files = Files::from(input);
    const Files& other = chance.of(valid());
    const std::size_t kind = chance.below(20);
    constexpr std::size_t small = 100;
    if (files.record.empty() || (kind > 7 && files.state.size() < small)) files = other;
    if (kind == 0) {
      chance.change(files.done, files.done.size() + 8);
    } else if (kind <= 2) {
      mutate_safetensors(files.model, other.model, chance);
    } else if (kind <= 6) {
      mutate_json(files.record, other.record, chance);
    } else if (kind == 7) {
      files.record = other.record;
    } else if (kind <= 11) {
      mutate_safetensors(files.state, other.state, chance);
    } else {
      mutate_data(files.state, chance);
    }
    // What is wrong with the others shows without a state, which takes most of the time.
    if (kind <= 7 && !chance.once_in(3)) files.state = io::safetensors_bytes({});
    if (!chance.once_in(12)) files.repair();
    input = files.input();
  }

 private:
  Reached check(const Files& files, std::size_t bytes) {
    train::Checkpoint checkpoint;
    {
      const MemoryWatch memory;
      bool read = true;
      try {
        checkpoint = train::read_checkpoint(
            "checkpoint", [&](const fs::path& file, std::uint64_t most) { return files.read(file, most); });
      } catch (const Error&) {
        read = false;
      }
      memory.expect_at_most(train::most_checkpoint_memory(bytes), "read_checkpoint");
      if (!read) return Reached::header;
    }
    const bool has_parameters = read_parameters(checkpoint.model);
    const std::optional<Settings> settings = read_settings(checkpoint.record);
    std::optional<Archive> state = read_state(checkpoint.state);
    if (!settings || !state) return Reached::body;
    try {
      world_.resume(*settings, *state, checkpoint.state.size());
    } catch (const Error&) {
      return Reached::body;
    }
    return has_parameters ? Reached::accepted : Reached::body;
  }

  const std::vector<Files>& valid() {
    if (valid_.empty()) {
      for (const Settings& settings : all_settings())
        for (Files& files : world_.checkpoints(settings)) valid_.push_back(std::move(files));
    }
    return valid_;
  }

  bool read_parameters(const std::string& bytes) {
    const MemoryWatch memory;
    bool read = true;
    try {
      set_parameters(io::parse_safetensors(bytes, "model"), "model", world_.model().parameters());
    } catch (const Error&) {
      read = false;
    }
    memory.expect_at_most(io::most_safetensors_memory(bytes.size()), "set_parameters");
    world_.reset();
    return read;
  }

  static std::optional<Settings> read_settings(const std::string& text) {
    std::optional<io::JsonValue> record;
    {
      const MemoryWatch memory;
      try {
        record = io::parse_json(text);
      } catch (const Error&) {
        // no JSON
      }
      memory.expect_at_most(io::most_json_memory(text.size()), "parse_json");
    }
    if (!record) return std::nullopt;
    try {
      return train::resumed_settings({}, *record, "record");
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  static std::optional<Archive> read_state(const std::string& bytes) {
    const MemoryWatch memory;
    std::optional<Archive> state;
    try {
      state = train::parse_state(bytes, "state");
    } catch (const Error&) {
      // no such file
    }
    memory.expect_at_most(io::most_safetensors_memory(bytes.size()), "parse_state");
    return state;
  }

  World world_;
  std::vector<Files> valid_;
};

const AddTarget added({"checkpoint", 32768, [] { return std::unique_ptr<Target>(new CheckpointTarget); }});

}  // namespace
}  // namespace quench::fuzz
