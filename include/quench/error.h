// The one exception type of the library.
#pragma once

#include <stdexcept>
#include <string>

namespace quench {

/// Thrown by every function of the library that refuses its input or cannot do its work. The message names the
/// thing, the value found and the value expected, and ends without a full stop or newline. The library never
/// prints, exits or installs handlers.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

}  // namespace quench
