#include "io/files.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "temporary_folder.h"

using namespace quench::io;
namespace fs = std::filesystem;

TEST_CASE("replace makes a file, replaces it, and leaves nothing beside it") {
  const TemporaryFolder folder;
  CHECK_FALSE(disk().replace(folder / "a.json", "first, and longer"));
  CHECK_FALSE(disk().replace(folder / "a.json", "second"));
  CHECK(read_all(folder / "a.json") == "second");
  CHECK_FALSE(fs::exists(folder / "a.json.partial"));
}

TEST_CASE("replace that fails leaves the old contents and nothing beside them") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "a.json" / "inside");  // a rename onto a folder fails
  const std::error_code error = disk().replace(folder / "a.json", "new");
  CHECK(error);
  CHECK(fs::is_directory(folder / "a.json" / "inside"));
  CHECK_FALSE(fs::exists(folder / "a.json.partial"));
}

TEST_CASE("replace below a regular file is refused") {
  const TemporaryFolder folder;
  write_all(folder / "file", "x");
  CHECK(disk().replace(folder / "file" / "a.json", "new") == std::errc::not_a_directory);
}

TEST_CASE("append keeps the first bytes, cuts what follows them and adds") {
  const TemporaryFolder folder;
  CHECK_FALSE(disk().append(folder / "log", 0, "one\n"));
  CHECK_FALSE(disk().append(folder / "log", 4, "two\n"));
  CHECK(read_all(folder / "log") == "one\ntwo\n");
  CHECK_FALSE(disk().append(folder / "log", 4, "2\n"));
  CHECK(read_all(folder / "log") == "one\n2\n");
  CHECK_FALSE(disk().append(folder / "log", 0, "anew\n"));
  CHECK(read_all(folder / "log") == "anew\n");
}

TEST_CASE("append to a file that is gone or shorter than it should be is refused and makes nothing") {
  const TemporaryFolder folder;
  CHECK(disk().append(folder / "gone", 4, "two\n") == std::errc::no_such_file_or_directory);
  CHECK_FALSE(fs::exists(folder / "gone"));
  write_all(folder / "short", "one");
  CHECK(disk().append(folder / "short", 4, "two\n") == std::errc::io_error);
  CHECK(read_all(folder / "short") == "one");
}

TEST_CASE("a device that is full is reported as such") {
  if (!fs::exists("/dev/full")) return;
  CHECK(disk().append("/dev/full", 0, "x") == std::errc::no_space_on_device);
}
