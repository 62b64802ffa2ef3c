#include "io/numbers.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>

using namespace quench::io;

TEST_CASE("numbers are written in the shortest form that reads back as the same value") {
  CHECK(to_text(0.1) == "0.1");
  CHECK(to_text(0.1F) == "0.1");
  CHECK(to_text(1e30) == "1e+30");
  CHECK(to_text(1.0 / 3) == "0.3333333333333333");
  CHECK(to_text(1.0F / 3) == "0.33333334");
  CHECK(to_text(std::numeric_limits<double>::quiet_NaN()) == "nan");
  CHECK(to_text(-std::numeric_limits<double>::quiet_NaN()) == "nan");
  CHECK(to_text(-std::numeric_limits<double>::infinity()) == "-inf");
  CHECK(to_text(-7) == "-7");
  CHECK(to_text(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(to_text(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
}

TEST_CASE("a double survives the way to text and back bit for bit") {
  for (const double value : {0.1, 1e-300, 5e-324, 1.7976931348623157e308, 0.30000000000000004, -2.5}) {
    CHECK(parse_double(to_text(value)).value() == value);
  }
}

TEST_CASE("rounded numbers have the decimals asked for, huge ones fall back to the shortest form") {
  CHECK(fixed(0.31449, 4) == "0.3145");
  CHECK(fixed(2, 1) == "2.0");
  CHECK(fixed(-0.5, 2) == "-0.50");
  CHECK(fixed(1e300, 4) == "1e+300");
  CHECK(fixed(std::numeric_limits<double>::infinity(), 4) == "inf");
}

TEST_CASE("large counts get a comma every three digits") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(199210) == "199,210");
  CHECK(grouped(1234567890) == "1,234,567,890");
}

TEST_CASE("sizes of memory are given in the unit that leaves one to three digits before the point") {
  CHECK(byte_size(999) == "999 bytes");
  CHECK(byte_size(1000) == "1.0 kB");
  CHECK(byte_size(999949) == "999.9 kB");
  CHECK(byte_size(999951) == "1.0 MB");
  CHECK(byte_size(54950000) == "55.0 MB");
  CHECK(byte_size(std::numeric_limits<std::uint64_t>::max()) == "18.4 EB");
}

TEST_CASE("times are minutes and seconds, with hours when there are any, rounded up") {
  CHECK(clock_time(0) == "0:00");
  CHECK(clock_time(6.2) == "0:07");
  CHECK(clock_time(59.5) == "1:00");
  CHECK(clock_time(754) == "12:34");
  CHECK(clock_time(3723) == "1:02:03");
  CHECK(clock_time(-1) == "?");
  CHECK(clock_time(std::numeric_limits<double>::quiet_NaN()) == "?");
  CHECK(clock_time(std::numeric_limits<double>::infinity()) == "?");
}

TEST_CASE("a padded number has at least so many digits") {
  CHECK(padded(7, 2) == "07");
  CHECK(padded(0, 2) == "00");
  CHECK(padded(2026, 2) == "2026");
}

TEST_CASE("hexadecimal numbers have sixteen digits") {
  CHECK(hexadecimal(0) == "0000000000000000");
  CHECK(hexadecimal(0x0123456789abcdefU) == "0123456789abcdef");
}

TEST_CASE("only a text that is a number from its first to its last character is read as one") {
  CHECK(parse_double("0.25").value() == 0.25);
  CHECK(parse_double("1e-3").value() == 0.001);
  CHECK(parse_double("-.5").value() == -0.5);
  for (const char* bad :
       {"", " 1", "1 ", "+1", "1e", "1e+", "0x10", "1,5", "1.0.0", "1f", "--1", "e5", ".", "1e999"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_double(bad).has_value());
  }
  CHECK(std::isnan(parse_double("nan").value()));
  CHECK(std::isinf(parse_double("inf").value()));

  for (const char* number : {"0.25", "-.5", "1e999", "1e-999", "-1e999", "inf"}) CHECK(spells_number(number));
  for (const char* bad : {"", "1e", "1x", "1e999x", " 1"}) CHECK_FALSE(spells_number(bad));

  CHECK(parse_integer<std::int64_t>("-12").value() == -12);
  CHECK(parse_integer<std::uint64_t>("18446744073709551615").value() == std::numeric_limits<std::uint64_t>::max());
  for (const char* bad : {"", "1.0", "1e3", "+1", " 1", "1 ", "0x1", "18446744073709551616", "one", "-1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_integer<std::uint64_t>(bad).has_value());
  }
}
