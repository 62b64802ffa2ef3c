// The contents of a checkpoint's state.safetensors.
#pragma once

#include <string>
#include <string_view>

#include "quench/archive.h"

namespace quench::train {

/// state.safetensors: a tensor of one dimension for each entry.
std::string state_bytes(const Archive& archive);
/// Throws Error beginning with `source` when that is no such file. Takes at most io::most_safetensors_memory.
Archive parse_state(std::string_view bytes, const std::string& source);

}  // namespace quench::train
