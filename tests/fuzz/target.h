// What a fuzzer and the replay of its kept inputs share: for each reader a target, which reads one input and says
// how far that got, makes valid inputs to begin with, and changes inputs so that most of them still get past the
// header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/chance.h"

namespace quench::fuzz {

/// A reader did what its contract excludes.
class Broken : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws Broken unless it holds.
inline void expect(bool holds, const std::string& what) {
  if (!holds) throw Broken(what);
}

/// How far an input got.
enum class Reached {
  header,   ///< refused before the end of the header; each target says what that is
  body,     ///< refused for what comes after
  accepted  ///< read as a whole
};

class Target {
 public:
  virtual ~Target() = default;

  /// Has the reader read the input. Throws Broken when the reader takes more memory than it states, or contradicts
  /// itself. A reader's refusals (quench::Error) are none of the caller's business; any other exception is a fault.
  virtual Reached check(std::span<const std::byte> input) = 0;
  /// Valid inputs, made from scratch.
  virtual std::vector<std::string> seeds() = 0;
  /// Changes the input somewhere, and most times what depends on that: lengths, counts, checksums.
  virtual void mutate(std::string& input, Chance& chance) = 0;
};

/// A target by its name, and how long its inputs may be.
struct TargetKind {
  std::string_view name;
  std::size_t most_bytes;
  std::unique_ptr<Target> (*make)();
};

/// Those of the program: each target's file adds its own before main() begins.
std::vector<TargetKind>& target_kinds();

struct AddTarget {
  explicit AddTarget(const TargetKind& kind) { target_kinds().push_back(kind); }
};

}  // namespace quench::fuzz
