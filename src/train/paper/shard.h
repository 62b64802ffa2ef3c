// Independent runs spread over machines: which part of them this process makes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace quench::train {

/// The index-th of `count` parts, 1 <= index <= count.
struct Shard {
  std::int64_t index = 1;
  std::int64_t count = 1;

  /// Whether the run at that place of the list (from 0) is of this part: they are dealt out in turn.
  bool has(std::size_t position) const { return owner(position) == index; }
  /// The index of the part that has it.
  std::int64_t owner(std::size_t position) const {
    return static_cast<std::int64_t>(position % static_cast<std::size_t>(count)) + 1;
  }
};

/// "2/4".
std::string to_text(const Shard& shard);

/// The value of an environment variable; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;

/// That of this process.
std::optional<std::string> environment_variable(const char* name);

struct ChosenShard {
  std::optional<Shard> shard;  ///< nothing: all runs, and the figures
  std::string note;            ///< what was taken from the environment, for people; empty: nothing
};

/// option: what --shard was given. "I/N" is that; "/N" is a count whose index a scheduler knows: an array task of
/// Slurm (ids 1 .. N then) or a pod of an Indexed Job of Kubernetes. Without the option both are the scheduler's,
/// if there is one: SLURM_ARRAY_TASK_ID counts from SLURM_ARRAY_TASK_MIN in steps of SLURM_ARRAY_TASK_STEP, and
/// there are SLURM_ARRAY_TASK_COUNT; JOB_COMPLETION_INDEX counts from 0, and there are JOB_COMPLETION_COUNT. Slurm
/// goes first. Throws UsageError that names the option or the variable, what was found and what is expected.
ChosenShard choose_shard(const std::optional<std::string>& option, const Environment& environment);

}  // namespace quench::train
