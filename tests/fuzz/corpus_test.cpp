// The fuzzers' targets without a fuzzer: their kept inputs again, and a few changes of valid ones.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "fuzz/memory.h"
#include "fuzz/target.h"
#include "instrumented.h"
#include "io/json_value.h"
#include "temporary_folder.h"

namespace {

using namespace quench::fuzz;
namespace fs = std::filesystem;

/// Where the inputs are that `make fuzz` has found worth keeping: beside this file.
fs::path corpus(const TargetKind& kind) { return fs::path(__FILE__).parent_path() / "corpus" / kind.name; }

Reached check(Target& target, const std::string& input) { return target.check(std::as_bytes(std::span(input))); }

/// Stands in for the fuzzer's own changes: some bytes are replaced, some go or come.
void change_bytes(std::string& text, std::size_t most, std::mt19937& engine) {
  const auto at = [&] { return engine() % (text.size() + 1); };
  switch (engine() % 3) {
    case 0:
      if (!text.empty()) text[engine() % text.size()] = static_cast<char>(engine());
      break;
    case 1:
      text.erase(at(), engine() % 8);
      break;
    default:
      if (text.size() < most) text.insert(at(), 1, static_cast<char>(engine()));
  }
}

}  // namespace

TEST_SUITE("fuzzing") {
  TEST_CASE("there is a target for each reader") {
    std::vector<std::string_view> names;
    for (const TargetKind& kind : target_kinds()) names.push_back(kind.name);
    std::sort(names.begin(), names.end());
    CHECK(names == std::vector<std::string_view>{"checkpoint", "cifar10", "idx", "safetensors"});
  }

  TEST_CASE("kept inputs do no harm") {
    for (const TargetKind& kind : target_kinds()) {
      CAPTURE(kind.name);
      const std::unique_ptr<Target> target = kind.make();
      int inputs = 0, past = 0;
      for (const fs::directory_entry& entry : fs::directory_iterator(corpus(kind))) {
        CAPTURE(entry.path().string());
        Reached reached = Reached::header;
        CHECK_NOTHROW(reached = check(*target, quench::test::read_all(entry.path())));
        ++inputs;
        past += reached != Reached::header;
      }
      CHECK(inputs >= 5);
      CHECK(past >= 3);
    }
  }

  TEST_CASE("valid inputs come past the header, and so do most changes of them") {
    for (const TargetKind& kind : target_kinds()) {
      CAPTURE(kind.name);
      const std::unique_ptr<Target> target = kind.make();
      const std::vector<std::string> seeds = target->seeds();
      REQUIRE(!seeds.empty());
      for (const std::string& seed : seeds) {
        CHECK(check(*target, seed) == Reached::accepted);
        CHECK(seed.size() <= kind.most_bytes);
      }
      std::mt19937 engine(1);
      const unsigned changes = quench_test::instrumented ? 100 : 300;
      unsigned past = 0;
      for (unsigned i = 0; i < changes; ++i) {
        std::string input = seeds[i % seeds.size()];
        Chance chance(i, [&](std::string& text, std::size_t most) { change_bytes(text, most, engine); });
        for (unsigned more = 0; more < 1 + i % 3; ++more) target->mutate(input, chance);
        CAPTURE(i);
        Reached reached = Reached::header;
        CHECK_NOTHROW(reached = check(*target, input));
        past += reached != Reached::header;
      }
      CHECK(past > changes * 3 / 10);
      CHECK(past < changes);
    }
  }

  TEST_CASE("the JSON that takes most memory stays below the bound" * doctest::skip(!MemoryWatch::available())) {
    const auto part_of_bound = [](const std::string& unit) {
      std::string text = "[";
      for (int i = 0; i < 20'000; ++i) text += (i > 0 ? "," : "") + unit;
      text += ']';
      const MemoryWatch memory;
      quench::io::parse_json(text);
      return static_cast<double>(memory.peak()) / static_cast<double>(quench::io::most_json_memory(text.size()));
    };
    // Many small values, each of which takes the same; where a vector has doubled, all of them twice.
    CHECK(part_of_bound("1") < 1);
    CHECK(part_of_bound("1") > 0.3);
    CHECK(part_of_bound("[1]") < 1);
    CHECK(part_of_bound("{\"\":0}") < 1);
    CHECK(part_of_bound("\"a string that is longer than others\"") < 1);
  }

  TEST_CASE("a reader that takes more than it states is caught" * doctest::skip(!MemoryWatch::available())) {
    const MemoryWatch memory;
    { const std::vector<char> block(1000); }
    const std::vector<char> smaller(500);
    CHECK(memory.peak() >= 1000);
    CHECK(memory.peak() < 1500);
    CHECK_NOTHROW(memory.expect_at_most(1500, "a test"));
    CHECK_THROWS_WITH_AS(memory.expect_at_most(999, "a test"),
                         doctest::Contains("a test took 1000 bytes, expected at most 999"), Broken);
  }
}
