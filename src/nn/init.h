// How parameters start.
#pragma once

#include <cstdint>
#include <span>

#include "quench/plan.h"

namespace quench {

/// Sets the value of every parameter as its `init` says. The numbers of parameter i (its index in the span) are a
/// function of (seed, i) and its shape alone.
void initialize(std::span<Parameter> parameters, std::uint64_t seed);

}  // namespace quench
