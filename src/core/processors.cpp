#include "core/processors.h"

#include <algorithm>
#include <climits>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "quench/executor.h"

#ifdef __linux__
#include <sched.h>
#endif

namespace quench {
namespace {

namespace fs = std::filesystem;

int whole_processors(long long quota_us, long long period_us) {
  if (quota_us <= 0 || period_us <= 0) return INT_MAX;
  return static_cast<int>(std::clamp(quota_us / period_us, 1LL, static_cast<long long>(INT_MAX)));
}

/// Version 2: "200000 100000", or "max 100000".
int quota_v2(const fs::path& group) {
  std::ifstream file(group / "cpu.max");
  long long quota = 0, period = 0;
  return file >> quota >> period ? whole_processors(quota, period) : INT_MAX;
}

/// Version 1: a file each; the quota is -1 when there is none.
int quota_v1(const fs::path& group) {
  std::ifstream quota_file(group / "cpu.cfs_quota_us"), period_file(group / "cpu.cfs_period_us");
  long long quota = 0, period = 0;
  return quota_file >> quota && period_file >> period ? whole_processors(quota, period) : INT_MAX;
}

/// The smallest quota of `group` (a path as /proc/self/cgroup spells it) and of its parents up to the mount point.
/// Inside a container that path may be the host's and mean nothing under this mount: what does not exist is
/// skipped, and the mount point itself, which is then the container's own group, is always read.
int smallest_quota(const fs::path& mount, std::string_view group, int (*quota)(const fs::path&)) {
  fs::path path = mount;
  int smallest = quota(path);
  for (const fs::path& part : fs::path(group).relative_path()) {
    if (part == "..") break;
    path /= part;
    smallest = std::min(smallest, quota(path));
  }
  return smallest;
}

bool contains(std::string_view comma_separated, std::string_view word) {
  while (!comma_separated.empty()) {
    const std::size_t comma = std::min(comma_separated.find(','), comma_separated.size());
    if (comma_separated.substr(0, comma) == word) return true;
    comma_separated.remove_prefix(std::min(comma + 1, comma_separated.size()));
  }
  return false;
}

}  // namespace

int affinity_threads() {
#ifdef __linux__
  // The kernel refuses a mask shorter than its own: try longer ones.
  for (std::size_t processors = 1024; processors <= (1U << 20); processors *= 4) {
    std::vector<cpu_set_t> mask((processors + CPU_SETSIZE - 1) / CPU_SETSIZE);
    const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) == 0) return std::max(1, CPU_COUNT_S(bytes, mask.data()));
  }
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int cgroup_threads(const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  int smallest = INT_MAX;
  // A line is "hierarchy:controllers:group"; version 2 has no controllers.
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    if (first == std::string::npos) continue;
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const std::string_view group = std::string_view(line).substr(second + 1);
    if (controllers.empty()) {
      // Alone, or beside version 1.
      for (const fs::path& mount : {mounts, mounts / "unified"}) {
        smallest = std::min(smallest, smallest_quota(mount, group, quota_v2));
      }
    } else if (contains(controllers, "cpu")) {
      // The folder is named for the controllers mounted together; "cpu" is then a link, which may be missing.
      for (const fs::path& mount : {mounts / "cpu", mounts / controllers}) {
        smallest = std::min(smallest, smallest_quota(mount, group, quota_v1));
      }
    }
  }
  return smallest;
}

int available_threads() { return std::min(affinity_threads(), cgroup_threads()); }

}  // namespace quench
