#include "io/safetensors.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <optional>
#include <tuple>

#include "io/json.h"
#include "io/json_value.h"
#include "io/little_endian.h"
#include "io/numbers.h"
#include "quench/error.h"

namespace quench::io {
namespace {

struct DtypeFacts {
  std::string_view name;
  std::int64_t bytes;
};

// In the order of the enumeration.
constexpr DtypeFacts dtypes[] = {{"BOOL", 1}, {"U8", 1},   {"I8", 1},  {"I16", 2}, {"U16", 2},
                                 {"F16", 2},  {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},
                                 {"I64", 8},  {"U64", 8},  {"F64", 8}};

constexpr std::size_t length_bytes = 8;
constexpr std::string_view metadata_name = "__metadata__";

std::string shape_text(const std::vector<std::int64_t>& shape) {
  constexpr std::size_t enough = 16;
  std::string text = "[";
  for (std::size_t i = 0; i < std::min(shape.size(), enough); ++i) text += (i > 0 ? ", " : "") + to_text(shape[i]);
  return text + (shape.size() > enough ? ", ...]" : "]");
}

/// The bytes that a tensor of the shape has; nothing when 63 bits do not hold their number.
std::optional<std::int64_t> byte_count(const std::vector<std::int64_t>& shape, Dtype dtype) {
  std::int64_t count = dtype_bytes(dtype);
  for (const std::int64_t extent : shape) {
    if (extent != 0 && count > std::numeric_limits<std::int64_t>::max() / extent) return std::nullopt;
    count *= extent;
  }
  return count;
}

std::string kind_text(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::null:
      return "null";
    case JsonValue::Kind::boolean:
      return value.boolean ? "true" : "false";
    case JsonValue::Kind::number:
      return value.text.substr(0, 40);
    case JsonValue::Kind::string:
      return json_excerpt(value.text);
    case JsonValue::Kind::array:
      return "an array of " + to_text(value.items.size());
    case JsonValue::Kind::object:
      return "an object of " + to_text(value.items.size());
  }
  return "nothing";
}

class Parser {
 public:
  Parser(std::string_view bytes, std::string_view source) : bytes_(bytes), source_(source) {}

  SafetensorsFile file() {
    const std::string_view header = this->header();
    data_ = bytes_.substr(length_bytes + header.size());
    const JsonValue root = json(header);
    for (std::size_t i = 0; i < root.keys.size(); ++i) {
      if (root.keys[i] == metadata_name) {
        metadata(root.items[i]);
      } else {
        tensor(root.keys[i], root.items[i]);
      }
    }
    check_cover();
    return std::move(result_);
  }

 private:
  /// What a message is put together from.
  using Words = std::initializer_list<std::string_view>;

  [[noreturn]] void fail(std::string text, Words words) const {
    for (const std::string_view word : words) text += word;
    throw Error(text);
  }
  [[noreturn]] void fail(Words words) const { fail(std::string(source_), words); }
  [[noreturn]] void fail_at(std::string_view tensor, Words words) const {
    fail(std::string(source_) + ": tensor " + json_excerpt(tensor), words);
  }

  std::string_view header() const {
    if (bytes_.size() < length_bytes) {
      fail({" has ", to_text(bytes_.size()), " bytes, expected a safetensors file, which begins with the ",
            to_text(length_bytes), " bytes of its header's length"});
    }
    const auto length = from_little_endian<std::uint64_t>(bytes_.data());
    const std::uint64_t room = bytes_.size() - length_bytes;
    const std::uint64_t most = std::min(room, most_header_bytes);
    if (length < 2 || length > most) {
      fail({" claims a header of ", to_text(length), " bytes, expected 2 to ",
            to_text(std::max<std::uint64_t>(most, 2)), (room < most_header_bytes ? ", those that follow" : "")});
    }
    const std::string_view text = bytes_.substr(length_bytes, static_cast<std::size_t>(length));
    if (text.front() != '{') {
      fail({": the header begins with byte ", to_text(static_cast<unsigned char>(text.front())),
            ", expected 123, which is {"});
    }
    return text;
  }

  JsonValue json(std::string_view header) const {
    if (!is_utf8(header)) fail({": the header is not UTF-8"});
    // Trailing spaces are part of the format, other blanks are not.
    const std::size_t last = header.find_last_not_of(' ');
    if (header[last] != '}') {
      fail({": the header ends with byte ", to_text(static_cast<unsigned char>(header[last])),
            ", expected 125, which is }, and spaces"});
    }
    try {
      return parse_bounded_json(header.substr(0, last + 1), most_header_values);
    } catch (const Error& error) {
      fail({": the header is wrong: ", error.what()});
    }
  }

  void metadata(const JsonValue& value) {
    if (value.kind != JsonValue::Kind::object) {
      fail({": ", metadata_name, " is ", kind_text(value), ", expected an object"});
    }
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
      if (value.items[i].kind != JsonValue::Kind::string) {
        fail({": ", metadata_name, ", ", json_excerpt(value.keys[i]), " is ", kind_text(value.items[i]),
              ", expected a string"});
      }
      result_.metadata.emplace_back(value.keys[i], value.items[i].text);
    }
  }

  const JsonValue& member(std::string_view tensor, const JsonValue& entry, std::string_view name,
                          JsonValue::Kind kind, std::string_view expected) const {
    const JsonValue* found = entry.find(name);
    if (found != nullptr && found->kind == kind) return *found;
    fail_at(tensor, {": ", name, " is ", found == nullptr ? std::string("missing") : kind_text(*found),
                     ", expected ", expected});
  }

  /// A whole number that is not negative.
  std::int64_t integer(std::string_view tensor, std::string_view where, const JsonValue& value) const {
    if (value.kind == JsonValue::Kind::number) {
      // Without a sign: the type has none.
      const std::optional<std::uint64_t> number = parse_integer<std::uint64_t>(value.text);
      if (number && *number <= std::numeric_limits<std::int64_t>::max()) return static_cast<std::int64_t>(*number);
    }
    fail_at(tensor, {": ", where, " has ", kind_text(value), ", expected whole numbers from 0 to ",
                     to_text(std::numeric_limits<std::int64_t>::max())});
  }

  Dtype dtype(std::string_view tensor, const JsonValue& value) const {
    std::string known;
    for (std::size_t i = 0; i < std::size(dtypes); ++i) {
      if (dtypes[i].name == value.text) return static_cast<Dtype>(i);
      if (i > 0) known += ", ";
      known += dtypes[i].name;
    }
    fail_at(tensor, {": dtype is ", json_excerpt(value.text), ", expected one of ", known});
  }

  void tensor(const std::string& name, const JsonValue& entry) {
    using Kind = JsonValue::Kind;
    if (entry.kind != Kind::object) fail_at(name, {" is ", kind_text(entry), ", expected an object"});
    for (const std::string& key : entry.keys) {
      if (key != "dtype" && key != "shape" && key != "data_offsets")
        fail_at(name, {" has the member ", json_excerpt(key), ", expected dtype, shape and data_offsets only"});
    }
    SafetensorsEntry result;
    result.name = name;
    result.dtype = dtype(name, member(name, entry, "dtype", Kind::string, "a string"));
    const JsonValue& shape = member(name, entry, "shape", Kind::array, "an array");
    for (const JsonValue& extent : shape.items) result.shape.push_back(integer(name, "shape", extent));
    const JsonValue& offsets = member(name, entry, "data_offsets", Kind::array, "an array of 2");
    if (offsets.items.size() != 2)
      fail_at(name, {": data_offsets is ", kind_text(offsets), ", expected an array of 2"});
    const std::int64_t begin = integer(name, "data_offsets", offsets.items[0]);
    const std::int64_t end = integer(name, "data_offsets", offsets.items[1]);
    const auto length = static_cast<std::int64_t>(data_.size());
    if (begin > end || end > length) {
      fail_at(name, {": data_offsets are ", to_text(begin), " and ", to_text(end),
                     ", expected the first at most the second, and that at most ", to_text(length),
                     ", the bytes of data in the file"});
    }
    const std::optional<std::int64_t> expected = byte_count(result.shape, result.dtype);
    if (!expected || *expected != end - begin) {
      fail_at(name, {" has ", to_text(end - begin), " bytes, expected ",
                     (expected ? to_text(*expected) : std::string("more than fit in 63 bits")), " for shape ",
                     shape_text(result.shape), " of ", dtype_name(result.dtype)});
    }
    result.bytes = data_.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    result_.tensors.push_back(std::move(result));
  }

  std::size_t begin_of(const SafetensorsEntry& entry) const {
    return static_cast<std::size_t>(entry.bytes.data() - data_.data());
  }

  /// Sorts the tensors by their place and has them cover the data exactly.
  void check_cover() {
    // One without bytes may stand before another at the same place, not within it.
    std::sort(result_.tensors.begin(), result_.tensors.end(), [&](const auto& a, const auto& b) {
      return std::tuple(begin_of(a), a.bytes.size(), std::string_view(a.name)) <
             std::tuple(begin_of(b), b.bytes.size(), std::string_view(b.name));
    });
    std::size_t covered = 0;
    std::string before = "the beginning of the data";
    for (const SafetensorsEntry& entry : result_.tensors) {
      if (const std::size_t begin = begin_of(entry); begin != covered) {
        fail_at(entry.name,
                {begin < covered ? " overlaps" : " leaves a hole after", " what is before it: it begins at byte ",
                 to_text(begin), " of the data, expected ", to_text(covered), ", the end of ", before});
      }
      covered += entry.bytes.size();
      before = json_excerpt(entry.name);
    }
    if (covered != data_.size()) {
      fail({" has ", to_text(data_.size()), " bytes of data, expected ", to_text(covered),
            ", those of its tensors"});
    }
  }

  std::string_view bytes_;
  std::string_view source_;
  std::string_view data_;
  SafetensorsFile result_;
};

}  // namespace

std::string_view dtype_name(Dtype dtype) { return dtypes[static_cast<std::size_t>(dtype)].name; }

std::int64_t dtype_bytes(Dtype dtype) { return dtypes[static_cast<std::size_t>(dtype)].bytes; }

const SafetensorsEntry* SafetensorsFile::find(std::string_view name) const {
  for (const SafetensorsEntry& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

const std::string* SafetensorsFile::find_metadata(std::string_view name) const {
  for (const auto& [key, text] : metadata) {
    if (key == name) return &text;
  }
  return nullptr;
}

std::string safetensors_bytes(const SafetensorsFile& file) {
  const auto text_of = [](std::string_view text) {
    if (!is_utf8(text)) throw Error("safetensors: " + json_excerpt(text) + " is not UTF-8");
    return json_string(text);
  };
  std::string header = "{";
  const auto separate = [&] {
    if (header.back() != '{') header += ',';
  };
  if (!file.metadata.empty()) {
    header += json_string(metadata_name) + ":{";
    for (const auto& [name, text] : file.metadata) {
      separate();
      header += text_of(name) + ":" + text_of(text);
    }
    header += '}';
  }
  std::size_t offset = 0;
  for (const SafetensorsEntry& entry : file.tensors) {
    separate();
    const std::size_t end = offset + entry.bytes.size();
    header += text_of(entry.name);
    header += ":{\"dtype\":\"";
    header += dtype_name(entry.dtype);
    header += "\",\"shape\":[";
    for (std::size_t i = 0; i < entry.shape.size(); ++i) header += (i > 0 ? "," : "") + to_text(entry.shape[i]);
    header += "],\"data_offsets\":[" + to_text(offset) + "," + to_text(end) + "]}";
    offset = end;
  }
  header += '}';
  header.append((length_bytes - header.size() % length_bytes) % length_bytes, ' ');
  std::string result;
  result.reserve(length_bytes + header.size() + offset);
  append_little_endian(result, std::uint64_t{header.size()});
  result += header;
  for (const SafetensorsEntry& entry : file.tensors) result += entry.bytes;
  // What could not be read again is refused in the reader's words. That takes no time: data are not looked at.
  parse_safetensors(result, "safetensors");
  return result;
}

SafetensorsFile parse_safetensors(std::string_view bytes, std::string_view source) {
  return Parser(bytes, source).file();
}

}  // namespace quench::io
