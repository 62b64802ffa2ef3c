#include "io/json_value.h"

#include <doctest/doctest.h>

#include <string>

#include "io/json.h"
#include "quench/error.h"

namespace {

using quench::Error;
using quench::io::JsonValue;
using quench::io::parse_json;

TEST_SUITE("JSON") {
  TEST_CASE("values read back as they were written") {
    quench::io::JsonWriter json;
    json.begin_object();
    json.key("text").string("a \"quote\", \\, \n, \x01 and \xc3\xa9");
    json.key("numbers").begin_array().number(0.1).number(std::int64_t{-3}).null().end_array();
    json.key("yes").boolean(true);
    json.end_object();
    const JsonValue value = parse_json(json.text());
    CHECK(value.find("text")->text == "a \"quote\", \\, \n, \x01 and \xc3\xa9");
    CHECK(value.find("numbers")->items[0].number() == 0.1);
    CHECK(value.find("numbers")->items[1].text == "-3");
    CHECK(value.find("numbers")->items[2].kind == JsonValue::Kind::null);
    CHECK(value.find("yes")->boolean);
    CHECK(value.find("no") == nullptr);
    CHECK(value.find("text")->find("x") == nullptr);
    CHECK_FALSE(value.find("text")->number());
  }

  TEST_CASE("escapes become UTF-8") {
    CHECK(parse_json(R"("\u0041\u00e9\u20ac\ud83d\ude00\/\t")").text == "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\t");
  }

  TEST_CASE("what is not JSON is refused with the place") {
    for (const char* bad : {"",
                            " ",
                            "{",
                            "[1,]",
                            "[1 2]",
                            "{\"a\" 1}",
                            "{\"a\":1,}",
                            "{a:1}",
                            "{\"a\":1,\"a\":2}",
                            "01",
                            "-",
                            "1.",
                            "1e",
                            "+1",
                            ".5",
                            "nul",
                            "\"",
                            "\"\n\"",
                            "\"\\x\"",
                            "\"\\u12g4\"",
                            "\"\\ud800\"",
                            "\"\\udc00\"",
                            "\"\\ud800\\u0041\"",
                            "1 2",
                            "[1]]",
                            "'a'"}) {
      CAPTURE(bad);
      CHECK_THROWS_WITH_AS(parse_json(bad), doctest::Contains("JSON, byte "), Error);
    }
    CHECK(parse_json(std::string(60, '[') + std::string(60, ']')).kind == JsonValue::Kind::array);
    CHECK_THROWS_AS(parse_json(std::string(100000, '[')), Error);
    CHECK_THROWS_AS(parse_json(std::string("\"a\0b\"", 5)), Error);
  }
}

}  // namespace
