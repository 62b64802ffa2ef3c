#include "train/run_record.h"

#include <filesystem>
#include <system_error>
#include <type_traits>
#include <variant>

#include "io/checksum.h"
#include "io/json.h"
#include "io/numbers.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "quench/graph.h"
#include "quench/system.h"
#include "train/machine.h"
#include "train/option_table.h"

namespace quench::train {
namespace {

void write_settings(io::JsonWriter& json, const Settings& settings) {
  json.key("settings").begin_object();
  for (const Option& option : option_table()) {
    if (!option.recorded) continue;
    json.key(option.name.substr(2));  // without the dashes
    std::visit(
        [&](auto member) {
          const auto& value = settings.*member;
          using Value = std::remove_cvref_t<decltype(value)>;
          if constexpr (std::is_same_v<Value, bool>) {
            json.boolean(value);
          } else if constexpr (std::is_same_v<Value, std::string>) {
            json.string(value);
          } else {
            json.number(value);
          }
        },
        option.target);
  }
  json.end_object();
}

void write_data(io::JsonWriter& json, const RunRecord& record) {
  json.key("data").begin_object();
  json.key("name").string(record.settings.dataset);
  json.key("given").boolean(record.settings.data_given);
  json.key("kind").string(record.data_generated ? "generated" : "real");
  json.key("folder").string(record.data_folder);
  json.key("training_images").number(record.training_images);
  json.key("test_images").number(record.test_images);
  json.key("bytes").number(record.data_bytes);
  json.key("checksum").string(io::hexadecimal(record.data_checksum));
  json.end_object();
}

void write_environment(io::JsonWriter& json, const RunRecord& record) {
  json.key("environment").begin_object();
  json.key("version").string(version());
  json.key("numeric_class").string(numeric_class());
  json.key("instruction_set").string(instruction_set());
  json.key("compiler").string(compiler_name());
  json.key("threads").number(record.threads);
  json.end_object();
}

void write_results(io::JsonWriter& json, const RunRecord& record) {
  json.key("results").begin_object();
  json.key("epochs").number(record.epochs_done);
  json.key("steps").number(record.steps_done);
  json.key("elapsed_seconds").number(record.seconds);
  json.key("training_seconds").number(record.training_seconds);
  json.key("peak_memory_bytes").number(peak_memory());
  if (record.last_row) {
    const FdrRow& fdr = record.last_row->fdr;
    json.key("f_batch").number(record.last_row->f_batch);
    json.key("lr").number(static_cast<double>(fdr.next_lr));
    json.key("cuts").number(record.cuts);
    json.key("O_L").number(fdr.verdict.whole.o_l);
    json.key("O_R").number(fdr.verdict.whole.o_r);
    json.key("ratio").number(fdr.verdict.whole.ratio);
    json.key("ratio_sd").number(fdr.verdict.whole.ratio_sd);
    json.key("verdict").string(verdict_name(fdr.verdict.verdict));
  }
  if (record.last_measurement) {
    const Measurement& last = *record.last_measurement;
    json.key("measured_epoch").number(record.measured_epoch);
    json.key("f").number(last.f);
    json.key("cross_entropy").number(last.cross_entropy);
    json.key("train_accuracy").number(last.train_accuracy);
    json.key("test_cross_entropy").number(last.test_cross_entropy);
    json.key("test_accuracy").number(last.test_accuracy);
    json.key("test_accuracy_error").number(last.test_accuracy_error);
    json.key("test_images").number(last.test_images);
  }
  if (record.parameter_checksum) {
    json.key("parameter_checksum").string(io::hexadecimal(*record.parameter_checksum));
  }
  json.end_object();
}

}  // namespace

RunRecord make_record(const Settings& settings, std::span<const std::string_view> words, const OpenedDataset& data,
                      const Parameters& parameters) {
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
  record.parameters = parameters.count();
  record.steps_per_epoch = data.images.train.size() / settings.batch;
  record.threads = default_executor().threads();
  record.settings.threads = record.threads;
  return record;
}

std::uint64_t checksum_of(const Parameters& parameters) {
  io::Checksum sum;
  for (const Parameter& parameter : parameters.tensors) {
    // Without the zeros that pad the tensor in memory.
    sum.add(
        std::span<const float>(parameter.value).first(static_cast<std::size_t>(element_count(parameter.shape))));
  }
  return sum.value();
}

void archive(Archive& archive, RunRecord& record) {
  archive.count("epochs_done", record.epochs_done);
  archive.count("steps_done", record.steps_done);
  archive.value("elapsed_seconds", record.seconds);
  archive.value("training_seconds", record.training_seconds);
  archive.count("cuts", record.cuts);
  archive.count("measured_epoch", record.measured_epoch);
  bool has_row = record.last_row.has_value(), has_measurement = record.last_measurement.has_value();
  archive.value("has_row", has_row);
  archive.value("has_measurement", has_measurement);
  if (has_row) {
    EpochRow& row = archive.reading() ? record.last_row.emplace() : *record.last_row;
    FdrVerdict& verdict = row.fdr.verdict;
    const Archive::Group group(archive, "row");
    archive.value("f_batch", row.f_batch);
    archive.value("next_lr", row.fdr.next_lr);
    auto kind = static_cast<int>(verdict.verdict);
    archive.value("verdict", kind);
    if (verdict_name(static_cast<Verdict>(kind)).empty())
      throw Error("state run.row.verdict: found " + io::to_text(kind));
    verdict.verdict = static_cast<Verdict>(kind);
    archive.value("cause", verdict.cause);
    archive.value("epochs_to_go", verdict.epochs_to_go);
    archive.value("O_L", verdict.whole.o_l);
    archive.value("O_R", verdict.whole.o_r);
    archive.value("ratio", verdict.whole.ratio);
    archive.value("ratio_sd", verdict.whole.ratio_sd);
  }
  if (has_measurement) {
    Measurement& last = archive.reading() ? record.last_measurement.emplace() : *record.last_measurement;
    const Archive::Group group(archive, "measurement");
    archive.value("f", last.f);
    archive.value("cross_entropy", last.cross_entropy);
    archive.value("train_accuracy", last.train_accuracy);
    archive.value("test_cross_entropy", last.test_cross_entropy);
    archive.value("test_accuracy", last.test_accuracy);
    archive.value("test_accuracy_error", last.test_accuracy_error);
    archive.count("test_images", last.test_images);
  }
}

bool measured_before_the_end(const RunRecord& record) {
  return record.last_measurement && record.measured_epoch * record.steps_per_epoch != record.steps_done;
}

std::string to_json(const RunRecord& record) {
  io::JsonWriter json;
  json.begin_object();
  json.key("program").string("quench train");
  json.key("status").string(record.status);
  if (!record.message.empty()) json.key("message").string(record.message);
  json.key("started").string(record.started);
  json.key("command_line").begin_array();
  for (const std::string& word : record.command_line) json.string(word);
  json.end_array();
  json.key("working_directory").string(record.working_directory);
  json.key("dataset").string(record.settings.dataset);
  write_settings(json, record.settings);
  write_data(json, record);
  json.key("model").begin_object();
  json.key("name").string(record.settings.model);
  json.key("parameters").number(record.parameters);
  json.key("bytes").number(record.model_bytes);
  json.key("steps_per_epoch").number(record.steps_per_epoch);
  json.end_object();
  if (!record.start_checksum.empty()) {
    json.key("start").begin_object();
    json.key("file").string(record.settings.init);
    json.key("checksum").string(record.start_checksum);
    json.end_object();
  }
  write_environment(json, record);
  write_results(json, record);
  json.end_object();
  return json.text();
}

}  // namespace quench::train
