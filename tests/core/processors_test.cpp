#include "core/processors.h"

#include <doctest/doctest.h>

#include <climits>
#include <filesystem>
#include <fstream>
#include <string>

#include "quench/executor.h"

#ifdef __linux__
#include <sched.h>
#endif

namespace fs = std::filesystem;

namespace {

/// A file system root of our own, with the few files that tell of control groups.
class FakeRoot {
 public:
  FakeRoot() {
    std::string pattern = (fs::temp_directory_path() / "quench-cgroup-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~FakeRoot() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;

  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text;
  }
  int threads() const { return quench::cgroup_threads(path_); }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE("without control groups, or with none that limits, there is no quota") {
  const FakeRoot root;
  CHECK(root.threads() == INT_MAX);
  root.write("proc/self/cgroup", "0::/user.slice\n");
  CHECK(root.threads() == INT_MAX);
  root.write("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
  CHECK(root.threads() == INT_MAX);
}

TEST_CASE("a version 2 quota is rounded down to whole processors, at least one") {
  const FakeRoot root;
  root.write("proc/self/cgroup", "0::/job\n");
  root.write("sys/fs/cgroup/job/cpu.max", "399999 100000\n");
  CHECK(root.threads() == 3);
  root.write("sys/fs/cgroup/job/cpu.max", "50000 100000\n");
  CHECK(root.threads() == 1);
}

TEST_CASE("the smallest quota of a group and its parents counts, wherever it stands") {
  const FakeRoot root;
  root.write("proc/self/cgroup", "0::/a/b/c\n");
  root.write("sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
  CHECK(root.threads() == 8);
  root.write("sys/fs/cgroup/a/cpu.max", "200000 100000\n");
  CHECK(root.threads() == 2);
  root.write("sys/fs/cgroup/a/b/cpu.max", "600000 200000\n");
  CHECK(root.threads() == 2);
}

TEST_CASE("in a container the group is the mount point itself, whatever path the host gave it") {
  const FakeRoot root;
  root.write("sys/fs/cgroup/cpu.max", "250000 100000\n");
  root.write("proc/self/cgroup", "0::/\n");
  CHECK(root.threads() == 2);
  root.write("proc/self/cgroup", "0::/docker/0123456789abcdef\n");
  CHECK(root.threads() == 2);
  root.write("proc/self/cgroup", "0::/../../job\n");
  CHECK(root.threads() == 2);
}

TEST_CASE("a version 1 quota is read, under either name of the controller's folder") {
  for (const std::string folder : {"cpu", "cpu,cpuacct"}) {
    const FakeRoot root;
    root.write("proc/self/cgroup", "12:memory:/x\n4:cpu,cpuacct:/job\n0::/\n");
    const std::string group = "sys/fs/cgroup/" + folder + "/job/";
    root.write(group + "cpu.cfs_period_us", "100000\n");
    root.write(group + "cpu.cfs_quota_us", "-1\n");
    CHECK(root.threads() == INT_MAX);
    root.write(group + "cpu.cfs_quota_us", "500000\n");
    CHECK(root.threads() == 5);
  }
}

TEST_CASE("version 2 is also found where it is mounted beside version 1") {
  const FakeRoot root;
  root.write("proc/self/cgroup", "3:cpuset:/\n0::/job\n");
  root.write("sys/fs/cgroup/unified/job/cpu.max", "300000 100000\n");
  CHECK(root.threads() == 3);
}

TEST_CASE("files that hold something else limit nothing") {
  const FakeRoot root;
  root.write("proc/self/cgroup", "nonsense\n0:\n0::/job\n");
  root.write("sys/fs/cgroup/job/cpu.max", "many 100000\n");
  CHECK(root.threads() == INT_MAX);
  root.write("sys/fs/cgroup/job/cpu.max", "100000\n");
  CHECK(root.threads() == INT_MAX);
  root.write("sys/fs/cgroup/job/cpu.max", "100000 0\n");
  CHECK(root.threads() == INT_MAX);
}

TEST_CASE("available threads respect the affinity mask") {
  CHECK(quench::available_threads() >= 1);
  CHECK(quench::available_threads() <= quench::affinity_threads());
#ifdef __linux__
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  const int threads = quench::available_threads();
  sched_setaffinity(0, sizeof before, &before);
  CHECK(threads == 1);
#endif
}
