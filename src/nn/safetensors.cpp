#include "quench/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <system_error>

#include "core/float_environment.h"
#include "io/files.h"
#include "io/json.h"
#include "io/little_endian.h"
#include "io/numbers.h"
#include "io/read_file.h"
#include "nn/parameter_file.h"
#include "quench/error.h"

namespace quench {
namespace {

/// Without the zeros that pad the tensor in memory.
std::span<float> values_of(const Parameter& parameter) {
  return parameter.value.first(static_cast<std::size_t>(element_count(parameter.shape)));
}

/// What a number of type F16 is, exactly.
float from_half(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits} >> 15 << 31;
  const std::uint32_t exponent = bits >> 10 & 0x1fU;
  const std::uint32_t fraction = bits & 0x3ffU;
  if (exponent == 0) {  // fraction / 2^24
    const float value = static_cast<float>(fraction) * 0x1p-24F;
    return sign == 0 ? value : -value;
  }
  const std::uint32_t wide_exponent = exponent == 0x1f ? 0xffU : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

/// Value number `index` of a tensor, in double, which holds all of each type.
double value_at(const io::SafetensorsEntry& tensor, std::size_t index) {
  const char* bytes = tensor.bytes.data() + index * static_cast<std::size_t>(io::dtype_bytes(tensor.dtype));
  switch (tensor.dtype) {
    case io::Dtype::f64:
      return io::from_little_endian<double>(bytes);
    case io::Dtype::f16:
      return static_cast<double>(from_half(io::from_little_endian<std::uint16_t>(bytes)));
    case io::Dtype::bf16:
      return static_cast<double>(
          std::bit_cast<float>(std::uint32_t{io::from_little_endian<std::uint16_t>(bytes)} << 16));
    default:
      return static_cast<double>(io::from_little_endian<float>(bytes));
  }
}

bool has_known_type(const io::SafetensorsEntry& tensor) {
  constexpr io::Dtype known[] = {io::Dtype::f32, io::Dtype::f64, io::Dtype::f16, io::Dtype::bf16};
  return std::find(std::begin(known), std::end(known), tensor.dtype) != std::end(known);
}

[[noreturn]] void refuse(std::string_view source, std::string_view tensor,
                         std::initializer_list<std::string_view> words) {
  std::string text = std::string(source) + ": tensor " + io::json_excerpt(tensor);
  for (const std::string_view word : words) text += word;
  throw Error(text);
}

/// Appends the tensor's values.
void convert(const io::SafetensorsEntry& tensor, std::string_view source, std::vector<float>& values) {
  const auto count = static_cast<std::size_t>(element_count(tensor.shape));
  for (std::size_t i = 0; i < count; ++i) {
    const double value = value_at(tensor, i);
    const auto rounded = static_cast<float>(value);
    if (!std::isfinite(rounded)) {
      refuse(source, tensor.name,
             {" has ", io::to_text(value), " for value number ", io::to_text(i), ", expected finite numbers",
              std::isfinite(value) ? " that fit in F32" : ""});
    }
    values.push_back(rounded);
  }
}

}  // namespace

std::string parameter_file(const Parameters& parameters, const Metadata& metadata) {
  std::string data;
  data.reserve(static_cast<std::size_t>(parameters.count()) * sizeof(float));
  for (const Parameter& parameter : parameters.tensors)
    for (const float value : values_of(parameter)) io::append_little_endian(data, value);
  io::SafetensorsFile file{.metadata = metadata, .tensors = {}};
  std::string_view rest = data;
  for (const Parameter& parameter : parameters.tensors) {
    const std::size_t size = values_of(parameter).size() * sizeof(float);
    file.tensors.push_back({parameter.name, io::Dtype::f32, parameter.shape, rest.substr(0, size)});
    rest.remove_prefix(size);
  }
  return io::safetensors_bytes(file);
}

void set_parameters(const io::SafetensorsFile& file, std::string_view source, const Parameters& parameters) {
  const FloatEnvironment environment;
  for (const io::SafetensorsEntry& tensor : file.tensors) {
    bool known = false;
    std::string names;
    for (const Parameter& parameter : parameters.tensors) {
      known = known || parameter.name == tensor.name;
      names += (names.empty() ? "" : ", ") + parameter.name;
    }
    if (!known) refuse(source, tensor.name, {" is none of the model's, expected ", names});
  }
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(parameters.count()));
  for (const Parameter& parameter : parameters.tensors) {
    const io::SafetensorsEntry* tensor = file.find(parameter.name);
    const auto refuse_it = [&](std::initializer_list<std::string_view> words) {
      refuse(source, parameter.name, words);
    };
    const std::string shape = to_string(parameter.shape);
    if (tensor == nullptr) refuse_it({" is missing, expected one of shape ", shape});
    if (tensor->shape != parameter.shape)
      refuse_it({" has the shape ", to_string(tensor->shape), ", expected ", shape});
    if (!has_known_type(*tensor))
      refuse_it({" is of type ", io::dtype_name(tensor->dtype), ", expected F32, F64, F16 or BF16"});
    convert(*tensor, source, values);
  }
  auto next = values.begin();
  for (const Parameter& parameter : parameters.tensors) {
    const std::span<float> target = values_of(parameter);
    std::copy_n(next, target.size(), target.begin());
    next += static_cast<std::ptrdiff_t>(target.size());
  }
}

void save_parameters(const std::filesystem::path& file, const Parameters& parameters, const Metadata& metadata) {
  if (const std::error_code error = io::disk().replace(file, parameter_file(parameters, metadata))) {
    throw Error("cannot write " + file.string() + ": " + error.message());
  }
}

void load_parameters(const std::filesystem::path& file, const Parameters& parameters) {
  // A file with more than these parameters in the widest type is not read.
  const std::uint64_t most = 8 + io::most_header_bytes + 8 * static_cast<std::uint64_t>(parameters.count());
  const std::string bytes = io::read_file(file, most);
  set_parameters(io::parse_safetensors(bytes, file.string()), file.string(), parameters);
}

}  // namespace quench
