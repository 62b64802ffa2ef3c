// CIFAR-10's binary files, as load_cifar10 reads them. An input is the number of records in the first of two files
// (a byte; more than there are: all, and there is no second) and the files. Past the header: the format has none,
// so that is a file of whole records, whose labels are looked at.
#include <algorithm>
#include <optional>

#include "data/record_file.h"
#include "fuzz/memory.h"
#include "fuzz/target.h"
#include "quench/error.h"

namespace quench::fuzz {
namespace {

using cifar10::record_bytes;

class Cifar10Target final : public Target {
 public:
  Reached check(std::span<const std::byte> input) override {
    if (input.empty()) return Reached::header;
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    const auto records = bytes.subspan(1);
    const std::size_t first = bytes[0] * record_bytes;
    const MemoryWatch memory;
    const Reached reached = read(records, first < records.size() ? first : 0);
    memory.expect_at_most(records.size() + most_bytes_besides, "read_images");
    return reached;
  }

  std::vector<std::string> seeds() override {
    std::vector<std::string> result;
    for (const std::size_t count : {1U, 2U}) {
      std::string input(1 + count * record_bytes, '\0');
      input[0] = 1;
      for (std::size_t i = 1; i < input.size(); ++i) input[i] = static_cast<char>(i % 251);
      set_labels(input, 7);
      result.push_back(input);
    }
    return result;
  }

  void mutate(std::string& input, Chance& chance) override {
    if (input.empty()) input.resize(1);
    const bool repaired = !chance.once_in(4);
    switch (chance.below(4)) {
      case 0:
        chance.change(input, input.size() + record_bytes);
        break;
      case 1:
        input[0] = static_cast<char>(chance.below(4));
        break;
      case 2:
        input.resize(1 + (1 + chance.below(3)) * record_bytes, static_cast<char>(chance.below(256)));
        break;
      default:
        if (input.size() > 1 + record_bytes)
          input[1 + chance.below(input.size() / record_bytes) * record_bytes] = static_cast<char>(chance.below(14));
    }
    if (!repaired) return;
    const std::size_t count = std::max<std::size_t>(1, (input.size() - 1) / record_bytes);
    input.resize(1 + count * record_bytes);
    if (!chance.once_in(4)) set_labels(input, 10);
  }

 private:
  static void set_labels(std::string& input, int classes) {
    for (std::size_t at = 1; at < input.size(); at += record_bytes)
      input[at] = static_cast<char>(static_cast<unsigned char>(input[at]) % classes);
  }

  /// first: bytes of the first of two files; 0: there is one.
  static Reached read(std::span<const std::uint8_t> records, std::size_t first) {
    std::vector<cifar10::RecordFile> files;
    files.reserve(2);
    try {
      if (first > 0) files.emplace_back(DataFile("data_batch_1.bin", records.first(first)));
      files.emplace_back(DataFile("data_batch_2.bin", records.subspan(first)));
    } catch (const Error&) {
      return Reached::header;
    }
    try {
      const ImageSet set = cifar10::read_images(files);
      expect(static_cast<std::size_t>(set.size()) * record_bytes == records.size(), "not an image for each record");
      const std::span<const std::uint8_t> last = set.image(set.size() - 1);
      expect(std::equal(last.begin(), last.end(), records.end() - static_cast<std::ptrdiff_t>(last.size())),
             "the last image is not what the file has");
    } catch (const Error&) {
      return Reached::body;  // a label of no class
    }
    return Reached::accepted;
  }
};

const AddTarget added({"cifar10", 1 + 3 * record_bytes, [] { return std::unique_ptr<Target>(new Cifar10Target); }});

}  // namespace
}  // namespace quench::fuzz
