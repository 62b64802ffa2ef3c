// Archives as no object leaves them, for what reading one refuses.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "quench/archive.h"

namespace quench::test {

/// The entries of an archive, one of them another value.
template <typename Value>
std::vector<Archive::Entry> archive_with(std::vector<Archive::Entry> entries, const std::string& name,
                                         Value value) {
  Archive other;
  other.value(name, value);
  const auto entry = std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.name == name; });
  REQUIRE(entry != entries.end());
  *entry = other.entries()[0];
  return entries;
}

}  // namespace quench::test
