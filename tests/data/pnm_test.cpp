#include "data/pnm.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "quench/error.h"

using namespace quench;
using namespace std::string_literals;
using Bytes = std::vector<std::uint8_t>;

namespace {

void refused(const std::string& file, const char* why) {
  CAPTURE(file);
  CAPTURE(why);
  CHECK_THROWS_WITH_AS(parse_pnm(file, "a.pgm"), doctest::Contains(why), Error);
  CHECK_THROWS_WITH_AS(parse_pnm(file, "a.pgm"), doctest::Contains("a.pgm"), Error);
}

}  // namespace

TEST_SUITE("PGM and PPM") {
  TEST_CASE("grey, in bytes and in digits") {
    const Picture binary = parse_pnm("P5\n3 2\n255\n\x00\x01 \n\xff#"s, "a.pgm");
    CHECK(binary.channels == 1);
    CHECK(binary.width == 3);
    CHECK(binary.height == 2);
    CHECK(binary.pixels == Bytes{0, 1, 32, 10, 255, 35});
    const Picture plain = parse_pnm("P2 3 2 255 0 1 32\n10\t255 035 \n", "a.pgm");
    CHECK(plain.pixels == binary.pixels);
    CHECK(plain.width == 3);
    CHECK(parse_pnm("P2 1 1 255 7", "a.pgm").pixels == Bytes{7});
  }

  TEST_CASE("colour comes as planes") {
    const Bytes planes = {1, 4, 2, 5, 3, 6};
    const Picture picture = parse_pnm("P6 2 1 255\n\x01\x02\x03\x04\x05\x06"s, "a.ppm");
    CHECK(picture.channels == 3);
    CHECK(picture.pixels == planes);
    CHECK(parse_pnm("P3 2 1 255 1 2 3 4 5 6", "a.ppm").pixels == planes);
  }

  TEST_CASE("comments stand wherever blanks may") {
    CHECK(parse_pnm("P5#one\n# 2 3\n1 # two\r2#\n\n255\n\x05\x06"s, "a.pgm").pixels == Bytes{5, 6});
    CHECK(parse_pnm("P2\n1 2 # three\n255 # four\n5 # 7\n6 # end", "a.pgm").pixels == Bytes{5, 6});
    // After the largest sample there is one blank, and then pixels.
    CHECK(parse_pnm("P5 1 1 255 #"s, "a.pgm").pixels == Bytes{'#'});
  }

  TEST_CASE("other largest samples are scaled to bytes, rounded to nearest") {
    CHECK(parse_pnm("P5 3 1 1\n\x00\x01\x01"s, "a.pgm").pixels == Bytes{0, 255, 255});
    CHECK(parse_pnm("P2 4 1 15 0 1 8 15", "a.pgm").pixels == Bytes{0, 17, 136, 255});
    CHECK(parse_pnm("P5 3 1 65535\n\x00\x80\x80\x80\xff\xff"s, "a.pgm").pixels == Bytes{0, 128, 255});
    CHECK(parse_pnm("P2 3 1 65535 128 129 65535", "a.pgm").pixels == Bytes{0, 1, 255});
    CHECK(parse_pnm("P2 2 1 256 256 128", "a.pgm").pixels == Bytes{255, 128});
  }

  TEST_CASE("what is no such picture is refused") {
    refused("", "a.pgm begins with nothing, expected P2 or P5 (a PGM) or P3 or P6 (a PPM)");
    refused("\x89PNG\r\n", "a.pgm begins with \"\\ufffdP\", expected P2");
    refused("P4 1 1\n1", "begins with \"P4\"");
    refused("P", "begins with \"P\"");
    refused("P5", "found the end for the width, expected a number from 1 to 65535");
    refused("P53 2 255\n123456", "found \"3\" for the width");
    refused("P5 0 2 255\n", "found \"0\" for the width, expected a number from 1 to 65535");
    refused("P5 1 -2 255\n", "found \"-\" for the height");
    refused("P5 1 65536 255\n", "found \"65536\" for the height");
    refused("P5 1 99999999999999999999999 255\n", "found \"99999999999999999999\" for the height");
    refused("P5 1 1 0\n1", "found \"0\" for the largest sample, expected a number from 1 to 65535");
    refused("P5 1 1 65536\n11", "found \"65536\" for the largest sample");
    refused("P5 1 1 255", "found no blank after the largest sample, at byte 10");
    refused("P5 1 1 255#\n1", "found no blank");
  }

  TEST_CASE("a wrong number of samples, or a wrong one, is refused") {
    refused("P5 3 2 255\n12345", "ends too soon, expected 6 samples of a picture of 3 x 2");
    refused("P5 3 2 255\n1234567", "has 1 bytes after the picture, expected none");
    refused("P5 3 2 256\n12345678901", "ends too soon");
    refused("P6 65535 65535 255\n123", "ends too soon, expected 12884508675 samples");
    refused("P2 3 1 255 1 2", "ends too soon, expected 3 samples");
    refused("P2 2 1 255 111", "ends too soon, expected 2 samples");
    refused("P2 2 1 255 1 2 3", "has 1 bytes after the picture");
    refused("P2 2 1 255 1 x", "found \"x\" at byte 13, expected a sample in decimal digits");
    refused("P2 2 1 255 1 -2", "found \"-\" at byte 13");
    refused("P2 2 1 255 1 256", "found a sample above the largest, before byte 16, expected at most 255");
    refused("P2 2 1 255 1 99999999999999999", "found a sample above the largest");
    refused("P5 2 1 15\n\x0f\x10", "found a sample above the largest, before byte 12, expected at most 15");
  }
}

TEST_CASE("PGM and PPM: ten thousand damaged pictures are refused or make sense") {
  Random random(1, Stream::images, 6);
  const std::string seeds[] = {"P5\n# c\n3 2\n255\n123456", "P2 2 2 15\n1 2 3 4\n", "P6 1 2 65535\n123456789012",
                               "P3 2 1 255 1 2 3 4 5 6"};
  int read = 0;
  for (int round = 0; round < 10000; ++round) {
    std::string file = seeds[random.below(4)];
    for (std::uint32_t damage = random.below(3) + 1; damage-- > 0 && !file.empty();) {
      const std::size_t at = random.below(static_cast<std::uint32_t>(file.size()));
      switch (random.below(4)) {
        case 0:
          file[at] = static_cast<char>(file[at] ^ (1 << random.below(8)));
          break;
        case 1:
          file.erase(at, random.below(4) + 1);
          break;
        case 2:
          file.insert(at, 1, "0123456789# \n\xff"[random.below(14)]);
          break;
        default:
          file.resize(at);
          break;
      }
    }
    try {
      const Picture picture = parse_pnm(file, "a.pgm");
      REQUIRE(picture.pixels.size() == static_cast<std::size_t>(picture.channels) *
                                           static_cast<std::size_t>(picture.width) *
                                           static_cast<std::size_t>(picture.height));
      REQUIRE(picture.pixels.size() <= file.size());
      ++read;
    } catch (const Error& error) {
      REQUIRE(std::string_view(error.what()).starts_with("a.pgm"));
    }
  }
  CHECK(read > 300);
  CHECK(read < 9000);
}
