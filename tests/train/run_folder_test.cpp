#include "train/run_folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "quench/error.h"
#include "temporary_folder.h"

using namespace quench::test;
using namespace quench::train;
namespace fs = std::filesystem;
namespace io = quench::io;

namespace {

const std::vector<TableKind> tables{{"log.csv", {"epoch", "loss"}}};

/// The disk of this machine, on which some things fail when told to.
class FailingDisk final : public io::Files {
 public:
  bool replace_fails = false;
  bool rename_fails = false;

  std::error_code create(const fs::path& file, std::string_view contents) override {
    return io::disk().create(file, contents);
  }
  std::error_code replace(const fs::path& file, std::string_view contents) override {
    if (replace_fails) return std::make_error_code(std::errc::no_space_on_device);
    return io::disk().replace(file, contents);
  }
  std::error_code write(const fs::path& file, std::string_view contents) override {
    return io::disk().write(file, contents);
  }
  std::vector<fs::path> synced;
  std::error_code sync(const fs::path& file) override {
    synced.push_back(file);
    return io::disk().sync(file);
  }
  std::error_code make_folder(const fs::path& folder) override { return io::disk().make_folder(folder); }
  std::error_code rename(const fs::path& from, const fs::path& to) override {
    if (rename_fails) return std::make_error_code(std::errc::io_error);
    return io::disk().rename(from, to);
  }
  io::Written append(const fs::path& file, std::uint64_t size, std::string_view bytes) override {
    return io::disk().append(file, size, bytes);
  }
  std::error_code cut(const fs::path& file, std::uint64_t size, std::uint64_t keep) override {
    return io::disk().cut(file, size, keep);
  }
};

Settings settings_for(const fs::path& out, bool force = false) {
  Settings settings;
  settings.dataset = "mnist";
  settings.out = out.string();
  settings.force = force;
  return settings;
}

std::string refusal(const Settings& settings) {
  try {
    const RunFolder folder(io::disk(), settings, tables);
  } catch (const quench::Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a run has its folder, its log and its record from the beginning") {
  const TemporaryFolder top;
  const fs::path out = top / "a" / "b";
  {
    RunFolder folder(io::disk(), settings_for(out), tables);
    CHECK(folder.path() == out);
    CHECK(read_all(out / "log.csv") == "epoch,loss\n");
    folder.begin({});
    CHECK_FALSE(folder.table(0).add(std::vector<std::string>{"1", "0.5"}));
  }
  CHECK(read_all(out / "log.csv") == "epoch,loss\n1,0.5\n");
  CHECK(read_all(out / "run.json").starts_with("{"));
}

TEST_CASE("a run that does not begin leaves no trace, not even folders") {
  const TemporaryFolder top;
  { const RunFolder folder(io::disk(), settings_for(top / "a" / "b"), tables); }
  CHECK_FALSE(fs::exists(top / "a"));
  fs::create_directory(top / "mine");
  { const RunFolder folder(io::disk(), settings_for(top / "mine"), tables); }
  CHECK(fs::is_empty(top / "mine"));
}

TEST_CASE("a run whose first run.json finds the disk full leaves no trace and can be tried again") {
  const TemporaryFolder top;
  FailingDisk disk;
  disk.replace_fails = true;
  for (int attempt = 0; attempt < 2; ++attempt) {
    RunFolder folder(disk, settings_for(top / "run"), tables);
    CHECK_THROWS_WITH_AS(
        folder.begin({}),
        ((top / "run" / "run.json").string() + " cannot be written: No space left on device").c_str(),
        quench::Error);
  }
  CHECK_FALSE(fs::exists(top / "run"));
}

TEST_CASE("two runs that want one folder: the second is refused while the first has not even begun") {
  const TemporaryFolder top;
  RunFolder first(io::disk(), settings_for(top / "run"), tables);
  const std::string log = (top / "run" / "log.csv").string();
  CHECK(refusal(settings_for(top / "run")) == (top / "run").string() + " is in use: another process trains there");
  CHECK(refusal(settings_for(top / "run", true)) ==
        (top / "run").string() + " is in use: another process trains there");
  first.begin({});
  CHECK(read_all(log) == "epoch,loss\n");
}

TEST_CASE("one at a time holds a file, also where whoever holds it removes it") {
  const TemporaryFolder top;
  std::atomic<int> holders{0}, most{0};
  const auto compete = [&] {
    for (int held = 0; held < 100;) {
      io::FileLock lock(top / "lock");
      lock.keep();
      if (lock.refused()) continue;
      const int now = ++holders;
      if (now > most) most = now;
      ++held;
      std::this_thread::yield();
      --holders;
      fs::remove(top / "lock");
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(compete);
  for (std::thread& thread : threads) thread.join();
  CHECK(most == 1);
}

TEST_CASE("a folder is held by one, whose file in it stays when it is kept") {
  const TemporaryFolder top;
  {
    io::FolderLock first(top.path());
    CHECK_THROWS_WITH_AS(io::FolderLock(top.path()),
                         (top.path().string() + " is in use: another process trains there").c_str(), quench::Error);
    CHECK(fs::exists(top / ".lock"));
  }
  CHECK(fs::is_empty(top.path()));
  io::FolderLock(top.path()).keep();
  CHECK(fs::exists(top / ".lock"));
  { const io::FolderLock again(top.path()); }
  CHECK(fs::exists(top / ".lock"));
  // As from another machine, which knows of the file only.
  const io::FileLock other(top / ".lock");
  CHECK_FALSE(other.refused());
  CHECK_THROWS_AS(io::FolderLock(top.path()), quench::Error);
  { const io::FolderLock nothing(top / "nowhere"); }
  CHECK_FALSE(fs::exists(top / "nowhere"));
}

TEST_CASE("the names of folders that a run makes are on the disk, and that of its first checkpoint") {
  const TemporaryFolder top;
  FailingDisk disk;
  RunFolder folder(disk, settings_for(top / "a" / "b" / ""), tables);
  CHECK(disk.synced == std::vector<fs::path>{top.path(), top / "a"});
  folder.begin({});
  disk.synced.clear();
  const fs::path run = top / "a" / "b";
  CHECK_FALSE(folder.sync());
  REQUIRE(disk.synced.size() >= 2);
  CHECK(fs::equivalent(disk.synced[0], top / "a"));
  CHECK(fs::equivalent(disk.synced[1], run));
  disk.synced.clear();
  CHECK_FALSE(folder.sync());
  REQUIRE_FALSE(disk.synced.empty());
  CHECK(fs::equivalent(disk.synced[0], run));
  for (const bool first : {true, false}) {
    disk.synced.clear();
    CHECK(Checkpoints(disk, run).write(first ? 1 : 2, {}).empty());
    CHECK(std::count(disk.synced.begin(), disk.synced.end(), run) == (first ? 1 : 0));
    CHECK(disk.synced.back() == run / "checkpoints");
  }
}

TEST_CASE("a folder that holds either file is refused without --force and left alone") {
  const TemporaryFolder top;
  for (const char* name : {"log.csv", "run.json"}) {
    const fs::path file = top / name;
    write_all(file, "foreign");
    CHECK(refusal(settings_for(top.path())) ==
          file.string() + " exists already; choose another --out, or --force to overwrite it");
    CHECK(read_all(file) == "foreign");
    fs::remove(file);
    CHECK(fs::is_empty(top.path()));
  }
}

TEST_CASE("with --force the old run is whole until the new one begins") {
  const TemporaryFolder top;
  write_all(top / "log.csv", "old log");
  write_all(top / "run.json", "old record");
  const auto is_whole = [&] {
    return read_all(top / "log.csv") == "old log" && read_all(top / "run.json") == "old record" &&
           std::distance(fs::directory_iterator(top.path()), fs::directory_iterator()) == 2;
  };
  FailingDisk disk;
  { const RunFolder folder(disk, settings_for(top.path(), true), tables); }
  CHECK(is_whole());
  disk.replace_fails = true;
  {
    RunFolder folder(disk, settings_for(top.path(), true), tables);
    CHECK_THROWS_AS(folder.begin({}), quench::Error);
  }
  CHECK(is_whole());
  disk.replace_fails = false;
  {
    RunFolder folder(disk, settings_for(top.path(), true), tables);
    folder.begin({});
  }
  CHECK(read_all(top / "log.csv") == "epoch,loss\n");
  CHECK(read_all(top / "run.json").starts_with("{"));
}

TEST_CASE("with --force a log that cannot be put in place of the old one leaves the old one") {
  const TemporaryFolder top;
  write_all(top / "log.csv", "old log");
  FailingDisk disk;
  disk.rename_fails = true;
  {
    RunFolder folder(disk, settings_for(top.path(), true), tables);
    CHECK_THROWS_AS(folder.begin({}), quench::Error);
  }
  CHECK(read_all(top / "log.csv") == "old log");
  CHECK_FALSE(fs::exists(top / "run.json"));  // made by the run that did not begin
}

TEST_CASE("a folder in the place of a file is refused before anything is made") {
  const TemporaryFolder top;
  fs::create_directory(top / "run.json");
  CHECK(refusal(settings_for(top.path(), true)) ==
        (top / "run.json").string() + " cannot be replaced: it is a folder");
  CHECK(std::distance(fs::directory_iterator(top.path()), fs::directory_iterator()) == 1);
}
