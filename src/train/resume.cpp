#include "train/resume.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "io/csv.h"
#include "io/numbers.h"
#include "io/read_file.h"
#include "quench/error.h"
#include "quench/system.h"
#include "train/option_table.h"
#include "train/options.h"
#include "train/report/run_curves.h"
#include "train/run_tables.h"
#include "train/stages.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;

/// The text at the end of this way through the document; empty when there is none.
std::string text_at(const io::JsonValue& document, std::initializer_list<std::string_view> way) {
  const io::JsonValue* value = &document;
  for (const std::string_view key : way) {
    value = value->find(key);
    if (value == nullptr) return {};
  }
  return value->kind == io::JsonValue::Kind::boolean ? (value->boolean ? "yes" : "no") : value->text;
}

[[noreturn]] void refuse(const std::string& where, const std::string& what, const std::string& there,
                         const std::string& here) {
  throw Error(where + " has " + what + " " + there + ", this run " + here + "; it can only go on as it began");
}

ResumePoint read_point(const fs::path& run, const fs::path& folder) {
  ResumePoint point;
  point.run = run;
  point.folder = folder;
  point.checkpoint = read_checkpoint(folder);
  try {
    point.record = io::parse_json(point.checkpoint.record);
  } catch (const Error& error) {
    throw Error((folder / "run.json").string() + ": " + error.what());
  }
  // By its place and name it is known which run it is of and what comes after it.
  const std::string steps = text_at(point.record, {"results", "steps"});
  const auto step = io::parse_integer<std::int64_t>(folder.filename().string());
  if (!step || io::to_text(*step) != steps || folder.parent_path().filename() != "checkpoints") {
    throw Error(folder.string() + " is a checkpoint of step " + steps +
                " elsewhere than where it was written, expected it in checkpoints/ of its run, named by its step");
  }
  point.step = *step;
  return point;
}

/// Locks the run's folder, if the run goes on there.
std::shared_ptr<io::FolderLock> lock_for(const Settings& settings, const fs::path& run) {
  std::error_code ignored;
  const bool elsewhere =
      settings.resume != "auto" && !settings.out.empty() && !fs::equivalent(settings.out, run, ignored);
  // In a folder that holds no run nothing is made.
  const bool is_run = fs::exists(run / "run.json", ignored) || fs::exists(run / "checkpoints", ignored);
  return elsewhere || !is_run ? nullptr : std::make_shared<io::FolderLock>(run);
}

std::optional<ResumePoint> newest_point(const fs::path& run) {
  std::string why;
  for (const fs::path& folder : finished_checkpoints(run)) {
    try {
      ResumePoint point = read_point(run, folder);
      point.warning = why;
      return point;
    } catch (const Error& error) {
      why += (why.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  if (!why.empty()) throw Error("no checkpoint can be read: " + why);
  return std::nullopt;
}

/// What --resume names; with "auto" nothing when there is no checkpoint.
std::optional<ResumePoint> find_resume_point(const Settings& settings) {
  const bool automatic = settings.resume == "auto";
  const fs::path named = automatic ? default_run_folder(settings) : fs::path(settings.resume);
  std::error_code ignored;
  std::optional<ResumePoint> point;
  std::shared_ptr<io::FolderLock> lock;
  if (!automatic && fs::exists(named / "DONE", ignored)) {
    fs::path folder = fs::absolute(named).lexically_normal();
    // A name that ends in a slash has an empty last part.
    if (!folder.has_filename()) folder = folder.parent_path();
    const fs::path run = folder.parent_path().parent_path();
    lock = lock_for(settings, run);
    point = read_point(run, folder);
  } else {
    lock = lock_for(settings, named);
    point = newest_point(named);
    if (!point && !automatic) throw Error("--resume: found no checkpoint in " + (named / "checkpoints").string());
  }
  if (point) point->lock = std::move(lock);
  return point;
}

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

/// Those with which --resume auto begins anew, for want of a checkpoint. What is in the folder was cut off before
/// its first one, and must be the same run.
Settings settings_anew(const Settings& asked) {
  const fs::path folder = default_run_folder(asked);
  Settings settings = asked;
  std::error_code ignored;
  if (!fs::exists(folder / "run.json", ignored)) {
    settings.force = asked.force || is_bare(folder, asked);
  } else if (!asked.force) {
    const io::JsonValue there = read_record(folder);
    const io::JsonValue* status = there.find("status");
    if (status != nullptr && status->text == "finished") {
      throw Error(folder.string() +
                  " holds a finished run without checkpoints; choose another --out, or --force to overwrite it");
    }
    settings = resumed_settings(asked, there, folder.string());
    settings.force = true;
  }
  settings.out = folder.string();
  return settings;
}

}  // namespace

fs::path default_run_folder(const Settings& settings) {
  if (!settings.out.empty()) return settings.out;
  return fs::path("runs") / (settings.dataset + "-" + settings.model + "-seed" + io::to_text(settings.seed));
}

std::string ResumePoint::start_checksum() const { return text_at(record, {"start", "checksum"}); }

Settings resumed_settings(const Settings& asked, const io::JsonValue& record, const std::string& where) {
  Settings settings;
  settings.dataset = text_at(record, {"dataset"});
  if (!asked.dataset.empty() && asked.dataset != settings.dataset)
    refuse(where, "the data set", settings.dataset, asked.dataset);
  settings.data_given = text_at(record, {"data", "given"}) == "yes";
  const io::JsonValue* stored = record.find("settings");
  if (stored == nullptr) throw Error(where + ": found no settings");
  for (const Option& option : option_table()) {
    if (!option.recorded) continue;
    const std::string key(option.name.substr(2));
    const io::JsonValue* value = stored->find(key);
    if (value == nullptr) throw Error(where + ": found no setting " + key);
    const bool flag = std::holds_alternative<bool Settings::*>(option.target);
    if (flag ? value->boolean : !value->text.empty()) set_option(option, flag ? "" : value->text, settings);
    if (std::find(asked.given.begin(), asked.given.end(), option.name) == asked.given.end()) continue;
    if (!option.decides) {
      std::visit([&](auto member) { settings.*member = asked.*member; }, option.target);
      if (option.name == "--data") settings.data_given = asked.data_given;
      continue;
    }
    const auto shown = [&](const Settings& of) {
      if (flag) return std::string(of.*std::get<bool Settings::*>(option.target) ? "yes" : "no");
      return value_text(option, of);
    };
    if (shown(asked) != shown(settings)) refuse(where, std::string(option.name), shown(settings), shown(asked));
  }
  if (const std::string there = text_at(*stored, {"epochs"}), here = io::to_text(settings.epochs);
      settings.fdr2_every > 0 && there != here) {
    refuse(where, "with --fdr2-every, whose averages depend on them, --epochs", there, here);
  }
  try {
    check_together(settings);
  } catch (const UsageError& error) {
    throw Error(where + " has settings that no run has: " + error.what());
  }
  if (!settings.stages.empty()) {
    if (const std::int64_t last = stages_of(settings).back().last_epoch; settings.epochs != last)
      refuse(where, "with --stages, which say how many there are, --epochs", io::to_text(last),
             io::to_text(settings.epochs));
  }
  settings.given = asked.given;
  settings.force = asked.force;
  settings.quiet = asked.quiet;
  settings.resume = asked.resume;
  return settings;
}

Beginning find_beginning(const Settings& asked) {
  if (asked.resume.empty()) return {asked, {}};
  std::optional<ResumePoint> point = find_resume_point(asked);
  if (!point) return {settings_anew(asked), {}};
  Settings settings = resumed_settings(asked, point->record, point->folder.string());
  const bool elsewhere = asked.resume != "auto" && !asked.out.empty();
  settings.out = elsewhere ? asked.out : point->run.string();
  return {std::move(settings), std::move(point)};
}

void check_same_world(const ResumePoint& point, std::uint64_t data_checksum) {
  const std::string where = point.folder.string();
  const std::string numbers = text_at(point.record, {"environment", "numeric_class"});
  if (numbers != numeric_class()) refuse(where, "the numeric class", numbers, std::string(numeric_class()));
  const std::string data = text_at(point.record, {"data", "checksum"});
  if (data != io::hexadecimal(data_checksum))
    refuse(where, "data of checksum", data, io::hexadecimal(data_checksum));
}

void check_epochs(const Settings& settings, const ResumePoint& point, std::int64_t steps_per_epoch) {
  if (point.step <= settings.epochs * steps_per_epoch) return;
  throw UsageError("--epochs: found " + io::to_text(settings.epochs) + ", expected at least " +
                   io::to_text((point.step + steps_per_epoch - 1) / steps_per_epoch) + ", for " +
                   point.folder.string());
}

void check_start(const Settings& settings, const ResumePoint& point, std::uint64_t checksum) {
  const std::string there = point.start_checksum(), here = io::hexadecimal(checksum);
  if (there == here) return;
  throw Error(point.folder.string() + " is of a run that began with " +
              (there.empty() ? "random parameters" : "parameters of checksum " + there) + ", those of --init " +
              settings.init + " have " + here);
}

}  // namespace quench::train
