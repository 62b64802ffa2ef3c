// The message for an option that is out of range.
#pragma once

#include <charconv>
#include <string>

#include "quench/error.h"

namespace quench::fdr {

inline void require(bool fits, const char* option, double value, const char* range) {
  if (fits) return;
  char digits[32];
  char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  throw Error(std::string(option) + " is " + std::string(digits, end) + ", expected " + range);
}

}  // namespace quench::fdr
