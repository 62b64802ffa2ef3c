// ./train paper: runs that make up a figure of the paper, the figure, and whether its claim held.
#pragma once

#include <span>
#include <string_view>

namespace quench::train {

/// words: those after "paper". Runs that are finished are not repeated. With a shard (--shard, or a scheduler's
/// environment) makes that part of them and draws nothing; with --merge draws from runs in several folders. Returns
/// the exit code: 0 also when a claim fails, for that is a result. Throws UsageError, and Error when a folder holds
/// a run with other settings or on other data, or when a run to merge is missing or there twice with different
/// results.
int paper_command(std::span<const std::string_view> words);

}  // namespace quench::train
