#include "train/state_file.h"

#include <utility>
#include <vector>

#include "io/safetensors.h"
#include "quench/error.h"

namespace quench::train {
namespace {

using io::Dtype;

constexpr std::pair<Archive::Type, Dtype> types[] = {{Archive::Type::f64, Dtype::f64},
                                                     {Archive::Type::f32, Dtype::f32},
                                                     {Archive::Type::i64, Dtype::i64},
                                                     {Archive::Type::u8, Dtype::u8}};

}  // namespace

std::string state_bytes(const Archive& archive) {
  io::SafetensorsFile file;
  for (const Archive::Entry& entry : archive.entries()) {
    for (const auto& [type, dtype] : types) {
      if (type != entry.type) continue;
      const std::int64_t count = static_cast<std::int64_t>(entry.bytes.size()) / io::dtype_bytes(dtype);
      file.tensors.push_back({.name = entry.name, .dtype = dtype, .shape = {count}, .bytes = entry.bytes});
    }
  }
  return io::safetensors_bytes(file);
}

Archive parse_state(std::string_view bytes, const std::string& source) {
  const io::SafetensorsFile file = io::parse_safetensors(bytes, source);
  std::vector<Archive::Entry> entries;
  for (const io::SafetensorsEntry& tensor : file.tensors) {
    const std::size_t before = entries.size();
    for (const auto& [type, dtype] : types) {
      if (dtype == tensor.dtype) entries.push_back({tensor.name, type, std::string(tensor.bytes)});
    }
    if (entries.size() == before) {
      throw Error(source + ": tensor " + tensor.name + " is of type " + std::string(io::dtype_name(tensor.dtype)) +
                  ", expected F64, F32, I64 or U8");
    }
  }
  return Archive(std::move(entries));
}

}  // namespace quench::train
