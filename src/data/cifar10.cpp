// CIFAR-10, binary version: which of its files are there, and reading them.
#include "data/cifar10.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "data/data_file.h"
#include "data/labels.h"
#include "io/numbers.h"
#include "quench/dataset.h"
#include "quench/error.h"

namespace quench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t image_bytes = std::size_t{cifar10::channels} * cifar10::side * cifar10::side;
constexpr std::size_t record_bytes = 1 + image_bytes;  // the label comes first
constexpr int distributed_files = 5;                   // of training images
constexpr std::uint64_t distributed_records = 10000;

constexpr std::string_view train_prefix = "data_batch_", suffix = ".bin", packed_suffix = ".gz";
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

/// One file of the set, open and of a possible length.
class RecordFile {
 public:
  explicit RecordFile(const fs::path& path) : file_(path) {
    if (path.extension() == packed_suffix) refuse_packed(path);
    if (file_.length() == 0) fail(path, " is empty, expected records of " + record_text());
    const std::uint64_t rest = file_.length() % record_bytes;
    if (rest != 0) {
      std::array<std::uint8_t, 2> first{};
      if (begins_like_gzip(std::span(first).first(file_.read(first)))) refuse_packed(path);
      fail(path, " has " + file_.length_text() + ", expected a multiple of " + record_text() + "; after record " +
                     std::to_string(records()) + " come " + std::to_string(rest) + " more");
    }
  }

  std::uint64_t records() const { return file_.length() / record_bytes; }

  /// Reads all records. Throws Error when the file cannot be read to its end, or has a label of no class.
  void read(std::span<std::uint8_t> pixels, std::span<std::uint8_t> labels) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (file_.read(labels.subspan(i, 1)) != 1 ||
          file_.read(pixels.subspan(i * image_bytes, image_bytes)) != image_bytes) {
        fail(file_.path(), " could be read only up to record " + std::to_string(i) + ", expected " +
                               std::to_string(labels.size()) + " records");
      }
    }
    check_labels(labels, cifar10::classes, file_.path().string());
  }

 private:
  static std::string record_text() {
    return std::to_string(record_bytes) + " bytes (a label and 3 x 32 x 32 pixels)";
  }

  DataFile file_;
};

/// The files' records, one file after the other.
ImageSet read_images(std::vector<RecordFile>& files) {
  std::uint64_t records = 0;
  for (const RecordFile& file : files) records += file.records();
  std::vector<std::uint8_t> pixels = image_memory(records * image_bytes);
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(records));
  std::span<std::uint8_t> pixels_left(pixels), labels_left(labels);
  for (RecordFile& file : files) {
    const auto count = static_cast<std::size_t>(file.records());
    file.read(pixels_left.first(count * image_bytes), labels_left.first(count));
    pixels_left = pixels_left.subspan(count * image_bytes);
    labels_left = labels_left.subspan(count);
  }
  ImageSet images(cifar10::channels, cifar10::side, cifar10::side, cifar10::classes, std::move(pixels),
                  std::move(labels));
  images.set_normalization(cifar10::normalization);
  return images;
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
  for (const auto& [number, path] : found.train) train.emplace_back(path);
  test.emplace_back(found.test);

  // Files of one's own may be as many as one likes; of those that are distributed none may be left out unnoticed.
  std::vector<std::string> left_out;
  if (std::all_of(train.begin(), train.end(),
                  [](const RecordFile& f) { return f.records() == distributed_records; }))
    for (int number = static_cast<int>(train.size()) + 1; number <= distributed_files; ++number)
      left_out.push_back(train_name(number));
  refuse_missing(folder, left_out,
                 "; CIFAR-10 has " + std::to_string(distributed_files) + " training files of " +
                     std::to_string(distributed_records) + " records, like those that are there");
  return {"cifar10", false, read_images(train), read_images(test)};
}

}  // namespace quench
