// Facts about the program and the machine under it, for run.json and the summary.
#pragma once

#include <cstdint>
#include <string>

namespace quench::train {

/// "gcc 12.2.0", "clang 14.0.6".
std::string compiler_name();
/// The most memory the process has had at once, in bytes; 0 where the system does not tell.
std::uint64_t peak_memory();
/// Now, in UTC: "2026-01-31T09:15:00Z".
std::string utc_time();

}  // namespace quench::train
