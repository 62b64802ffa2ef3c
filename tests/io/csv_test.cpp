#include "io/csv.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "quench/error.h"
#include "temporary_folder.h"

using namespace quench::io;
using namespace quench::test;

namespace {

/// One file in memory, on a disk with room for so many bytes.
class SmallDisk final : public Files {
 public:
  std::size_t room = 1000;
  bool can_cut = true;
  std::string contents;

  void fill() { room = contents.size(); }

  std::error_code create(const std::filesystem::path&, std::string_view bytes) override {
    if (bytes.size() > room) return std::make_error_code(std::errc::no_space_on_device);
    contents = bytes;
    return {};
  }
  std::error_code replace(const std::filesystem::path&, std::string_view) override {
    return std::make_error_code(std::errc::not_supported);
  }
  std::error_code write(const std::filesystem::path&, std::string_view) override {
    return std::make_error_code(std::errc::not_supported);
  }
  std::error_code sync(const std::filesystem::path&) override { return {}; }
  std::error_code make_folder(const std::filesystem::path&) override {
    return std::make_error_code(std::errc::not_supported);
  }
  std::error_code rename(const std::filesystem::path&, const std::filesystem::path&) override {
    return std::make_error_code(std::errc::not_supported);
  }
  Written append(const std::filesystem::path&, std::uint64_t size, std::string_view bytes) override {
    if (size != contents.size()) return {.error = size < contents.size() ? FileError::longer : FileError::shorter};
    const std::string_view fits = bytes.substr(0, room - contents.size());
    contents += fits;
    if (fits.size() == bytes.size()) return {.bytes = bytes.size()};
    return {.bytes = fits.size(), .error = std::make_error_code(std::errc::no_space_on_device)};
  }
  std::error_code cut(const std::filesystem::path&, std::uint64_t size, std::uint64_t keep) override {
    if (!can_cut) return std::make_error_code(std::errc::io_error);
    REQUIRE(size == contents.size());
    contents.resize(keep);
    return {};
  }
};

using Cells = std::vector<std::string>;
const Cells columns{"epoch", "loss"};

}  // namespace

TEST_CASE("cells with commas, quotes or line breaks are quoted, empty ones stay empty") {
  CHECK(csv_line(Cells{"1", "", "0.5"}) == "1,,0.5\n");
  CHECK(csv_line(Cells{"a,b", "say \"hi\"", "two\nlines"}) == "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\n");
}

TEST_CASE("a table is on disk row by row") {
  const TemporaryFolder folder;
  CsvTable table(disk(), folder / "log.csv", columns);
  CHECK(read_all(folder / "log.csv") == "epoch,loss\n");
  CHECK_FALSE(table.add(Cells{"1", "0.5"}));
  CHECK(read_all(folder / "log.csv") == "epoch,loss\n1,0.5\n");
  CHECK_FALSE(table.add(Cells{"2", "0.25"}));
  CHECK(read_all(folder / "log.csv") == "epoch,loss\n1,0.5\n2,0.25\n");
}

TEST_CASE("a table is not made where there is a file, and can take its name later") {
  const TemporaryFolder folder;
  write_all(folder / "log.csv", "what was there before\n");
  CHECK_THROWS_WITH_AS(CsvTable(disk(), folder / "log.csv", columns),
                       ((folder / "log.csv").string() + " cannot be written: File exists").c_str(), quench::Error);
  CHECK(read_all(folder / "log.csv") == "what was there before\n");
  CsvTable table(disk(), folder / "beside", columns);
  table.rename(folder / "log.csv");
  CHECK_FALSE(table.add(Cells{"1", "0.5"}));
  CHECK(read_all(folder / "log.csv") == "epoch,loss\n1,0.5\n");
  CHECK_FALSE(std::filesystem::exists(folder / "beside"));
  std::filesystem::create_directory(folder / "folder");
  CHECK_THROWS_AS(table.rename(folder / "folder"), quench::Error);
  CHECK(table.file() == folder / "log.csv");
}

TEST_CASE("rows that find the disk full are kept and written in order when there is room again") {
  SmallDisk small;
  CsvTable table(small, "log.csv", columns);
  CHECK_FALSE(table.add(Cells{"1", "a"}));
  small.fill();
  CHECK(table.add(Cells{"2", "b"}) == std::errc::no_space_on_device);
  CHECK(table.add(Cells{"3", "c"}) == std::errc::no_space_on_device);
  CHECK(table.pending_rows() == 2);
  CHECK(table.flush() == std::errc::no_space_on_device);
  small.room = 1000;
  CHECK_FALSE(table.add(Cells{"4", "d"}));
  CHECK(table.pending_rows() == 0);
  CHECK(small.contents == "epoch,loss\n1,a\n2,b\n3,c\n4,d\n");
}

TEST_CASE("of the rows that are kept as many whole ones are written as there is room for") {
  SmallDisk small;
  CsvTable table(small, "log.csv", columns);
  small.fill();
  for (const char* epoch : {"1", "2", "3"}) CHECK(table.add(Cells{epoch, "a"}));
  small.room += 4 + 4 + 2;
  CHECK(table.flush() == std::errc::no_space_on_device);
  CHECK(small.contents == "epoch,loss\n1,a\n2,a\n");
  CHECK(table.pending_rows() == 1);
}

TEST_CASE("what a failed write left is cut before the next row, be it much later") {
  SmallDisk small;
  CsvTable table(small, "log.csv", columns);
  small.can_cut = false;
  small.room = small.contents.size() + 2;
  CHECK(table.add(Cells{"1", "a"}) == std::errc::no_space_on_device);
  CHECK(small.contents == "epoch,loss\n1,");
  small.room = 1000;
  CHECK(table.flush() == std::errc::io_error);
  small.can_cut = true;
  CHECK_FALSE(table.flush());
  CHECK(small.contents == "epoch,loss\n1,a\n");
}

TEST_CASE("what somebody else adds is never cut") {
  SmallDisk small;
  CsvTable table(small, "log.csv", columns);
  small.contents += "a note";
  CHECK(table.add(Cells{"1", "a"}) == FileError::longer);
  CHECK(table.add(Cells{"2", "b"}) == FileError::longer);
  CHECK(small.contents == "epoch,loss\na note");
  CHECK(table.pending_rows() == 2);
}

TEST_CASE("flush writes pending rows once") {
  SmallDisk small;
  CsvTable table(small, "log.csv", columns);
  small.fill();
  CHECK(table.add(Cells{"1", "a"}));
  small.room = 1000;
  CHECK_FALSE(table.flush());
  CHECK_FALSE(table.flush());
  CHECK(small.contents == "epoch,loss\n1,a\n");
}

TEST_CASE("a table whose header cannot be written is refused with the file and the reason") {
  SmallDisk small;
  small.room = 5;
  CHECK_THROWS_WITH_AS(CsvTable(small, "runs/x/log.csv", columns),
                       "runs/x/log.csv cannot be written: No space left on device", quench::Error);
}

TEST_CASE("a row with another number of cells than columns is refused") {
  SmallDisk small;
  CsvTable table(small, "log.csv", columns);
  CHECK_THROWS_WITH_AS(table.add(Cells{"1"}), "log.csv: a row has 1 cells, expected 2", quench::Error);
  CHECK(small.contents == "epoch,loss\n");
}
