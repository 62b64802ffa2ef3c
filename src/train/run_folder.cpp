#include "train/run_folder.h"

#include <string>
#include <system_error>

#include "io/numbers.h"
#include "quench/error.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& folder, const std::error_code& error) {
  throw Error("output folder " + folder.string() + " cannot be made: " + error.message());
}

/// Makes the folder; false when something of that name exists.
bool make_new(const fs::path& folder) {
  std::error_code error;
  const bool made = fs::create_directory(folder, error);
  if (error && error != std::errc::file_exists && error != std::errc::not_a_directory) refuse(folder, error);
  return made;
}

}  // namespace

void refuse_to_overwrite(const Settings& settings) {
  if (settings.out.empty() || settings.force) return;
  const fs::path log = fs::path(settings.out) / "log.csv";
  std::error_code ignored;
  if (fs::symlink_status(log, ignored).type() == fs::file_type::not_found) return;
  if (ignored) return;  // what cannot be looked into cannot be written either: make_run_folder says so
  throw Error(log.string() + " exists already; choose another --out, or --force to overwrite it");
}

fs::path make_run_folder(const Settings& settings) {
  std::error_code error;
  if (!settings.out.empty()) {
    fs::create_directories(settings.out, error);
    if (error) refuse(settings.out, error);
    return settings.out;
  }
  const fs::path parent = "runs";
  fs::create_directories(parent, error);
  if (error) refuse(parent, error);
  const std::string name = settings.dataset + "-" + settings.model + "-seed" + io::to_text(settings.seed);
  fs::path folder = parent / name;
  // Making it is the test whether it is free: two runs that start together get two folders.
  for (int number = 2; !make_new(folder); ++number) folder = parent / (name + "-" + io::to_text(number));
  return folder;
}

void write_record(io::Files& files, const fs::path& folder, const RunRecord& record) {
  const fs::path file = folder / "run.json";
  if (const std::error_code error = files.replace(file, to_json(record))) {
    throw Error(file.string() + " cannot be written: " + error.message());
  }
}

}  // namespace quench::train
