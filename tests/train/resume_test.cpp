// What --resume refuses of a checkpoint whose files are whole: settings that no run has, a state that no run
// leaves.
#include "train/resume.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "archive_with.h"
#include "complaint.h"
#include "io/json_value.h"
#include "optim/three_tensors.h"
#include "quench/adam.h"
#include "quench/archive.h"
#include "train/options.h"
#include "train/run_record.h"

namespace {

using namespace quench;
using test::archive_with;
using test::complaint;
using train::RunRecord;

io::JsonValue& member(io::JsonValue& object, const std::string& name) {
  const auto at = std::find(object.keys.begin(), object.keys.end(), name);
  REQUIRE(at != object.keys.end());
  return object.items[static_cast<std::size_t>(at - object.keys.begin())];
}

/// What going on with a run of the default settings says when some of them are others: texts by name.
std::string with(const std::vector<std::pair<std::string, std::string>>& changes) {
  RunRecord record;
  record.settings.dataset = "mnist";
  record.settings.threads = 1;
  io::JsonValue document = io::parse_json(to_json(record));
  io::JsonValue& settings = member(document, "settings");
  for (const auto& [name, text] : changes) {
    io::JsonValue& value = member(settings, name);
    value.text = text;
    value.boolean = text == "yes";
  }
  return complaint([&] { train::resumed_settings({}, document, "run.json"); });
}

/// What reading an archive says in which one entry is another.
template <typename Object, typename Value>
std::string with_entry(Object&& archive_object, const std::string& name, Value value) {
  Archive out;
  archive_object(out);
  Archive in(archive_with(out.entries(), name, value));
  return complaint([&] { archive_object(in); });
}

}  // namespace

TEST_SUITE("resume") {
  TEST_CASE("settings that the command line would refuse are refused in a record too") {
    CHECK(with({}) == "none");
    CHECK(with({{"optimizer", "adam"}, {"schedule", "constant"}}) == "none");
    const std::string start = "run.json has settings that no run has: ";
    CHECK(with({{"optimizer", "adam"}, {"schedule", "constant"}, {"theta-c", "yes"}}) ==
          start + "--theta-c: found with --optimizer adam, which has no such thing");
    CHECK(with({{"optimizer", "adam"}, {"schedule", "constant"}, {"fdr2-every", "1"}}) ==
          start + "--fdr2-every: found with --optimizer adam, which has no such thing");
    CHECK(with({{"schedule", "stages"}}) ==
          start + "--schedule: found \"stages\" without --stages, which say what they are");
    CHECK(with({{"stages", "0.1:100"}}) == start + "--schedule: found fdr with --stages, which take its place");
    CHECK(with({{"stages", "0.1:x"}, {"schedule", "stages"}}).starts_with(start + "--stages: found \"0.1:x\""));
    CHECK(with({{"checkpoint-every", "soon"}}).starts_with(start + "--checkpoint-every: found \"soon\""));
  }

  TEST_CASE("a record's state with a verdict or counts that there are not is refused") {
    RunRecord record;
    record.last_row.emplace();
    const auto object = [&](Archive& archive) { train::archive(archive, record); };
    CHECK(with_entry(object, "row.verdict", std::int64_t{4}) == "none");
    CHECK(with_entry(object, "row.verdict", std::int64_t{5}) == "state run.row.verdict: found 5");
    CHECK(with_entry(object, "row.verdict", std::int64_t{-1}) == "state run.row.verdict: found -1");
    // measured_epoch times the steps of an epoch is compared with steps_done.
    for (const char* name : {"measured_epoch", "steps_done", "epochs_done", "cuts"})
      CHECK(with_entry(object, name, std::numeric_limits<std::int64_t>::max())
                .starts_with("state " + std::string(name)));
  }

  TEST_CASE("Adam's steps are no more than can be counted") {
    quench_test::ThreeTensors model;
    Adam adam(model.parameters(), {.lr = 0.001F, .beta2 = 0.9999999F});
    const auto object = [&](Archive& archive) { adam.archive(archive); };
    CHECK(with_entry(object, "steps", std::int64_t{1000}) == "none");
    CHECK(adam.steps() == 1000);
    CHECK(with_entry(object, "steps", std::numeric_limits<std::int64_t>::max() / 2) ==
          "state steps: found 4611686018427387903, expected 0 .. 4294967296");
  }
}
