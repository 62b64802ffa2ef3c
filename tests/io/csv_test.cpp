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

namespace {

/// One file in memory, on a disk that is full when told so.
class SmallDisk final : public Files {
 public:
  bool full = false;
  std::string contents;

  std::error_code replace(const std::filesystem::path&, std::string_view bytes) override {
    if (full) return std::make_error_code(std::errc::no_space_on_device);
    contents = bytes;
    return {};
  }
  std::error_code append(const std::filesystem::path&, std::uint64_t size, std::string_view bytes) override {
    if (full) {
      // Some of it fits: what a real disk may leave behind when even cutting fails.
      contents = contents.substr(0, size) + std::string(bytes.substr(0, bytes.size() / 2));
      return std::make_error_code(std::errc::no_space_on_device);
    }
    REQUIRE(contents.size() >= size);
    contents = contents.substr(0, size) + std::string(bytes);
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

TEST_CASE("a table replaces what the file held") {
  const TemporaryFolder folder;
  write_all(folder / "log.csv", "a longer text that was there before\n");
  const CsvTable table(disk(), folder / "log.csv", columns);
  CHECK(read_all(folder / "log.csv") == "epoch,loss\n");
}

TEST_CASE("rows that find the disk full are kept and written in order when there is room again") {
  SmallDisk small;
  CsvTable table(small, "log.csv", columns);
  CHECK_FALSE(table.add(Cells{"1", "a"}));
  small.full = true;
  CHECK(table.add(Cells{"2", "b"}) == std::errc::no_space_on_device);
  CHECK(table.add(Cells{"3", "c"}) == std::errc::no_space_on_device);
  CHECK(table.pending_rows() == 2);
  CHECK(table.flush() == std::errc::no_space_on_device);
  small.full = false;
  CHECK_FALSE(table.add(Cells{"4", "d"}));
  CHECK(table.pending_rows() == 0);
  CHECK(small.contents == "epoch,loss\n1,a\n2,b\n3,c\n4,d\n");
}

TEST_CASE("flush writes pending rows once") {
  SmallDisk small;
  CsvTable table(small, "log.csv", columns);
  small.full = true;
  CHECK(table.add(Cells{"1", "a"}));
  small.full = false;
  CHECK_FALSE(table.flush());
  CHECK_FALSE(table.flush());
  CHECK(small.contents == "epoch,loss\n1,a\n");
}

TEST_CASE("a table whose header cannot be written is refused with the file and the reason") {
  SmallDisk small;
  small.full = true;
  CHECK_THROWS_WITH_AS(CsvTable(small, "runs/x/log.csv", columns),
                       "runs/x/log.csv cannot be written: No space left on device", quench::Error);
}

TEST_CASE("a row with another number of cells than columns is refused") {
  SmallDisk small;
  CsvTable table(small, "log.csv", columns);
  CHECK_THROWS_WITH_AS(table.add(Cells{"1"}), "log.csv: a row has 1 cells, expected 2", quench::Error);
  CHECK(small.contents == "epoch,loss\n");
}
