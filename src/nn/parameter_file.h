// Parameters and the contents of safetensors files.
#pragma once

#include <string>
#include <string_view>

#include "io/safetensors.h"
#include "quench/safetensors.h"

namespace quench {

/// The contents of the file that save_parameters writes.
std::string parameter_file(const Parameters& parameters, const Metadata& metadata);

/// load_parameters from a file that has been read; errors begin with `source`.
void set_parameters(const io::SafetensorsFile& file, std::string_view source, const Parameters& parameters);

}  // namespace quench
