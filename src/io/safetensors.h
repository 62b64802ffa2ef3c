// safetensors, the format in which tensors travel between frameworks: the length of a header (8 bytes), the header
// (JSON: name, type, shape and place of each tensor), the tensors one after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/json_value.h"

namespace quench::io {

/// The types of the format: truth values, integers with and without sign, binary floating-point numbers of IEEE
/// 754, and bf16, the upper half of an f32.
enum class Dtype { boolean, u8, i8, i16, u16, f16, bf16, i32, u32, f32, i64, u64, f64 };

/// "F32", as files spell it.
std::string_view dtype_name(Dtype dtype);
/// Bytes of one value, 1 .. 8.
std::int64_t dtype_bytes(Dtype dtype);

/// One tensor.
struct SafetensorsEntry {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::int64_t> shape;
  std::string_view bytes;  ///< little-endian, row-major; when parsed, a view into the file's bytes
};

struct SafetensorsFile {
  std::vector<std::pair<std::string, std::string>> metadata;  ///< __metadata__, in the file's order
  std::vector<SafetensorsEntry> tensors;                      ///< in the order of their data
  /// The tensor of that name; null when there is none.
  const SafetensorsEntry* find(std::string_view name) const;
  /// The text of that name in the metadata; null when there is none.
  const std::string* find_metadata(std::string_view name) const;
};

/// What a header may be at most: its bytes, as in the format's own library, and the JSON values in it, six for a
/// tensor and one for each of its extents. Both bound the memory that parse_safetensors takes.
constexpr std::uint64_t most_header_bytes = 100'000'000;
constexpr std::size_t most_header_values = 1'000'000;

/// What parse_safetensors takes at most for a file of so many bytes, with messages where names have less than 1
/// KiB: what its header as JSON takes, 1 GB in any case; nothing for the tensors themselves.
constexpr std::uint64_t most_safetensors_memory(std::uint64_t file_bytes) {
  return std::min<std::uint64_t>(most_json_memory(std::min(file_bytes, most_header_bytes)), 1'000'000'000);
}

/// The contents of a file: a header padded with spaces so that the data start at a multiple of 8, and the data in
/// the order of the entries. Throws Error beginning with "safetensors" for what parse_safetensors would refuse: a
/// name twice or that of the metadata, texts that are not UTF-8, bytes that are not as many as the shape has
/// values, a header that is too large.
std::string safetensors_bytes(const SafetensorsFile& file);

/// Reads the contents of a file, which must outlive the result. Throws Error beginning with `source` unless all is
/// as it should be: the header's length, its JSON, known types, shapes and places, tensors that cover the rest of
/// the file without a hole, an overlap or anything after them.
SafetensorsFile parse_safetensors(std::string_view bytes, std::string_view source);

}  // namespace quench::io
