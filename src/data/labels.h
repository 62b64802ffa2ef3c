// The one rule that all labels obey, whether they come from a file or from a caller.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "quench/error.h"

namespace quench {

/// Throws Error unless every label is below `classes`; the message begins with `owner`, whose labels they are.
inline void check_labels(std::span<const std::uint8_t> labels, int classes, const std::string& owner) {
  const auto bad = std::find_if(labels.begin(), labels.end(), [&](int label) { return label >= classes; });
  if (bad == labels.end()) return;
  throw Error(owner + " has label " + std::to_string(*bad) + " at position " +
              std::to_string(bad - labels.begin()) + ", expected 0 .. " + std::to_string(classes - 1));
}

}  // namespace quench
