// What optimisers say of an option that is out of range.
#pragma once

namespace quench {

/// Throws Error "<option> is <value>, expected <range>" unless it fits.
void require(bool fits, const char* option, float value, const char* range);
/// Throws Error unless the number is finite and at least 0.
void require_at_least_0(const char* option, float value);
/// Throws Error unless 0 <= value < 1.
void require_below_1(const char* option, float value);

}  // namespace quench
