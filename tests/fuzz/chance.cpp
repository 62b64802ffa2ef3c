#include "fuzz/chance.h"

#include <limits>

namespace quench::fuzz {

std::int64_t Chance::number() {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t numbers[] = {0,
                                      1,
                                      2,
                                      3,
                                      4,
                                      5,
                                      7,
                                      8,
                                      10,
                                      12,
                                      16,
                                      100,
                                      -1,
                                      -2,
                                      -most,
                                      -most - 1,
                                      most,
                                      most - 1,
                                      most / 2,
                                      1LL << 31,
                                      1LL << 32,
                                      1LL << 53,
                                      (1LL << 31) - 1,
                                      -(1LL << 31),
                                      255,
                                      256,
                                      65535,
                                      65536,
                                      1LL << 62,
                                      9,
                                      11,
                                      1LL << 40};
  if (once_in(4)) return static_cast<std::int64_t>(below(64));
  return of(numbers);
}

void Chance::change_in_place(std::string& text) {
  const std::size_t size = text.size();
  change(text, size);
  text.resize(size);
}

}  // namespace quench::fuzz
