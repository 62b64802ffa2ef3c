// The unit tests' entry point: doctest's own, after a line that says what they run on.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <exception>

#include "quench/system.h"

int main(int argc, char** argv) {
  try {
    std::printf("quench %s, instruction set %s, numeric class %s\n", quench::version(), quench::instruction_set(),
                quench::numeric_class());
    std::fflush(stdout);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return doctest::Context(argc, argv).run();
}
