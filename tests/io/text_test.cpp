#include "io/text.h"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("texts are put together as they are, empty ones and zeros too") {
  using quench::io::joined;
  CHECK(joined({}).empty());
  CHECK(joined({"a", "", std::string("b\0c", 3), std::string(100, 'x')}) ==
        std::string("ab\0c", 4) + std::string(100, 'x'));
}
