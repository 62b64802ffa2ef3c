#include "io/csv_contents.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "io/csv.h"
#include "quench/error.h"

namespace {

using namespace quench;

TEST_SUITE("CSV") {
  TEST_CASE("cells read back as they were written, a torn last line is left out") {
    const std::vector<std::string> titles = {"a", "b"}, cells = {"1,5\n\"x\"", "2"};
    const io::CsvContents table = io::parse_csv(io::csv_line(titles) + io::csv_line(cells) + "3");
    CHECK(table.columns == titles);
    REQUIRE(table.rows.size() == 1);
    CHECK(table.rows[0] == cells);
  }

  TEST_CASE("columns as numbers, empty cells as unknown") {
    const io::CsvContents table = io::parse_csv("x,y\r\n1,\r\n2.5,nan\n");
    CHECK(table.numbers("x") == std::vector<double>{1, 2.5});
    CHECK(std::isnan(table.numbers("y")[0]));
    CHECK_THROWS_WITH_AS(table.numbers("z"), doctest::Contains("no column z"), Error);
    CHECK_THROWS_WITH_AS(io::parse_csv("x\none\n").numbers("x"), doctest::Contains("row 1, column x"), Error);
  }

  TEST_CASE("damage is named") {
    CHECK_THROWS_WITH_AS(io::parse_csv(""), doctest::Contains("names of the columns"), Error);
    CHECK_THROWS_WITH_AS(io::parse_csv("a,b\n1\n"), doctest::Contains("row 1 has 1 cells, expected 2"), Error);
    CHECK_THROWS_WITH_AS(io::parse_csv("a,b\n\"1,2\n"), doctest::Contains("quote"), Error);
  }
}

}  // namespace
