#include "train/paper/run_finder.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "io/json_value.h"
#include "io/numbers.h"
#include "io/read_file.h"
#include "io/text.h"
#include "quench/error.h"
#include "train/landscape.h"
#include "train/run_record.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;
using io::joined;

// What results do not depend on; of where a run starts from, its parameters are compared.
constexpr std::string_view free_to_differ[] = {"data",   "threads",    "out",       "force", "quiet",
                                               "resume", "eval-every", "eval-last", "init",  "checkpoint-every"};

constexpr const char* model_file = "model.safetensors";
constexpr const char* stages_file = "stages.csv";

std::string words_of(const io::JsonValue& value) {
  return value.kind == io::JsonValue::Kind::boolean ? (value.boolean ? "yes" : "no") : value.text;
}

io::JsonValue recorded_settings(const Settings& settings) {
  RunRecord record;
  record.settings = settings;
  return *io::parse_json(to_json(record)).find("settings");
}

std::string last_parameters(const fs::path& folder) {
  const io::JsonValue record = read_record(folder);
  const io::JsonValue* results = record.find("results");
  const io::JsonValue* sum = results == nullptr ? nullptr : results->find("parameter_checksum");
  return sum == nullptr ? std::string("none") : sum->text;
}

/// Of a chain what figures are made of; of other runs empty.
std::string stages_of_run(const fs::path& folder) {
  const fs::path file = folder / stages_file;
  std::error_code ignored;
  return fs::exists(file, ignored) ? io::read_file(file) : std::string();
}

[[noreturn]] void refuse(const fs::path& folder, std::string_view what, std::string_view there,
                         std::string_view here) {
  throw Error(joined({folder.string(), " holds a run with ", what, " ", there, ", expected ", here,
                      "; choose another --out, or remove it"}));
}

/// Whether the log has a row for each epoch, in order.
void check_epochs(const fs::path& folder, const RunCurves& run, std::int64_t wanted) {
  const std::vector<double> epochs = run.column("epoch");
  std::size_t in_order = 0;
  while (in_order < epochs.size() && epochs[in_order] == static_cast<double>(in_order + 1)) ++in_order;
  if (in_order == epochs.size() && in_order == static_cast<std::size_t>(wanted)) return;
  throw Error((folder / "log.csv").string() + " is damaged: found the epochs 1 to " + io::to_text(in_order) +
              " in " + io::to_text(epochs.size()) + " rows of a finished run, expected 1 to " +
              io::to_text(wanted) + "; remove the folder, and it is made again");
}

}  // namespace

bool is_finished(const fs::path& folder, bool is_start) {
  std::error_code ignored;
  if (!fs::exists(folder / "run.json", ignored)) return false;
  if (is_start && !fs::exists(folder / model_file, ignored)) return false;
  const io::JsonValue record = read_record(folder);
  const io::JsonValue* status = record.find("status");
  return status != nullptr && status->text == "finished";
}

RunFinder::RunFinder(std::vector<fs::path> places) : places_(std::move(places)) {
  for (fs::path& place : places_) place = place.lexically_normal();
}

std::optional<fs::path> RunFinder::find(const std::string& name) const {
  std::optional<fs::path> found;
  for (const fs::path& place : places_) {
    fs::path folder = place / name;
    if (!is_finished(folder, false)) continue;
    if (!found) {
      found = std::move(folder);
      continue;
    }
    // Whichever is named first, they are used and complained about in one order.
    if (folder < *found) std::swap(folder, *found);
    const std::string both =
        joined({found->string(), " and ", folder.string(), " hold the same run with different results: found "});
    if (const std::string a = last_parameters(*found), b = last_parameters(folder); a != b)
      throw Error(joined({both, "parameters of checksum ", a, " and ", b, ", expected equal ones"}));
    if (stages_of_run(*found) != stages_of_run(folder))
      throw Error(joined({both, "two kinds of ", stages_file, ", expected equal ones"}));
  }
  return found;
}

void check_settings(const fs::path& folder, const RunCurves& run, const PaperRun& wanted) {
  const io::JsonValue settings = recorded_settings(wanted.settings);
  const io::JsonValue standard = recorded_settings(standard_settings(wanted.settings.dataset));
  const io::JsonValue* recorded = run.record.find("settings");
  for (std::size_t i = 0; i < settings.keys.size(); ++i) {
    const std::string& key = settings.keys[i];
    if (std::find(std::begin(free_to_differ), std::end(free_to_differ), key) != std::end(free_to_differ)) continue;
    const std::string here = words_of(settings.items[i]);
    // An option that is younger than the run has its default there.
    const bool known = recorded != nullptr && recorded->find(key) != nullptr;
    if (const std::string there = known ? run.setting(key) : words_of(*standard.find(key)); there != here)
      refuse(folder, key, there, here);
  }
}

FigureRun read_figure_run(const fs::path& folder, const PaperRun& run) {
  FigureRun result{run.branch, read_run(folder)};
  check_settings(folder, result.curves, run);
  check_epochs(folder, result.curves, run.settings.epochs);
  if (run.settings.stages.empty()) return result;
  const fs::path file = folder / stages_file;
  const std::string text = io::read_file(file);
  result.stages = io::parse_csv(text, file.string());
  for (const std::string& column : stage_columns()) {
    if (result.stages.has(column)) continue;
    throw Error(joined({file.string(), ": found no column ", column,
                        ", expected one; the run is another version's: choose another --out, or remove it"}));
  }
  const std::size_t epochs = result.curves.log.rows.size();
  double next = 1;
  const std::vector<double> first = result.stages.numbers("first_epoch"),
                            last = result.stages.numbers("last_epoch");
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i] != next || !(last[i] >= first[i]) || last[i] > static_cast<double>(epochs)) {
      throw Error(joined({file.string(), ", stage ", io::to_text(i + 1), ": found epochs ", io::to_text(first[i]),
                          " to ", io::to_text(last[i]), ", expected some from ", io::to_text(next), " on, of ",
                          io::to_text(epochs)}));
    }
    next = last[i] + 1;
  }
  const auto stages =
      static_cast<std::size_t>(std::count(run.settings.stages.begin(), run.settings.stages.end(), ',') + 1);
  if (first.size() != stages) {
    throw Error(
        joined({file.string(), ": found ", io::to_text(first.size()), " stages, expected ", io::to_text(stages)}));
  }
  return result;
}

void RunChecks::check(const fs::path& folder, const RunCurves& run, const PaperRun& wanted, const fs::path& start) {
  // which: the key of first_with_.
  const auto compare = [&](const std::string& which, std::string_view what, const std::string& there,
                           std::string& expected) {
    if (expected.empty()) {
      expected = there;
      first_with_[which] = folder;
    }
    if (there == expected) return;
    const auto first = first_with_.find(which);
    if (first == first_with_.end()) refuse(folder, what, there, expected);
    throw Error(joined({folder.string(), " holds a run with ", what, " ", there, ", expected ", expected,
                        ", as in ", first->second.string()}));
  };
  const std::string& dataset = wanted.settings.dataset;
  compare(dataset, "data of checksum", run.fact("data", "checksum"), expected_.data[dataset]);
  compare("class", "numbers of the class", run.fact("environment", "numeric_class"), expected_.numeric_class);
  if (start.empty()) return;
  const std::string from = run.fact("start", "checksum");
  if (const std::string parameters = last_parameters(start); from != parameters) {
    refuse(folder, "a start from parameters of checksum", from.empty() ? "none" : from,
           joined({parameters, ", those of ", start.string()}));
  }
}

}  // namespace quench::train
