#include "io/json.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>

using namespace quench::io;

TEST_CASE("strings escape what JSON cannot hold") {
  CHECK(json_string("plain") == "\"plain\"");
  CHECK(json_string("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(json_string("line\nbreak\r\ttab") == "\"line\\nbreak\\r\\ttab\"");
  CHECK(json_string(std::string("\0\x1f", 2)) == "\"\\u0000\\u001f\"");
  CHECK(json_string("\x7f") == "\"\x7f\"");
}

TEST_CASE("UTF-8 passes, bytes that are none become the replacement character") {
  CHECK(json_string("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") == "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
  CHECK(json_string("\xff") == "\"\\ufffd\"");
  CHECK(json_string("a\x80z") == "\"a\\ufffdz\"");
  CHECK(json_string("\xc3") == "\"\\ufffd\"");                        // cut off
  CHECK(json_string("\xc0\xaf") == "\"\\ufffd\\ufffd\"");             // overlong
  CHECK(json_string("\xe0\x80\xaf") == "\"\\ufffd\\ufffd\\ufffd\"");  // overlong
  CHECK(json_string("\xed\xa0\x80") == "\"\\ufffd\\ufffd\\ufffd\"");  // a surrogate
  CHECK(json_string("\xf4\x90\x80\x80") == "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
  CHECK(json_string("\xe2\x82z") == "\"\\ufffd\\ufffdz\"");
}

TEST_CASE("objects and arrays nest with commas and indentation") {
  JsonWriter json;
  json.begin_object();
  json.key("name").string("x");
  json.key("list").begin_array().number(1).number(std::uint64_t{2}).boolean(true).null().end_array();
  json.key("none").begin_array().end_array();
  json.key("inner").begin_object().key("a").number(0.1).key("b").boolean(false).end_object();
  json.end_object();
  CHECK(json.text() ==
        "{\n"
        "  \"name\": \"x\",\n"
        "  \"list\": [\n    1,\n    2,\n    true,\n    null\n  ],\n"
        "  \"none\": [],\n"
        "  \"inner\": {\n    \"a\": 0.1,\n    \"b\": false\n  }\n"
        "}\n");
}

TEST_CASE("numbers that JSON has not become null") {
  JsonWriter json;
  json.begin_array();
  json.number(std::numeric_limits<double>::quiet_NaN());
  json.number(std::numeric_limits<double>::infinity());
  json.number(1e-7);
  json.end_array();
  CHECK(json.text() == "[\n  null,\n  null,\n  1e-07\n]\n");
}
