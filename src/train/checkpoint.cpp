#include "train/checkpoint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <system_error>
#include <utility>

#include "io/checksum.h"
#include "io/numbers.h"
#include "io/read_file.h"
#include "quench/error.h"
#include "train/options.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;
using io::to_text;

constexpr std::string_view done_name = "DONE";
constexpr std::string_view title = "quench checkpoint ";
constexpr std::size_t kept = 2;
constexpr std::uint64_t most_done_bytes = 4096;
constexpr std::size_t name_digits = 10;

using Named = std::pair<std::string_view, std::string Checkpoint::*>;
constexpr Named files_of_checkpoint[] = {{"model.safetensors", &Checkpoint::model},
                                         {"state.safetensors", &Checkpoint::state},
                                         {"run.json", &Checkpoint::record}};

std::string checksum(std::string_view bytes) {
  io::Checksum sum;
  sum.add(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  return io::hexadecimal(sum.value());
}

/// DONE's line of a file: name, length, checksum.
std::string line_of(std::string_view name, std::string_view contents) {
  return std::string(name) + " " + to_text(contents.size()) + " " + checksum(contents) + "\n";
}

/// The length that DONE's lines say a file has; 0 when they do not say.
std::uint64_t length_in(const std::string& lines, std::string_view name) {
  const std::string start = "\n" + std::string(name) + " ";
  const std::size_t at = lines.find(start);
  if (at == std::string::npos) return 0;
  const std::size_t from = at + start.size();
  return io::parse_integer<std::uint64_t>(lines.substr(from, lines.find(' ', from) - from)).value_or(0);
}

/// The step in the name of a checkpoint's folder; nothing for other names.
std::optional<std::int64_t> step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (name.size() < name_digits) return std::nullopt;
  return io::parse_integer<std::int64_t>(name);
}

std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    found.push_back(entry->path());
  return found;
}

/// So that one that is cut off in between does not count as a checkpoint.
void remove_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  fs::remove(folder / done_name, ignored);
  fs::remove_all(folder, ignored);
}

std::vector<fs::path> finished_in(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::path& entry : entries(folder)) {
    std::error_code ignored;
    if (step_of(entry) && fs::is_regular_file(entry / done_name, ignored)) found.push_back(entry);
  }
  std::sort(found.begin(), found.end(),
            [](const fs::path& a, const fs::path& b) { return *step_of(a) > *step_of(b); });
  return found;
}

}  // namespace

std::vector<fs::path> finished_checkpoints(const fs::path& run) { return finished_in(run / "checkpoints"); }

std::string Checkpoints::write(std::int64_t step, const Checkpoint& checkpoint) {
  const fs::path folder = folder_ / io::padded(static_cast<std::uint64_t>(step), name_digits);
  std::error_code ignored;
  // Made already by a run that went on from it.
  if (fs::is_regular_file(folder / done_name, ignored)) return {};
  const fs::path beside = io::partial_name(folder);
  std::string failure;
  const auto done = [&](const fs::path& what, const std::error_code& error) {
    if (error) failure = what.string() + " cannot be written: " + error.message();
    return !error;
  };
  const auto write_all = [&] {
    const bool is_first = !fs::is_directory(folder_, ignored);
    if (!done(folder_, files_.make_folder(folder_))) return false;
    if (const fs::path run = folder_.parent_path(); is_first && !done(run, files_.sync(run))) return false;
    remove_checkpoint(beside);
    if (!done(beside, files_.make_folder(beside))) return false;
    std::string lines = std::string(title) + to_text(checkpoint_format) + "\n";
    for (const auto& [name, contents] : files_of_checkpoint) {
      if (!done(beside / name, files_.write(beside / name, checkpoint.*contents))) return false;
      lines += line_of(name, checkpoint.*contents);
    }
    if (!done(beside / done_name, files_.write(beside / done_name, lines))) return false;
    if (!done(beside, files_.sync(beside))) return false;
    remove_checkpoint(folder);  // without DONE: the rest of one that was being removed
    return done(folder, files_.rename(beside, folder)) && done(folder_, files_.sync(folder_));
  };
  if (!write_all()) {
    remove_checkpoint(beside);
    return failure;
  }
  keep_newest();
  return {};
}

void Checkpoints::keep_newest() {
  std::vector<fs::path> newest = finished_in(folder_);
  if (newest.size() > kept) newest.resize(kept);
  for (const fs::path& entry : entries(folder_)) {
    // Also those of which a removal that was cut off has left a part.
    if (step_of(entry) && std::find(newest.begin(), newest.end(), entry) == newest.end()) remove_checkpoint(entry);
  }
}

void Checkpoints::forget_after(std::int64_t step) {
  for (const fs::path& entry : entries(folder_)) {
    const std::optional<std::int64_t> its_step = step_of(entry);
    if (its_step ? *its_step > step : entry.extension() == ".partial") remove_checkpoint(entry);
  }
  const std::vector<fs::path> left = finished_in(folder_);
  if (!left.empty() && *step_of(left.front()) > step)
    throw Error(left.front().string() + " cannot be removed, and is of steps that this run has yet to make");
  keep_newest();  // which the write that was cut off may not have come to
}

Checkpoint read_checkpoint(const fs::path& folder) {
  return read_checkpoint(folder, [](const fs::path& file, std::uint64_t most_bytes) {
    return io::read_file(file, most_bytes, "a finished checkpoint");
  });
}

Checkpoint read_checkpoint(const fs::path& folder, const CheckpointReader& read) {
  const fs::path done = folder / done_name;
  const std::string lines = read(done, most_done_bytes);
  const std::string first = lines.substr(0, lines.find('\n'));
  const std::string expected = std::string(title) + to_text(checkpoint_format);
  if (first != expected) {
    throw Error(done.string() + ": found \"" + first.substr(0, 60) + "\", expected \"" + expected +
                "\": it was written by another version");
  }
  Checkpoint checkpoint;
  std::string found = first + "\n";
  for (const auto& [name, contents] : files_of_checkpoint) {
    checkpoint.*contents = read(folder / name, length_in(lines, name));
    const std::string line = line_of(name, checkpoint.*contents);
    if (lines.find("\n" + line) == std::string::npos) {
      throw Error((folder / name).string() + " is damaged: its length and checksum are " +
                  line.substr(name.size() + 1, line.size() - name.size() - 2) + ", " + done.string() +
                  " has others");
    }
    found += line;
  }
  if (lines != found) throw Error(done.string() + " is damaged: found other lines than one for each file");
  return checkpoint;
}

CheckpointInterval parse_checkpoint_interval(std::string_view text) {
  CheckpointInterval interval;
  const auto number = [&](std::string_view unit) -> std::optional<std::int64_t> {
    const auto value = io::parse_integer<std::int64_t>(text.substr(0, text.size() - unit.size()));
    return value && *value >= 0 && *value <= 1'000'000'000 ? value : std::nullopt;
  };
  std::optional<std::int64_t> value;
  if (text.ends_with("steps")) {
    if ((value = number("steps"))) interval.steps = *value;
  } else if (text.ends_with('s')) {
    if ((value = number("s"))) interval.seconds = static_cast<double>(*value);
  } else if ((value = number(""))) {
    interval.epochs = *value;
  }
  if (!value) {
    throw UsageError("--checkpoint-every: found \"" + std::string(text) +
                     "\", expected a whole number of epochs (5), of steps (200steps) or of seconds (60s), or 0");
  }
  return interval;
}

}  // namespace quench::train
