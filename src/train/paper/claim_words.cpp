#include "train/paper/claim_words.h"

#include <cmath>

#include "io/numbers.h"
#include "io/text.h"

namespace quench::train {

using io::joined;
using io::significant;

std::string shown(const Estimate& estimate, double unit, int digits) {
  if (!std::isfinite(estimate.value)) return "unknown";
  const std::string error =
      std::isfinite(estimate.error) ? significant(estimate.error / unit, 2) : std::string("unknown");
  return joined({significant(estimate.value / unit, digits), " +- ", error});
}

void add_item(std::string& list, std::initializer_list<std::string_view> words) {
  list += joined({list.empty() ? "" : ", ", joined(words)});
}

std::string repetitions(std::size_t count) {
  return joined({" (", io::to_text(count), count == 1 ? " seed)" : " seeds)"});
}

Claim claim(std::initializer_list<std::string_view> words, Outcome outcome) {
  return {joined({joined(words), ": ", outcome_word(outcome)}), outcome};
}

}  // namespace quench::train
