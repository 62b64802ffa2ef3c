// Which part of independent runs a process makes.
#include "train/paper/shard.h"

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>

#include "train/options.h"

namespace {

using namespace quench::train;
using Variables = std::map<std::string, std::string>;

ChosenShard choose(const std::optional<std::string>& option, const Variables& variables) {
  return choose_shard(option, [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string chosen(const std::optional<std::string>& option, const Variables& variables = {}) {
  const ChosenShard choice = choose(option, variables);
  return choice.shard ? to_text(*choice.shard) : "all";
}

std::string refusal(const std::optional<std::string>& option, const Variables& variables = {}) {
  try {
    return "accepted: " + chosen(option, variables);
  } catch (const UsageError& error) {
    return error.what();
  }
}

Variables slurm(const std::string& id, const std::string& count, const std::string& first) {
  return {{"SLURM_ARRAY_TASK_ID", id}, {"SLURM_ARRAY_TASK_COUNT", count}, {"SLURM_ARRAY_TASK_MIN", first}};
}

}  // namespace

TEST_SUITE("shards") {
  TEST_CASE("every run is in exactly one shard, and none has two more than another") {
    for (std::int64_t count = 1; count <= 7; ++count) {
      for (std::size_t runs = 0; runs <= 20; ++runs) {
        std::size_t fewest = runs, most = 0;
        std::vector<int> owners(runs);
        for (std::int64_t index = 1; index <= count; ++index) {
          std::size_t own = 0;
          for (std::size_t at = 0; at < runs; ++at) {
            if (!Shard{index, count}.has(at)) continue;
            ++own;
            ++owners[at];
            CHECK(Shard{1, count}.owner(at) == index);
          }
          fewest = std::min(fewest, own);
          most = std::max(most, own);
        }
        CHECK(owners == std::vector<int>(runs, 1));
        CHECK(most - fewest <= 1);
      }
    }
  }

  TEST_CASE("the option alone") {
    CHECK(chosen({}) == "all");
    CHECK(chosen("2/4") == "2/4");
    CHECK(chosen("1/1") == "1/1");
    CHECK(choose("2/4", {}).note.empty());
    for (const char* bad : {"0/4", "5/4", "4", "", "/", "1/", "/0", "-1/4", "1/4/2", "a/b", "1 /4", "1/1000001"}) {
      CHECK(refusal(bad) == "--shard: found \"" + std::string(bad) +
                                "\", expected I/N with 1 <= I <= N <= 1000000, or /N where a scheduler says which");
    }
    CHECK(refusal("/4") ==
          "--shard: found \"/4\" and neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX in the "
          "environment, expected I/N");
  }

  TEST_CASE("an array task of Slurm: ids count from the smallest, in its steps") {
    CHECK(chosen({}, slurm("1", "4", "1")) == "1/4");
    CHECK(chosen({}, slurm("3", "4", "0")) == "4/4");
    CHECK(chosen({}, slurm("12", "3", "10")) == "3/3");
    Variables steps = slurm("7", "4", "1");
    steps["SLURM_ARRAY_TASK_STEP"] = "2";
    CHECK(chosen({}, steps) == "4/4");
    steps["SLURM_ARRAY_TASK_ID"] = "6";
    CHECK(refusal({}, steps) == "SLURM_ARRAY_TASK_ID: found \"6\", expected one that counts from 1 in steps of 2");
    CHECK(choose({}, slurm("12", "3", "10")).note ==
          "shard 3/3, from SLURM_ARRAY_TASK_ID, SLURM_ARRAY_TASK_MIN and SLURM_ARRAY_TASK_COUNT");
    // What --shard says goes first; a count of its own makes a task that is submitted again the same part.
    CHECK(chosen("1/9", slurm("2", "4", "1")) == "1/9");
    CHECK(chosen("/4", slurm("3", "1", "3")) == "3/4");
    CHECK(choose("/4", slurm("3", "1", "3")).note == "shard 3/4, from SLURM_ARRAY_TASK_ID");
  }

  TEST_CASE("a variable of Slurm that cannot be is named") {
    CHECK(refusal({}, slurm("5", "4", "1")) ==
          "SLURM_ARRAY_TASK_ID: found \"5\", expected a whole number from 1 to 4");
    CHECK(refusal({}, slurm("", "4", "1")) ==
          "SLURM_ARRAY_TASK_ID: found \"\", expected a whole number from 1 to 4");
    CHECK(refusal({}, slurm("2", "x", "1")) ==
          "SLURM_ARRAY_TASK_COUNT: found \"x\", expected a whole number from 1 to 1000000");
    CHECK(refusal({}, slurm("2", "4", "-1")) ==
          "SLURM_ARRAY_TASK_MIN: found \"-1\", expected a whole number from 0 to 1000000");
    CHECK(refusal({}, {{"SLURM_ARRAY_TASK_ID", "2"}}) ==
          "SLURM_ARRAY_TASK_COUNT: found nothing, expected a whole number from 1 to 1000000, or --shard /N");
    CHECK(refusal("/4", slurm("0", "4", "0")) ==
          "SLURM_ARRAY_TASK_ID: found \"0\", expected a whole number from 1 to 4");
  }

  TEST_CASE("a pod of Kubernetes counts from 0") {
    CHECK(chosen("/3", {{"JOB_COMPLETION_INDEX", "0"}}) == "1/3");
    CHECK(chosen("/3", {{"JOB_COMPLETION_INDEX", "2"}}) == "3/3");
    CHECK(chosen({}, {{"JOB_COMPLETION_INDEX", "1"}, {"JOB_COMPLETION_COUNT", "2"}}) == "2/2");
    CHECK(choose("/3", {{"JOB_COMPLETION_INDEX", "2"}}).note == "shard 3/3, from JOB_COMPLETION_INDEX");
    CHECK(refusal("/3", {{"JOB_COMPLETION_INDEX", "3"}}) ==
          "JOB_COMPLETION_INDEX: found \"3\", expected a whole number from 0 to 2");
    CHECK(refusal("/3", {{"JOB_COMPLETION_INDEX", "1.5"}}) ==
          "JOB_COMPLETION_INDEX: found \"1.5\", expected a whole number from 0 to 2");
    CHECK(refusal({}, {{"JOB_COMPLETION_INDEX", "1"}}) ==
          "JOB_COMPLETION_COUNT: found nothing, expected a whole number from 1 to 1000000, or --shard /N");
    CHECK(refusal({}, {{"JOB_COMPLETION_INDEX", "1"}, {"JOB_COMPLETION_COUNT", "0"}}) ==
          "JOB_COMPLETION_COUNT: found \"0\", expected a whole number from 1 to 1000000");
    // Slurm goes first.
    Variables both = slurm("1", "4", "1");
    both["JOB_COMPLETION_INDEX"] = "x";
    CHECK(chosen({}, both) == "1/4");
  }
}
