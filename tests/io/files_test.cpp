#include "io/files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>
#include <thread>

#include "temporary_folder.h"

using namespace quench::io;
using namespace quench::test;
namespace fs = std::filesystem;

namespace {

std::ptrdiff_t entries(const TemporaryFolder& folder) {
  return std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator());
}

}  // namespace

TEST_CASE("replace makes a file, replaces it, and leaves nothing beside it") {
  const TemporaryFolder folder;
  CHECK_FALSE(disk().replace(folder / "a.json", "first, and longer"));
  CHECK_FALSE(disk().replace(folder / "a.json", "second"));
  CHECK(read_all(folder / "a.json") == "second");
  CHECK(entries(folder) == 1);
}

TEST_CASE("replace that fails leaves the old contents and nothing beside them") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "a.json" / "inside");  // a rename onto a folder fails
  const std::error_code error = disk().replace(folder / "a.json", "new");
  CHECK(error);
  CHECK(fs::is_directory(folder / "a.json" / "inside"));
  CHECK(entries(folder) == 1);
}

TEST_CASE("the name beside a file is another one in each process") {
  CHECK(partial_name("a/b.json") == "a/b.json." + std::to_string(::getpid()) + ".partial");
}

TEST_CASE("replace below a regular file is refused") {
  const TemporaryFolder folder;
  write_all(folder / "file", "x");
  CHECK(disk().replace(folder / "file" / "a.json", "new") == std::errc::not_a_directory);
}

TEST_CASE("create makes a file once and leaves what is there") {
  const TemporaryFolder folder;
  CHECK_FALSE(disk().create(folder / "log", "mine\n"));
  CHECK(disk().create(folder / "log", "yours\n") == std::errc::file_exists);
  CHECK(read_all(folder / "log") == "mine\n");
  fs::create_symlink("nowhere", folder / "link");
  CHECK(disk().create(folder / "link", "yours\n") == std::errc::file_exists);
}

TEST_CASE("rename replaces what has the name") {
  const TemporaryFolder folder;
  write_all(folder / "old", "old");
  write_all(folder / "new", "new");
  CHECK_FALSE(disk().rename(folder / "new", folder / "old"));
  CHECK(read_all(folder / "old") == "new");
  CHECK_FALSE(fs::exists(folder / "new"));
}

TEST_CASE("append adds to a file of the size that it should have") {
  const TemporaryFolder folder;
  write_all(folder / "log", "one\n");
  const Written added = disk().append(folder / "log", 4, "two\n");
  CHECK_FALSE(added.error);
  CHECK(added.bytes == 4);
  CHECK(read_all(folder / "log") == "one\ntwo\n");
}

TEST_CASE("append leaves alone what is gone, shorter, longer or no regular file, and says which") {
  const TemporaryFolder folder;
  CHECK(disk().append(folder / "gone", 4, "two\n").error == std::errc::no_such_file_or_directory);
  CHECK_FALSE(fs::exists(folder / "gone"));
  write_all(folder / "log", "one\n");
  const Written shorter = disk().append(folder / "log", 5, "two\n");
  CHECK(shorter.error == FileError::shorter);
  CHECK(shorter.error.message() == "it is shorter than what was written");
  CHECK(shorter.bytes == 0);
  const Written longer = disk().append(folder / "log", 3, "two\n");
  CHECK(longer.error == FileError::longer);
  CHECK(longer.error.message() == "it is longer than what was written, something else writes to it");
  CHECK(read_all(folder / "log") == "one\n");
  CHECK(disk().append("/dev/null", 0, "x").error == FileError::irregular);
  CHECK(FileError::irregular == disk().cut("/dev/null", 0, 0));
  CHECK(make_error_code(FileError::irregular).message() == "it is not a regular file");
}

TEST_CASE("a pipe in the place of a file is refused at once, with a reader or without") {
  const TemporaryFolder folder;
  const fs::path pipe = folder / "log";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(disk().append(pipe, 0, "x").error == std::errc::no_such_device_or_address);
  const Descriptor reader(pipe, O_RDONLY | O_NONBLOCK);
  REQUIRE(reader.get() >= 0);
  CHECK(disk().append(pipe, 0, "x").error == FileError::irregular);
  CHECK(disk().create(pipe, "x") == std::errc::file_exists);
}

TEST_CASE("cut shortens a file of the size that it may have") {
  const TemporaryFolder folder;
  write_all(folder / "log", "one\ntw");
  CHECK(disk().cut(folder / "log", 5, 4) == FileError::longer);
  CHECK(disk().cut(folder / "log", 9, 8) == FileError::shorter);
  CHECK(read_all(folder / "log") == "one\ntw");
  CHECK_FALSE(disk().cut(folder / "log", 6, 4));
  CHECK(read_all(folder / "log") == "one\n");
}

TEST_CASE("what can be written is found out without a trace") {
  const TemporaryFolder folder;
  CHECK_FALSE(check_writable(folder / "new"));
  CHECK_FALSE(fs::exists(folder / "new"));
  write_all(folder / "file", "x");
  CHECK_FALSE(check_writable(folder / "file"));
  CHECK(read_all(folder / "file") == "x");
  CHECK(check_writable(folder / "gone" / "new") == std::errc::no_such_file_or_directory);
  CHECK(check_writable(folder / "file" / "new") == std::errc::not_a_directory);
  CHECK(check_writable(folder.path()) == std::errc::is_a_directory);
}

TEST_CASE("a device that is full is reported as such, with what was written") {
  if (!fs::exists("/dev/full")) return;
  const Descriptor full("/dev/full", O_WRONLY);
  const Written written = write_all(full.get(), "x");
  CHECK(written.error == std::errc::no_space_on_device);
  CHECK(written.bytes == 0);
}

TEST_CASE("a pipe that does not block is waited for") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  REQUIRE(::fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  const std::string text(1 << 20, 'x');  // more than a pipe holds
  std::size_t heard = 0;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t n = 1; n > 0; heard += static_cast<std::size_t>(n)) n = ::read(ends[0], buffer, sizeof buffer);
  });
  const Written written = write_all(ends[1], text);
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  CHECK_FALSE(written.error);
  CHECK(written.bytes == text.size());
  CHECK(heard == text.size());
}
