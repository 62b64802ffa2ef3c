#include "train/run_folder.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "io/numbers.h"
#include "quench/error.h"
#include "train/model_file.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* steps_name = "steps.bin";
constexpr const char* record_name = "run.json";

[[noreturn]] void refuse(const fs::path& folder, const std::error_code& error) {
  throw Error("output folder " + folder.string() + " cannot be made: " + error.message());
}

bool is_taken(const fs::path& file) {
  std::error_code ignored;
  // A link that leads nowhere counts: its name is taken.
  return fs::exists(fs::symlink_status(file, ignored));
}

/// Notes that a folder was made, and has its name on the disk, if that can be: a power cut must not take a run with
/// what it is in.
void note_made(io::Files& files, const fs::path& folder, Undo& undo) {
  undo.add(folder);
  files.sync(fs::absolute(folder).parent_path());
}

/// Makes the folder and those above it that are missing.
void make_folders(io::Files& files, const fs::path& folder, Undo& undo) {
  fs::path made;
  for (const fs::path& name : folder) {
    made /= name;
    std::error_code error;
    if (fs::is_directory(made, error)) continue;
    error.clear();
    if (fs::create_directory(made, error)) note_made(files, made, undo);
    // What exists and is no folder may have been named as one, with others below it.
    if (error == std::errc::file_exists) error = std::make_error_code(std::errc::not_a_directory);
    if (error) refuse(folder, error);
  }
}

/// Makes the folder; false when something of that name exists.
bool make_new(io::Files& files, const fs::path& folder, Undo& undo) {
  std::error_code error;
  const bool made = fs::create_directory(folder, error);
  if (error && error != std::errc::file_exists && error != std::errc::not_a_directory) refuse(folder, error);
  if (made) note_made(files, folder, undo);
  return made;
}

fs::path make_run_folder(io::Files& files, const Settings& settings, Undo& undo) {
  if (!settings.out.empty()) {
    make_folders(files, settings.out, undo);
    return settings.out;
  }
  const fs::path first = default_run_folder(settings);
  make_folders(files, first.parent_path(), undo);
  fs::path folder = first;
  // Making it is the test whether it is free: two runs that start together get two folders.
  for (int number = 2; !make_new(files, folder, undo); ++number)
    folder = first.string() + "-" + io::to_text(number);
  return folder;
}

/// Throws Error when the file must not be overwritten.
void check_free(const fs::path& file, bool force) {
  if (!force && is_taken(file)) {
    throw Error(file.string() + " exists already; choose another --out, or --force to overwrite it");
  }
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) throw Error(file.string() + " cannot be replaced: it is a folder");
}

bool is_same(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored);
}

/// The name that a table has until the run begins.
fs::path first_name(const fs::path& file, bool force) { return force ? io::partial_name(file) : file; }

/// Removes what processes that were killed here were writing. (Nobody else trains in the folder; but reports may be
/// written there.)
void remove_leftovers(const fs::path& folder, std::span<const TableKind> tables) {
  std::vector<std::string> ours = {record_name, model_file_name, steps_name};
  for (const TableKind& kind : tables) ours.emplace_back(kind.name);
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const auto is_beside = [&](const std::string& file) {
      return name.starts_with(file + ".") && name.ends_with(".partial");
    };
    if (std::any_of(ours.begin(), ours.end(), is_beside)) found.push_back(entry->path());
  }
  for (const fs::path& file : found) fs::remove(file, error);
}

}  // namespace

Undo::~Undo() {
  std::error_code ignored;
  for (; !made_.empty(); made_.pop_back()) fs::remove(made_.back(), ignored);
}

RunFolder::RunFolder(io::Files& files, const Settings& settings, std::span<const TableKind> tables)
    : files_(files),
      folder_(make_run_folder(files, settings, undo_folders_)),
      lock_(std::make_shared<io::FolderLock>(folder_)) {
  remove_leftovers(folder_, tables);
  for (const TableKind& kind : tables) {
    names_.push_back(folder_ / kind.name);
    check_free(names_.back(), settings.force);
  }
  const fs::path steps = folder_ / steps_name;
  check_free(steps, settings.force);
  check_free(folder_ / record_name, settings.force);
  tables_.reserve(tables.size());
  for (std::size_t i = 0; i < tables.size(); ++i) {
    tables_.emplace_back(files, first_name(names_[i], settings.force), tables[i].columns);
    undo_.add(tables_.back().file());
  }
  steps_.emplace_back(files, first_name(steps, settings.force), "QSTEPS1\n");
  undo_.add(steps_.back().path());
}

RunFolder::RunFolder(io::Files& files, const Settings& settings, std::span<const TableKind> tables,
                     const ResumePoint& point, Archive& archive)
    : files_(files),
      folder_(make_run_folder(files, settings, undo_folders_)),
      lock_(point.lock ? point.lock : std::make_shared<io::FolderLock>(folder_)) {
  remove_leftovers(folder_, tables);
  for (const TableKind& kind : tables) names_.push_back(folder_ / kind.name);
  Checkpoints checkpoints(files, folder_);
  if (is_same(folder_, point.run)) {
    // Before the tables are cut: no checkpoint must be ahead of them.
    checkpoints.forget_after(point.step);
  } else {
    copy_run(point, settings.force);
    if (const std::string failure = checkpoints.write(point.step, point.checkpoint); !failure.empty())
      throw Error(failure);
  }
  for (std::size_t i = 0; i < tables.size(); ++i) tables_.emplace_back(files, names_[i], tables[i].columns.size());
  steps_.emplace_back(files, folder_ / steps_name);
  this->archive(archive);
  keep();
}

void RunFolder::copy_run(const ResumePoint& point, bool force) {
  std::vector<fs::path> all = names_;
  all.push_back(folder_ / steps_name);
  check_free(folder_ / record_name, force);
  for (const fs::path& file : all) check_free(file, force);
  Checkpoints(files_, folder_).forget_after(-1);  // those of a run that this one replaces
  // Before its tables: no run.json must tell of those of another run.
  std::error_code error;
  fs::remove(folder_ / record_name, error);
  if (error) throw Error((folder_ / record_name).string() + " cannot be removed: " + error.message());
  for (const fs::path& file : all) {
    fs::copy_file(point.run / file.filename(), file, fs::copy_options::overwrite_existing, error);
    if (error) throw Error(file.string() + " cannot be written: " + error.message());
  }
}

void RunFolder::archive(Archive& archive) {
  const Archive::Group group(archive, "files");
  for (io::CsvTable& table : tables_) {
    const Archive::Group own(archive, table.file().filename().string());
    table.archive(archive);
  }
  const Archive::Group own(archive, steps_name);
  steps().archive(archive);
}

void RunFolder::keep() {
  undo_.keep();
  lock_->keep();
  undo_folders_.keep();
}

std::error_code RunFolder::sync() {
  if (!name_synced_) {
    const std::error_code error = files_.sync(folder_ / "..");
    // One that may not be read is as the system sees to it.
    if (error && error != std::errc::permission_denied) return error;
    name_synced_ = true;
  }
  if (const std::error_code error = files_.sync(folder_)) return error;  // the names of the files
  for (io::CsvTable& table : tables_) {
    if (const std::error_code error = table.sync()) return error;
  }
  return steps().sync();
}

void RunFolder::begin(const RunRecord& record) {
  const bool first = !is_taken(folder_ / record_name);
  write_record(record);
  if (first) undo_.add(folder_ / record_name);
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    if (tables_[i].file() != names_[i]) tables_[i].rename(names_[i]);
  }
  if (steps().path() != folder_ / steps_name) steps().rename(folder_ / steps_name);
  keep();
}

void RunFolder::write_record(const RunRecord& record) {
  const fs::path file = folder_ / record_name;
  if (const std::error_code error = files_.replace(file, to_json(record))) {
    throw Error(file.string() + " cannot be written: " + error.message());
  }
}

}  // namespace quench::train
