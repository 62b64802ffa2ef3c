#include "fuzz/mutations.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "io/json.h"
#include "io/little_endian.h"
#include "io/numbers.h"
#include "io/safetensors.h"
#include "quench/error.h"

namespace quench::fuzz {
namespace {

using io::JsonValue;
using Kind = JsonValue::Kind;

constexpr std::size_t length_bytes = 8;
/// Numbers that arithmetic is wrong about.
constexpr double odd_numbers[] = {0.0,
                                  -0.0,
                                  1.0,
                                  -1.0,
                                  1e300,
                                  -1e300,
                                  1e-300,
                                  5e-324,
                                  1e15,
                                  1e18,
                                  -1e18,
                                  std::numeric_limits<double>::infinity(),
                                  -std::numeric_limits<double>::infinity(),
                                  std::numeric_limits<double>::quiet_NaN()};

std::optional<JsonValue> parsed(std::string_view text) {
  try {
    return io::parse_bounded_json(text, 10'000);
  } catch (const Error&) {
    return std::nullopt;
  }
}

void append(std::string& out, const JsonValue& value) {
  switch (value.kind) {
    case Kind::null:
      out += "null";
      break;
    case Kind::boolean:
      out += value.boolean ? "true" : "false";
      break;
    case Kind::number:
      out += value.text;
      break;
    case Kind::string:
      out += io::json_string(value.text);
      break;
    case Kind::array:
    case Kind::object:
      out += value.kind == Kind::array ? '[' : '{';
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        if (i > 0) out += ',';
        if (value.kind == Kind::object) out += io::json_string(value.keys[i]) + ':';
        append(out, value.items[i]);
      }
      out += value.kind == Kind::array ? ']' : '}';
  }
}

JsonValue number(Chance& chance) {
  constexpr std::string_view odd[] = {"-0",  "1e999", "0.5",    "-1",  "18446744073709551616", "1e-400", "NaN",
                                      "2.0", "1E2",   "0.0001", "1e9", "9223372036854775808",  "1e300"};
  JsonValue value{.kind = Kind::number, .text = std::string(chance.of(odd)), .keys = {}, .items = {}};
  if (value.text == "NaN" || !chance.once_in(4)) value.text = io::to_text(chance.number());
  return value;
}

JsonValue any_value(Chance& chance) {
  constexpr std::string_view words[] = {
      "",         "F32",     "F64", "I64",  "U8",           "BF16",  "F16",  "BOOL",    "sgd",
      "adam",     "amsgrad", "fdr", "sasa", "pflug",        "pesme", "abel", "plateau", "preset",
      "constant", "stages",  "all", "none", "0.1:2,0.05:3", "1e-3",  "60s",  "mnist",   "nan"};
  switch (chance.below(6)) {
    case 0:
      return {};
    case 1:
      return {.kind = Kind::boolean, .boolean = chance.once_in(2), .text = {}, .keys = {}, .items = {}};
    case 2:
      return {.kind = Kind::array, .text = {}, .keys = {}, .items = {}};
    case 3:
      return {.kind = Kind::object, .text = {}, .keys = {}, .items = {}};
    case 4:
      return {.kind = Kind::string, .text = std::string(chance.of(words)), .keys = {}, .items = {}};
    default:
      return number(chance);
  }
}

/// A value in the document: at each level, this one or one below it.
JsonValue& some_value(JsonValue& root, Chance& chance) {
  JsonValue* value = &root;
  while (!value->items.empty() && !(value != &root && chance.once_in(4))) value = &chance.of(value->items);
  return *value;
}

void mutate_value(JsonValue& root, Chance& chance) {
  JsonValue& value = some_value(root, chance);
  if (value.items.empty() || chance.once_in(3)) {
    if (value.kind == Kind::string && chance.once_in(2)) {
      chance.change(value.text, value.text.size() + 8);
    } else if (value.kind == Kind::number && !chance.once_in(4)) {
      value = number(chance);
    } else {
      value = any_value(chance);
    }
    return;
  }
  const std::size_t at = chance.below(value.items.size());
  const auto place = static_cast<std::ptrdiff_t>(at);
  switch (chance.below(4)) {
    case 0:
      value.items.erase(value.items.begin() + place);
      if (value.kind == Kind::object) value.keys.erase(value.keys.begin() + place);
      break;
    case 1: {
      JsonValue copy = value.items[at];
      value.items.insert(value.items.begin() + place, std::move(copy));
      if (value.kind == Kind::object) value.keys.insert(value.keys.begin() + place, value.keys[at] + "2");
      break;
    }
    case 2:
      std::swap(value.items[at], chance.of(value.items));
      break;
    default:
      if (value.kind == Kind::object) chance.change(value.keys[at], value.keys[at].size() + 4);
  }
}

/// The header's text and the data of a file whose first bytes may lie.
struct Pieces {
  std::string header, data;

  static Pieces of(std::string_view file) {
    if (file.size() < length_bytes) return {};
    const std::string_view rest = file.substr(length_bytes);
    const auto length = static_cast<std::size_t>(
        std::min<std::uint64_t>(io::from_little_endian<std::uint64_t>(file.data()), rest.size()));
    return {std::string(rest.substr(0, length)), std::string(rest.substr(length))};
  }
  std::string file() const {
    std::string result;
    io::append_little_endian(result, std::uint64_t{header.size()});
    return result + header + data;
  }
};

/// The same in a tensor's own type.
void mutate_elements(std::string& bytes, io::Dtype dtype, Chance& chance) {
  const auto width = static_cast<std::size_t>(io::dtype_bytes(dtype));
  if (bytes.size() < width) return;
  const std::size_t at = chance.below(bytes.size() / width) * width;
  std::string element;
  if (dtype == io::Dtype::f64) {
    io::append_little_endian(element, chance.of(odd_numbers));
  } else if (dtype == io::Dtype::f32) {
    io::append_little_endian(element, static_cast<float>(chance.below(2) == 0 ? 1.0F : -0.5F));
  } else {
    io::append_little_endian(element, chance.number());
  }
  bytes.replace(at, width, element.substr(0, width));
}

/// A change of what a well-formed file says, written without the writer's checks.
std::string mutated_tensors(const io::SafetensorsFile& file, Chance& chance) {
  struct Tensor {
    std::string name;
    io::Dtype dtype;
    std::vector<std::int64_t> shape;
    std::string bytes;
  };
  std::vector<Tensor> tensors;
  for (const io::SafetensorsEntry& entry : file.tensors)
    tensors.push_back({entry.name, entry.dtype, entry.shape, std::string(entry.bytes)});
  if (tensors.empty()) tensors.push_back({"t", io::Dtype::f32, {1}, std::string(4, '\1')});
  Tensor& tensor = chance.of(tensors);
  const auto width = static_cast<std::size_t>(io::dtype_bytes(tensor.dtype));
  switch (chance.below(9)) {
    case 0:
    case 1:
    case 2:
      mutate_elements(tensor.bytes, tensor.dtype, chance);
      break;
    case 3:
      chance.change_in_place(tensor.bytes);
      break;
    case 4:  // longer or shorter
      tensor.bytes.resize((tensor.bytes.size() / width + chance.below(4)) * width, '\0');
      if (chance.once_in(2)) tensor.bytes.resize(chance.below(4) * width);
      tensor.shape = {static_cast<std::int64_t>(tensor.bytes.size() / width)};
      break;
    case 5: {
      constexpr io::Dtype types[] = {io::Dtype::f32, io::Dtype::f64, io::Dtype::i64,  io::Dtype::u8,
                                     io::Dtype::f16, io::Dtype::i32, io::Dtype::bf16, io::Dtype::boolean};
      tensor.dtype = chance.of(types);
      const auto now = static_cast<std::size_t>(io::dtype_bytes(tensor.dtype));
      tensor.bytes.resize(tensor.bytes.size() / now * now);
      tensor.shape = {static_cast<std::int64_t>(tensor.bytes.size() / now)};
      break;
    }
    case 6: {
      Tensor copy = tensor;
      copy.name += '2';
      tensors.push_back(std::move(copy));
      break;
    }
    case 7:
      if (tensors.size() > 1)
        tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(chance.below(tensors.size())));
      break;
    default:
      std::swap(tensor.bytes, chance.of(tensors).bytes);  // often of another length
  }
  std::string header = "{", data;
  if (!file.metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [name, text] : file.metadata)
      header += (header.back() == '{' ? "" : ",") + io::json_string(name) + ":" + io::json_string(text);
    header += '}';
  }
  for (const Tensor& each : tensors) {
    header += (header.size() > 1 ? "," : "") + io::json_string(each.name) + ":{\"dtype\":\"" +
              std::string(io::dtype_name(each.dtype)) + "\",\"shape\":[";
    for (std::size_t i = 0; i < each.shape.size(); ++i) header += (i > 0 ? "," : "") + io::to_text(each.shape[i]);
    header += "],\"data_offsets\":[" + io::to_text(data.size()) + ",";
    data += each.bytes;
    header += io::to_text(data.size()) + "]}";
  }
  return Pieces{header + "}", data}.file();
}

}  // namespace

std::string json_text(const JsonValue& value) {
  std::string text;
  append(text, value);
  return text;
}

void mutate_json(std::string& text, std::string_view valid, Chance& chance) {
  std::optional<JsonValue> document = parsed(text);
  if (!document && chance.once_in(2)) document = parsed(valid);
  if (!document || chance.once_in(12)) return chance.change(text, text.size() + 16);
  for (std::size_t more = 1 + chance.below(2); more > 0; --more) mutate_value(*document, chance);
  text = json_text(*document);
}

void mutate_data(std::string& file, Chance& chance) {
  if (file.size() < length_bytes) return;
  const std::uint64_t begin =
      length_bytes +
      std::min<std::uint64_t>(io::from_little_endian<std::uint64_t>(file.data()), file.size() - length_bytes);
  const std::size_t numbers = (file.size() - static_cast<std::size_t>(begin)) / 8;
  if (numbers == 0) return;
  for (std::size_t more = 1 + chance.below(3); more > 0; --more) {
    std::string number;
    if (chance.once_in(2)) {
      io::append_little_endian(number, chance.number());
    } else {
      io::append_little_endian(number, chance.of(odd_numbers));
    }
    file.replace(static_cast<std::size_t>(begin) + 8 * chance.below(numbers), 8, number);
  }
}

void mutate_safetensors(std::string& file, std::string_view valid, Chance& chance) {
  if (chance.once_in(24)) return chance.change(file, file.size() + 16);
  Pieces pieces = Pieces::of(file);
  if (!parsed(pieces.header) && !chance.once_in(4)) {
    file = valid;
    pieces = Pieces::of(file);
  }
  const std::size_t kind = chance.below(10);
  if (kind == 0) {
    chance.change(pieces.header, pieces.header.size() + 16);
  } else if (kind == 1) {
    chance.change(pieces.data, pieces.data.size() + 16);
  } else if (kind <= 3) {
    std::optional<JsonValue> document = parsed(pieces.header);
    if (!document) return;
    mutate_value(*document, chance);
    pieces.header = json_text(*document);
    if (chance.once_in(3)) pieces.header.append(chance.below(9), ' ');
  } else {
    try {
      file = mutated_tensors(io::parse_safetensors(file, "before"), chance);
    } catch (const Error&) {
      mutate_json(pieces.header, Pieces::of(valid).header, chance);
      file = pieces.file();
    }
    return;
  }
  file = pieces.file();
}

}  // namespace quench::fuzz
