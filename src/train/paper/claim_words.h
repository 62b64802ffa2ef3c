// The sentences of claims about chains, put together from their numbers.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "train/paper/claims.h"

namespace quench::train {

/// "1.23 +- 0.045", in units of `unit`, the value with so many significant digits; "unknown" for an error that is
/// not finite, and for all of it where the value is not.
std::string shown(const Estimate& estimate, double unit = 1, int digits = 3);

/// Appends the words to a list, after a comma unless they are the first.
void add_item(std::string& list, std::initializer_list<std::string_view> words);

/// " (1 seed)", " (4 seeds)".
std::string repetitions(std::size_t count);

/// "<words>: HELD".
Claim claim(std::initializer_list<std::string_view> words, Outcome outcome);

}  // namespace quench::train
