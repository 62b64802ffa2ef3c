// CIFAR-10, binary version: which of its files are there, and what they must be.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "data/data_file.h"
#include "data/record_file.h"
#include "io/numbers.h"
#include "quench/dataset.h"
#include "quench/error.h"

namespace quench {
namespace {

namespace fs = std::filesystem;
using cifar10::RecordFile;

constexpr int distributed_files = 5;  // of training images
constexpr std::uint64_t distributed_records = 10000;

constexpr std::string_view train_prefix = "data_batch_", suffix = ".bin";
constexpr std::string_view packed_suffix = cifar10::RecordFile::packed_suffix;
constexpr std::string_view test_name = "test_batch.bin";

std::string train_name(int number) {
  return std::string(train_prefix) + std::to_string(number) + std::string(suffix);
}

/// The set's files that are in the folder, under their own names or still packed.
struct Found {
  std::map<int, fs::path> train;  // by number
  fs::path test;                  // empty: not there

  bool none() const { return train.empty() && test.empty(); }
};

/// The number in the name of a training file; nothing for the name of another file. Throws Error for a name that is
/// like a training file's but has no number of its own: those of a set must tell in which order to read it.
std::optional<int> train_number(const fs::path& folder, std::string_view name) {
  if (!name.starts_with(train_prefix) || !name.ends_with(suffix) ||
      name.size() < train_prefix.size() + suffix.size()) {
    return std::nullopt;
  }
  const std::string_view digits =
      name.substr(train_prefix.size(), name.size() - train_prefix.size() - suffix.size());
  const std::optional<int> number = io::parse_integer<int>(digits);
  if (!number || *number < 1 || train_name(*number) != name) {
    fail(folder / name,
         " has \"" + std::string(digits) + "\" for its number, expected 1, 2, 3, ... without leading zeros");
  }
  return number;
}

void note(const fs::path& file, fs::path& found) {
  // Where a file is there both packed and unpacked, the unpacked one counts.
  if (found.empty() || found.extension() == packed_suffix) found = file;
}

Found look_into(const fs::path& folder) {
  Found found;
  if (!present(folder)) return found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string file = entry->path().filename().string();
    std::string_view name = file;
    if (name.ends_with(packed_suffix)) name.remove_suffix(packed_suffix.size());
    if (name == test_name) {
      note(entry->path(), found.test);
    } else if (const std::optional<int> number = train_number(folder, name)) {
      note(entry->path(), found.train[*number]);
    }
  }
  if (error) throw Error("cannot list the folder " + folder.string() + ": " + error.message());
  return found;
}

/// Names of the files that must be there besides the given ones: the test file, and every training file with a
/// number below the highest, 1 at least.
std::vector<std::string> missing_files(const Found& found) {
  constexpr std::size_t enough = 10;  // a stray file with a high number misses millions
  std::vector<std::string> names;
  const int last = found.train.empty() ? 1 : found.train.rbegin()->first;
  for (int number = 1; number <= last && names.size() < enough; ++number)
    if (!found.train.contains(number)) names.push_back(train_name(number));
  if (found.test.empty()) names.emplace_back(test_name);
  return names;
}

void refuse_missing(const fs::path& folder, const std::vector<std::string>& names, const std::string& why = {}) {
  if (names.empty()) return;
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  fail(folder, " lacks " + list + why);
}

}  // namespace

DataState cifar10_state(const fs::path& folder) {
  try {
    const Found found = look_into(folder);
    if (found.none()) return DataState::absent;
    return missing_files(found).empty() ? DataState::complete : DataState::partial;
  } catch (const Error&) {
    return DataState::partial;  // load_cifar10 says what is wrong
  }
}

Dataset load_cifar10(const fs::path& folder) {
  const Found found = look_into(folder);
  refuse_missing(folder, missing_files(found));
  std::vector<RecordFile> train, test;
  for (const auto& [number, path] : found.train) train.emplace_back(DataFile(path));
  test.emplace_back(DataFile(found.test));

  // Files of one's own may be as many as one likes; of those that are distributed none may be left out unnoticed.
  std::vector<std::string> left_out;
  if (std::all_of(train.begin(), train.end(),
                  [](const RecordFile& f) { return f.records() == distributed_records; }))
    for (int number = static_cast<int>(train.size()) + 1; number <= distributed_files; ++number)
      left_out.push_back(train_name(number));
  refuse_missing(folder, left_out,
                 "; CIFAR-10 has " + std::to_string(distributed_files) + " training files of " +
                     std::to_string(distributed_records) + " records, like those that are there");
  return {"cifar10", false, cifar10::read_images(train), cifar10::read_images(test)};
}

}  // namespace quench
