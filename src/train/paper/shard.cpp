#include "train/paper/shard.h"

#include <cstdlib>

#include "io/numbers.h"
#include "io/text.h"
#include "train/options.h"

namespace quench::train {
namespace {

using io::joined;

constexpr std::int64_t most = 1'000'000;
constexpr const char* slurm_id = "SLURM_ARRAY_TASK_ID";
constexpr const char* slurm_count = "SLURM_ARRAY_TASK_COUNT";
constexpr const char* slurm_first = "SLURM_ARRAY_TASK_MIN";
constexpr const char* slurm_step = "SLURM_ARRAY_TASK_STEP";
constexpr const char* pod_index = "JOB_COMPLETION_INDEX";
constexpr const char* pod_count = "JOB_COMPLETION_COUNT";

[[noreturn]] void refuse(std::string_view name, std::string_view found, std::string_view expected) {
  throw UsageError(joined({name, ": found ", found, ", expected ", expected}));
}

std::string quoted(const std::string& text) { return '"' + text + '"'; }

/// The whole number of a variable, `standard` when it is not set.
std::int64_t number(const Environment& environment, const char* name, std::optional<std::int64_t> standard,
                    std::int64_t low, std::int64_t high) {
  const std::optional<std::string> text = environment(name);
  const std::string expected = joined({"a whole number from ", io::to_text(low), " to ", io::to_text(high)});
  if (!text && standard) return *standard;
  if (!text) refuse(name, "nothing", expected + ", or --shard /N");
  const std::optional<std::int64_t> value = io::parse_integer<std::int64_t>(*text);
  if (!value || *value < low || *value > high) refuse(name, quoted(*text), expected);
  return *value;
}

/// The part of the scheduler that runs this process; nothing when there is none. count: what --shard says, or 0.
ChosenShard scheduled(const Environment& environment, std::int64_t count) {
  if (environment(slurm_id)) {
    if (count > 0) {
      const std::int64_t id = number(environment, slurm_id, {}, 1, count);
      return {Shard{id, count}, std::string("from ") + slurm_id};
    }
    count = number(environment, slurm_count, {}, 1, most);
    const std::int64_t first = number(environment, slurm_first, {}, 0, most);
    const std::int64_t step = number(environment, slurm_step, 1, 1, most);
    const std::int64_t id = number(environment, slurm_id, {}, first, first + (count - 1) * step);
    if ((id - first) % step != 0) {
      refuse(slurm_id, quoted(io::to_text(id)),
             joined({"one that counts from ", io::to_text(first), " in steps of ", io::to_text(step)}));
    }
    return {Shard{(id - first) / step + 1, count},
            joined({"from ", slurm_id, ", ", slurm_first, " and ", slurm_count})};
  }
  if (environment(pod_index)) {
    const bool given = count > 0;
    if (!given) count = number(environment, pod_count, {}, 1, most);
    const std::int64_t index = number(environment, pod_index, {}, 0, count - 1);
    return {Shard{index + 1, count},
            std::string("from ") + pod_index + (given ? "" : std::string(" and ") + pod_count)};
  }
  return {};
}

}  // namespace

std::string to_text(const Shard& shard) { return io::to_text(shard.index) + "/" + io::to_text(shard.count); }

std::optional<std::string> environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

ChosenShard choose_shard(const std::optional<std::string>& option, const Environment& environment) {
  if (!option) {
    ChosenShard chosen = scheduled(environment, 0);
    if (chosen.shard) chosen.note = "shard " + to_text(*chosen.shard) + ", " + chosen.note;
    return chosen;
  }
  const std::size_t slash = option->find('/');
  const auto part = [&](std::size_t from, std::size_t to) {
    return io::parse_integer<std::int64_t>(std::string_view(*option).substr(from, to - from));
  };
  const std::optional<std::int64_t> count =
      slash == std::string::npos ? std::nullopt : part(slash + 1, option->size());
  const std::optional<std::int64_t> index = slash == std::string::npos ? std::nullopt : part(0, slash);
  if (!count || *count < 1 || *count > most || (slash > 0 && (!index || *index < 1 || *index > *count))) {
    refuse("--shard", quoted(*option),
           joined({"I/N with 1 <= I <= N <= ", io::to_text(most), ", or /N where a scheduler says which"}));
  }
  if (slash > 0) return {Shard{*index, *count}, {}};
  ChosenShard chosen = scheduled(environment, *count);
  if (!chosen.shard) {
    refuse("--shard",
           joined({quoted(*option), " and neither ", slurm_id, " nor ", pod_index, " in the environment"}), "I/N");
  }
  chosen.note = "shard " + to_text(*chosen.shard) + ", " + chosen.note;
  return chosen;
}

}  // namespace quench::train
