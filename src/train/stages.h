// Appendix B's protocol: one learning rate after the other, each for so many epochs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quench::train {

struct Settings;

struct Stage {
  double lr = 0;
  std::int64_t first_epoch = 1, last_epoch = 1;  ///< counted through all stages, from 1

  std::int64_t epochs() const { return last_epoch - first_epoch + 1; }
};

/// "0.05:500,0.02:500": learning rate and epochs of each stage. Throws UsageError, naming the part, when one is
/// not a float >= 0 and a whole number of at least 1.
std::vector<Stage> parse_stages(std::string_view text);

/// The stages of a run: those of --stages, or a single one of all epochs.
std::vector<Stage> stages_of(const Settings& settings);

}  // namespace quench::train
