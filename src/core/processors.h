// How many processors a process may use.
#pragma once

#include <filesystem>

namespace quench {

/// Processors in the calling thread's affinity mask, at least 1; all processors where there are no such masks.
int affinity_threads();

/// What Linux control groups allow this process, in processors, rounded down and at least 1: the smallest quota of
/// its own group and all its parents, version 2 (cpu.max) and version 1 (cpu.cfs_quota_us). INT_MAX when nothing
/// limits it, and on systems without control groups. root stands for "/", so that tests can lay out a tree of their
/// own: root/proc/self/cgroup and root/sys/fs/cgroup are read.
int cgroup_threads(const std::filesystem::path& root = "/");

}  // namespace quench
