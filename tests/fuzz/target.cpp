#include "fuzz/target.h"

namespace quench::fuzz {

std::vector<TargetKind>& target_kinds() {
  static std::vector<TargetKind> kinds;
  return kinds;
}

}  // namespace quench::fuzz
