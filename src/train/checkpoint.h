// Checkpoints: all that a run needs to go on with the same bits, in a folder of its own that is either whole or
// does not count.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/files.h"

namespace quench::train {

/// What the files mean, and what results depend on besides settings: raised when either changes, and then
/// checkpoints of another number are refused.
constexpr int checkpoint_format = 2;

/// The contents of a checkpoint's files.
struct Checkpoint {
  std::string model;   ///< model.safetensors: the parameters
  std::string state;   ///< state.safetensors: everything else (Archive)
  std::string record;  ///< run.json: the settings
};

/// Writes <run>/checkpoints/<step>/ and keeps the last two. The file DONE comes last, with the length and the
/// checksum of each of the others.
class Checkpoints {
 public:
  Checkpoints(io::Files& files, const std::filesystem::path& run) : files_(files), folder_(run / "checkpoints") {}

  /// Written beside under another name, synced and renamed; then older ones are removed. Returns why that failed,
  /// naming the file, or nothing; those that were there stay then.
  std::string write(std::int64_t step, const Checkpoint& checkpoint);
  /// Removes those after `step`, which a run that goes on from there will write again, and what writes that were
  /// cut off left. Throws Error when one of those after `step` cannot be removed.
  void forget_after(std::int64_t step);

 private:
  void keep_newest();

  io::Files& files_;
  std::filesystem::path folder_;
};

/// What reading a checkpoint takes at most: the bytes of its files, and some for names and messages, where the
/// folder's name has less than 1 KiB.
constexpr std::uint64_t most_checkpoint_memory(std::uint64_t file_bytes) { return file_bytes + 64 * 1024; }

/// The finished checkpoints of a run's folder, the newest first.
std::vector<std::filesystem::path> finished_checkpoints(const std::filesystem::path& run);
/// Throws Error, naming the file, when one is missing or is not what DONE says, and for another format. Takes
/// at most most_checkpoint_memory.
Checkpoint read_checkpoint(const std::filesystem::path& folder);

/// The contents of a file of a checkpoint; throws Error when there is none, or it has more than `most_bytes`.
using CheckpointReader = std::function<std::string(const std::filesystem::path& file, std::uint64_t most_bytes)>;
/// read_checkpoint with files from wherever they are.
Checkpoint read_checkpoint(const std::filesystem::path& folder, const CheckpointReader& read);

/// When a run writes checkpoints, besides when it ends.
struct CheckpointInterval {
  double seconds = 0;  ///< 0: not by time
  std::int64_t steps = 0, epochs = 0;
};
/// "60s", "200steps", "5" (epochs), "0" (never). Throws UsageError for anything else.
CheckpointInterval parse_checkpoint_interval(std::string_view text);

}  // namespace quench::train
