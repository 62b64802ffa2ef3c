// Parameters in files that other frameworks read: safetensors, with PyTorch's names and layouts.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "quench/model.h"

namespace quench {

/// Texts that accompany the tensors in a file, each with its name.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// Writes all parameters as F32, row-major under their own names: "fc1.weight" [out, in], "conv1.weight" [out, in,
/// rows, columns]. The file holds all of them afterwards, or on failure what it held before. Throws Error when it
/// cannot be written, and for metadata with a name twice or that are not UTF-8.
void save_parameters(const std::filesystem::path& file, const Parameters& parameters,
                     const Metadata& metadata = {});

/// Sets all parameters from a file with a tensor of the same name and shape for each, and no others, of type F32,
/// F64 (rounded to nearest), F16 or BF16 (exact). Throws Error naming the tensor, what was found and what was
/// expected; also for values that are not finite or do not fit in F32. On an error no parameter has changed.
void load_parameters(const std::filesystem::path& file, const Parameters& parameters);

}  // namespace quench
