#include "io/safetensors.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/random.h"
#include "io/numbers.h"
#include "quench/error.h"

namespace {

using quench::Error;
using quench::Random;
using namespace quench::io;

/// A file made by hand: any header, any data.
std::string made(std::string_view header, std::string_view data = {}) {
  std::string file;
  for (unsigned i = 0; i < 8; ++i) file += static_cast<char>(std::uint64_t{header.size()} >> (8 * i) & 0xff);
  return file + std::string(header) + std::string(data);
}

/// The entry of a tensor of that shape and place, of 4-byte floats.
std::string entry(std::string_view name, std::string_view shape, std::string_view offsets) {
  return "\"" + std::string(name) + R"(":{"dtype":"F32","shape":)" + std::string(shape) + R"(,"data_offsets":)" +
         std::string(offsets) + "}";
}

void refused(const std::string& file, const char* why) {
  CAPTURE(file);
  CAPTURE(why);
  CHECK_THROWS_WITH_AS(parse_safetensors(file, "m.st"), doctest::Contains(why), Error);
  CHECK_THROWS_WITH_AS(parse_safetensors(file, "m.st"), doctest::Contains("m.st"), Error);
}

TEST_SUITE("safetensors") {
  TEST_CASE("a file is laid out as the format says") {
    const std::string data = "abcdefghij";
    const SafetensorsFile file{.metadata = {{"format", "pt"}},
                               .tensors = {{"a", Dtype::u8, {2, 1}, std::string_view(data).substr(0, 2)},
                                           {"b.weight", Dtype::f64, {}, std::string_view(data).substr(2)}}};
    std::string header = R"({"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]},)"
                         R"("b.weight":{"dtype":"F64","shape":[],"data_offsets":[2,10]}})";
    header.append((8 - header.size() % 8) % 8, ' ');
    CHECK(safetensors_bytes(file) == made(header, data));
  }

  TEST_CASE("what was written reads back, of every type, whatever is in a name") {
    const std::string data(1000, '\x2a');
    std::string_view rest = data;
    SafetensorsFile file{.metadata = {{"a \"quote\"", "\\ \n \xc3\xa9"}, {"", ""}, {"__metadata__", "x"}},
                         .tensors = {}};
    for (int i = 0; i <= static_cast<int>(Dtype::f64); ++i) {
      const auto dtype = static_cast<Dtype>(i);
      const auto size = static_cast<std::size_t>(6 * dtype_bytes(dtype));
      file.tensors.push_back({"t\x01\xe2\x82\xac" + to_text(i), dtype, {3, 1, 2}, rest.substr(0, size)});
      rest.remove_prefix(size);
    }
    file.tensors.push_back({"", Dtype::f32, {0, 7}, {}});
    const std::string bytes = safetensors_bytes(file);
    const SafetensorsFile read = parse_safetensors(bytes, "m.st");
    CHECK(read.metadata == file.metadata);
    REQUIRE(read.tensors.size() == file.tensors.size());
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
      CAPTURE(i);
      CHECK(read.tensors[i].name == file.tensors[i].name);
      CHECK(read.tensors[i].dtype == file.tensors[i].dtype);
      CHECK(read.tensors[i].shape == file.tensors[i].shape);
      CHECK(read.tensors[i].bytes == file.tensors[i].bytes);
    }
    CHECK(read.tensors[0].bytes.data() > bytes.data());
    CHECK((read.tensors[0].bytes.data() - bytes.data()) % 8 == 0);
    CHECK(read.find("t\x01\xe2\x82\xac"
                    "9") == &read.tensors[9]);
    CHECK(read.find("t") == nullptr);
    CHECK(*read.find_metadata("") == "");
    CHECK(read.find_metadata("format") == nullptr);
  }

  TEST_CASE("tensors come in the order of their data, those without any in their place") {
    const std::string file = made("{" + entry("c", "[1]", "[4,8]") + "," + entry("e", "[0]", "[4,4]") + "," +
                                      entry("a", "[]", "[0,4]") + "}  ",
                                  "12345678");
    const SafetensorsFile read = parse_safetensors(file, "m.st");
    REQUIRE(read.tensors.size() == 3);
    CHECK(read.tensors[0].name == "a");
    CHECK(read.tensors[0].bytes == "1234");
    CHECK(read.tensors[1].name == "e");
    CHECK(read.tensors[2].bytes == "5678");
    CHECK(parse_safetensors(made("{}"), "m.st").tensors.empty());
  }

  TEST_CASE("a wrong length of the header is refused") {
    refused("",
            "m.st has 0 bytes, expected a safetensors file, which begins with the 8 bytes of its header's length");
    refused("1234567", "m.st has 7 bytes");
    refused(made(""), "claims a header of 0 bytes, expected 2 to");
    refused(made("{}").substr(0, 9), "claims a header of 2 bytes");
    refused(made("{").append(" "), "claims a header of 1 bytes");
    refused("<!DOCTYPE html>", "claims a header of 5789751444030890300 bytes, expected 2 to 7, those that follow");
    refused(std::string(8, '\xff') + "{}", "claims a header of 18446744073709551615 bytes");
    refused(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8) + std::string(100'000'001, ' '),
            "claims a header of 100000001 bytes, expected 2 to 100000000");
  }

  TEST_CASE("a header that is not an object of JSON is refused") {
    refused(made(" {}"), "the header begins with byte 32, expected 123, which is {");
    refused(made("[]"), "begins with byte 91");
    refused(made("{}\n"), "the header ends with byte 10, expected 125, which is }, and spaces");
    refused(made("{} {}"), "the header is wrong: JSON, byte 3: expected the end");
    refused(made("{a}"), "the header is wrong: JSON, byte 1");
    refused(made("{\"\xff\":{}}"), "the header is not UTF-8");
    refused(made("{" + entry("a", "[]", "[0,4]") + "," + entry("a", "[]", "[0,4]") + "}", "1234"),
            "the name \"a\" stands twice");
    std::string many = "{\"a\":[";
    for (int i = 0; i < 1'000'000; ++i) many += "1,";
    refused(made(many + "1]}"), "more values than may be read");
  }

  TEST_CASE("the metadata are texts") {
    refused(made(R"({"__metadata__":null})"), "__metadata__ is null, expected an object");
    refused(made(R"({"__metadata__":["a"]})"), "__metadata__ is an array of 1, expected an object");
    refused(made(R"({"__metadata__":{"a":1}})"), "__metadata__, \"a\" is 1, expected a string");
    refused(made(R"({"__metadata__":{"a":{}}})"), "__metadata__, \"a\" is an object of 0, expected a string");
    refused(made(R"({"__metadata__":{"a":"","a":""}})"), "stands twice");
  }

  TEST_CASE("a wrong entry is refused, with the tensor's name") {
    const auto with = [](std::string_view members, std::string_view data = "1234") {
      return made(R"({"fc1.bias":{)" + std::string(members) + "}}", data);
    };
    CHECK(parse_safetensors(with(R"("shape":[1],"data_offsets":[0,4],"dtype":"F32")"), "m.st").tensors.size() == 1);
    refused(made(R"({"fc1.bias":[]})"), "tensor \"fc1.bias\" is an array of 0, expected an object");
    refused(with(R"("shape":[1],"data_offsets":[0,4])"),
            "tensor \"fc1.bias\": dtype is missing, expected a string");
    refused(with(R"("dtype":"F32","data_offsets":[0,4])"), "shape is missing, expected an array");
    refused(with(R"("dtype":"F32","shape":[1])"), "data_offsets is missing, expected an array of 2");
    refused(with(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1)"),
            "has the member \"x\", expected dtype, shape and data_offsets only");
    refused(with(R"("dtype":3,"shape":[1],"data_offsets":[0,4])"), "dtype is 3, expected a string");
    refused(with(R"("dtype":"f32","shape":[1],"data_offsets":[0,4])"),
            "dtype is \"f32\", expected one of BOOL, U8");
    refused(with(R"("dtype":"F32","shape":1,"data_offsets":[0,4])"), "shape is 1, expected an array");
    for (const char* extent : {"-1", "-0", "1.0", "1e0", "\"1\"", "null", "[1]", "9223372036854775808"}) {
      refused(with(std::string(R"("dtype":"F32","shape":[)") + extent + R"(],"data_offsets":[0,4])"), "shape has ");
    }
    refused(with(R"("dtype":"F32","shape":[1],"data_offsets":[0])"),
            "data_offsets is an array of 1, expected an array of 2");
    refused(with(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,8])"), "data_offsets is an array of 3");
    refused(with(R"("dtype":"F32","shape":[1],"data_offsets":[-4,0])"),
            "data_offsets has -4, expected whole numbers");
    refused(with(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"),
            "data_offsets are 4 and 0, expected the first at most");
    refused(with(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"),
            "that at most 4, the bytes of data in the file");
    refused(with(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
            "has 4 bytes, expected 8 for shape [2] of F32");
    refused(with(R"("dtype":"F16","shape":[1],"data_offsets":[0,4])"), "expected 2 for shape [1] of F16");
    refused(with(R"("dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4])"),
            "more than fit in 63 bits");
    refused(with(R"("dtype":"F64","shape":[2305843009213693953],"data_offsets":[0,4])"),
            "more than fit in 63 bits");
  }

  TEST_CASE("tensors cover the data, without a hole, an overlap or anything after them") {
    const auto two = [](std::string_view first, std::string_view second, std::size_t bytes) {
      return made("{" + entry("a", "[1]", first) + "," + entry("b", "[1]", second) + "}", std::string(bytes, 'x'));
    };
    CHECK(parse_safetensors(two("[4,8]", "[0,4]", 8), "m.st").tensors[0].name == "b");
    refused(two("[0,4]", "[5,9]", 9),
            "tensor \"b\" leaves a hole after what is before it: it begins at byte 5 of the data, expected 4, the "
            "end of \"a\"");
    refused(two("[0,4]", "[3,7]", 7), "tensor \"b\" overlaps what is before it: it begins at byte 3");
    refused(two("[0,4]", "[0,4]", 4), "overlaps");
    refused(two("[1,5]", "[5,9]", 9),
            "tensor \"a\" leaves a hole after what is before it: it begins at byte 1 of the data, expected 0, the "
            "end of the beginning");
    refused(two("[0,4]", "[4,8]", 9), "m.st has 9 bytes of data, expected 8, those of its tensors");
    refused(made("{" + entry("a", "[1]", "[0,4]") + "," + entry("e", "[0]", "[2,2]") + "}", "1234"), "overlaps");
    refused(made("{}", "1"), "has 1 bytes of data, expected 0");
  }

  TEST_CASE("what could not be read again is not written") {
    const auto writes = [](std::vector<SafetensorsEntry> tensors, const char* why) {
      CAPTURE(why);
      CHECK_THROWS_WITH_AS(safetensors_bytes({.metadata = {}, .tensors = std::move(tensors)}),
                           doctest::Contains(why), Error);
    };
    writes({{"a", Dtype::f32, {1}, "123"}},
           "safetensors: tensor \"a\" has 3 bytes, expected 4 for shape [1] of F32");
    writes({{"a", Dtype::u8, {-1, -3}, "123"}}, "shape has -1, expected whole numbers");
    writes({{"a", Dtype::u8, {1}, "1"}, {"a", Dtype::u8, {1}, "1"}}, "the name \"a\" stands twice");
    writes({{"\xff", Dtype::u8, {1}, "1"}}, "is not UTF-8");
    writes({{"__metadata__", Dtype::u8, {1}, "1"}}, "__metadata__");
    CHECK_THROWS_AS(safetensors_bytes({.metadata = {{"a", ""}, {"a", ""}}, .tensors = {}}), Error);
    CHECK_THROWS_AS(safetensors_bytes({.metadata = {{"a", "\xc0\x80"}}, .tensors = {}}), Error);
    writes({{"a", Dtype::u8, std::vector<std::int64_t>(1'000'000, 1), "1"}}, "more values than may be read");
  }
}

/// All that a parsed file promises, by other means than those of the parser.
void check_consistent(const SafetensorsFile& file, const std::string& bytes) {
  const char* at = bytes.data() + bytes.size();
  for (auto tensor = file.tensors.rbegin(); tensor != file.tensors.rend(); ++tensor) {
    at -= tensor->bytes.size();
    REQUIRE(tensor->bytes.data() == at);
    std::uint64_t values = 1;
    for (const std::int64_t extent : tensor->shape) {
      REQUIRE(extent >= 0);
      values *= static_cast<std::uint64_t>(extent);
    }
    REQUIRE(values * static_cast<std::uint64_t>(dtype_bytes(tensor->dtype)) == tensor->bytes.size());
    REQUIRE(file.find(tensor->name) == &*tensor);
  }
  REQUIRE(at >= bytes.data() + 8);
}

TEST_CASE("safetensors: twenty thousand damaged files are refused or make sense") {
  Random random(1, quench::Stream::shuffle, 6);
  const auto below = [&](std::size_t n) {
    return static_cast<std::size_t>(random.below(static_cast<std::uint32_t>(n)));
  };
  const std::string data(64, 'x');
  const std::string_view view = data;
  const std::string seeds[] = {
      safetensors_bytes({.metadata = {{"dataset", "mnist"}, {"model", "mlp"}},
                         .tensors = {{"fc1.weight", Dtype::f32, {2, 3}, view.substr(0, 24)},
                                     {"fc1.bias", Dtype::f32, {2}, view.substr(0, 8)}}}),
      safetensors_bytes({.metadata = {},
                         .tensors = {{"a", Dtype::f64, {}, view.substr(0, 8)},
                                     {"b", Dtype::bf16, {0, 3}, {}},
                                     {"c", Dtype::u8, {1, 5}, view.substr(0, 5)},
                                     {"d", Dtype::boolean, {3}, view.substr(0, 3)}}}),
      made("{" + entry("c", "[1]", "[4,8]") + "," + entry("a", "[]", "[0,4]") + "}", "12345678")};
  constexpr std::string_view words[] = {"0", "1",   "4", "8",   "-1",  "9223372036854775807",
                                        "{", "}",   "[", "]",   "\"",  ",",
                                        ":", "\\u", " ", "F16", "BOOL"};
  int read = 0, refusals = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string file = seeds[below(std::size(seeds))];
    for (std::size_t damage = below(3) + 1; damage-- > 0 && !file.empty();) {
      const std::size_t at = below(file.size()), length = below(8) + 1;
      switch (below(7)) {
        case 0:
          file[at] = static_cast<char>(file[at] ^ (1 << below(8)));
          break;
        case 1:
          file.resize(at);
          break;
        case 2:
          file.insert(at, 1, static_cast<char>(below(256)));
          break;
        case 3:
          file.erase(at, length);
          break;
        case 4:  // two places change their contents, such as two offsets
          std::swap(file[at], file[below(file.size())]);
          break;
        case 5:
          file.replace(at, below(3), words[below(std::size(words))]);
          break;
        default:  // a piece of it once more
          file.insert(below(file.size()), file.substr(at, length));
          break;
      }
    }
    // The length is that of the header again, so that the damage is looked at behind it too.
    if (const std::size_t end = file.rfind('}'); end != std::string::npos && end >= 8 && below(4) > 0) {
      std::size_t length = end + 1 - 8;
      while (8 + length < file.size() && file[8 + length] == ' ') ++length;
      file.replace(0, 8, made(std::string(length, ' ')).substr(0, 8));
    }
    try {
      check_consistent(parse_safetensors(file, "m.st"), file);
      ++read;
    } catch (const Error& error) {
      REQUIRE(std::string_view(error.what()).starts_with("m.st"));
      ++refusals;
    }
  }
  // Both happen often enough to mean something.
  CHECK(read > 300);
  CHECK(refusals > 10000);
}

}  // namespace
