#include "optim/option_check.h"

#include <charconv>
#include <cmath>
#include <string>

#include "quench/error.h"

namespace quench {

void require(bool fits, const char* option, float value, const char* range) {
  if (fits) return;
  char digits[32];
  char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  throw Error(std::string(option) + " is " + std::string(digits, end) + ", expected " + range);
}

void require_at_least_0(const char* option, float value) {
  require(std::isfinite(value) && value >= 0.0F, option, value, "a finite number of at least 0");
}

void require_below_1(const char* option, float value) {
  if (value >= 0.0F && value < 1.0F) return;
  require(false, option, value, ("0 <= " + std::string(option) + " < 1").c_str());
}

}  // namespace quench
