#include "train/report/run_curves.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <system_error>

#include "io/little_endian.h"
#include "io/read_file.h"
#include "quench/error.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& file) {
  return io::read_file(file, std::numeric_limits<std::uint64_t>::max(), "a run's folder");
}

/// What `parse` makes of the file; its complaints get the file's name.
template <typename Parse>
auto parsed(const fs::path& file, Parse parse) {
  const std::string text = read_text(file);
  try {
    return parse(text);
  } catch (const Error& error) {
    throw Error(file.string() + ": " + error.what());
  }
}

io::CsvContents read_table(const fs::path& file) { return io::parse_csv(read_text(file), file.string()); }

std::vector<std::array<double, 3>> parse_steps(std::string_view text) {
  constexpr std::string_view magic = "QSTEPS1\n";
  if (!text.starts_with(magic)) throw Error("found no QSTEPS1 at its beginning");
  text.remove_prefix(magic.size());
  // What is left over is a step that is being written.
  std::vector<std::array<double, 3>> steps(text.size() / 24);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (std::size_t j = 0; j < 3; ++j) steps[i][j] = io::from_little_endian<double>(text.data() + i * 24 + j * 8);
  }
  return steps;
}

std::string words_of(const io::JsonValue* value) {
  if (value == nullptr) return {};
  return value->kind == io::JsonValue::Kind::boolean ? (value->boolean ? "yes" : "no") : value->text;
}

}  // namespace

std::string RunCurves::setting(std::string_view option) const { return fact("settings", option); }

std::string RunCurves::fact(std::string_view object, std::string_view key) const {
  const io::JsonValue* found = record.find(object);
  return found == nullptr ? std::string() : words_of(found->find(key));
}

std::vector<double> RunCurves::cuts() const {
  const std::vector<double> epochs = column("epoch"), cut = column("cut");
  std::vector<double> result;
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    if (cut[i] != 0) result.push_back(epochs[i]);
  }
  return result;
}

io::JsonValue read_record(const fs::path& folder) { return parsed(folder / "run.json", io::parse_json); }

RunCurves read_run(const fs::path& folder) {
  RunCurves run;
  const fs::path normal = folder.lexically_normal();
  run.name = normal.has_filename() ? normal.filename().string() : normal.parent_path().filename().string();
  run.record = read_record(folder);
  run.log = read_table(folder / "log.csv");
  run.decisions = read_table(folder / "decisions.csv");
  std::error_code ignored;
  if (const fs::path steps = folder / "steps.bin"; fs::exists(steps, ignored))
    run.steps = parsed(steps, parse_steps);
  return run;
}

}  // namespace quench::train
