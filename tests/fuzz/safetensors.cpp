// safetensors files. Past the header: its length is that of a JSON document in the file, so that what the document
// says is looked at. What is read is written and read again, which must give the same.
#include "io/safetensors.h"

#include <algorithm>

#include "fuzz/memory.h"
#include "fuzz/mutations.h"
#include "fuzz/target.h"
#include "io/json_value.h"
#include "io/little_endian.h"
#include "quench/error.h"

namespace quench::fuzz {
namespace {

bool equal(const io::SafetensorsEntry& a, const io::SafetensorsEntry& b) {
  return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape && a.bytes == b.bytes;
}

class SafetensorsTarget final : public Target {
 public:
  Reached check(std::span<const std::byte> input) override {
    const std::string_view bytes(reinterpret_cast<const char*>(input.data()), input.size());
    io::SafetensorsFile file;
    {
      const MemoryWatch memory;
      bool read = true;
      try {
        file = io::parse_safetensors(bytes, "input");
      } catch (const Error&) {
        read = false;
      }
      memory.expect_at_most(io::most_safetensors_memory(bytes.size()), "parse_safetensors");
      if (!read) return header_is_json(bytes) ? Reached::body : Reached::header;
    }
    const std::string again = io::safetensors_bytes(file);
    const io::SafetensorsFile other = io::parse_safetensors(again, "what was written");
    expect(other.metadata == file.metadata, "metadata changed when they were written");
    expect(std::equal(file.tensors.begin(), file.tensors.end(), other.tensors.begin(), other.tensors.end(), equal),
           "tensors changed when they were written");
    for (const io::SafetensorsEntry& tensor : file.tensors)
      expect(file.find(tensor.name) == &tensor, "a tensor is not found by its name");
    return Reached::accepted;
  }

  std::vector<std::string> seeds() override {
    io::SafetensorsFile file;
    std::vector<std::string> result = {io::safetensors_bytes(file)};
    file.metadata = {{"format", "pt"}, {"\xc3\xa4 \"\n", ""}};
    result.push_back(io::safetensors_bytes(file));
    const std::string data(64, '\x3f');
    const auto add = [&](const char* name, io::Dtype dtype, std::vector<std::int64_t> shape) {
      std::int64_t count = io::dtype_bytes(dtype);
      for (const std::int64_t extent : shape) count *= extent;
      file.tensors.push_back(
          {name, dtype, shape, std::string_view(data).substr(0, static_cast<std::size_t>(count))});
    };
    add("fc1.weight", io::Dtype::f32, {2, 3});
    add("fc1.bias", io::Dtype::f32, {2});
    result.push_back(io::safetensors_bytes(file));
    add("none", io::Dtype::i64, {3, 0});
    add("scalar", io::Dtype::f64, {});
    add("half", io::Dtype::f16, {1, 2, 1, 2});
    add("brain", io::Dtype::bf16, {4});
    add("flags", io::Dtype::boolean, {5});
    result.push_back(io::safetensors_bytes(file));
    return result;
  }

  void mutate(std::string& input, Chance& chance) override {
    if (valid_.empty()) valid_ = seeds();
    mutate_safetensors(input, chance.of(valid_), chance);
  }

 private:
  /// Whether a refused file was refused for what its header says.
  static bool header_is_json(std::string_view bytes) {
    if (bytes.size() < 8) return false;
    const auto length = io::from_little_endian<std::uint64_t>(bytes.data());
    if (length > bytes.size() - 8) return false;
    try {
      io::parse_json(bytes.substr(8, static_cast<std::size_t>(length)));
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  std::vector<std::string> valid_;
};

const AddTarget added({"safetensors", 4096, [] { return std::unique_ptr<Target>(new SafetensorsTarget); }});

}  // namespace
}  // namespace quench::fuzz
