// Runs of figures in folders, their own and those of other machines.
#include "train/paper/run_finder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "complaint.h"
#include "io/csv.h"
#include "quench/system.h"
#include "temporary_folder.h"
#include "train/datasets.h"
#include "train/landscape.h"
#include "train/run_record.h"

namespace {

using namespace quench;
using quench::test::complaint;
using quench::test::read_all;
using quench::test::TemporaryFolder;
using quench::test::write_all;
namespace fs = std::filesystem;

constexpr std::uint64_t the_data = 0xabc;

/// A chain of three stages.
train::PaperRun chain() {
  train::PaperRun run{
      .branch = nullptr, .name = "chain", .settings = train::standard_settings("mnist"), .start = "start"};
  run.settings.stages = "0.05:2,0.02:1,0.01:3";
  run.settings.schedule = "stages";
  run.settings.epochs = 6;
  return run;
}

/// stages.csv with the first four columns in these rows, and nothing in the others.
std::string stages_csv(std::string_view rows) {
  std::vector<std::string> columns = {"stage", "lr", "first_epoch", "last_epoch"};
  const std::size_t filled = columns.size();
  for (const std::string& column : train::stage_columns()) {
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) columns.push_back(column);
  }
  const std::string rest(columns.size() - filled, ',');
  std::string text = io::csv_line(columns);
  for (const char c : rows) {
    if (c == '\n') text += rest;
    text += c;
  }
  return text;
}

/// The folder of a run as ./train leaves it, with those parameters at its end.
fs::path make_run(const fs::path& folder, const train::PaperRun& run, std::uint64_t parameters = 7,
                  std::string_view status = "finished", std::uint64_t data = the_data) {
  fs::create_directories(folder);
  train::RunRecord record;
  record.settings = run.settings;
  record.status = status;
  record.data_checksum = data;
  record.parameter_checksum = parameters;
  std::string json = train::to_json(record);
  if (json.find("\"start\"") == std::string::npos && !run.start.empty())
    json.insert(json.find("\"settings\""), "\"start\": {\"file\": \"x\", \"checksum\": \"0000000000000005\"}, ");
  write_all(folder / "run.json", json);
  write_all(folder / "log.csv", "epoch,O_L\n1,1\n2,1\n3,1\n4,1\n5,1\n6,1\n");
  write_all(folder / "decisions.csv", "epoch,cut\n");
  write_all(folder / "stages.csv", stages_csv("1,0.05,1,2\n2,0.02,3,3\n3,0.01,4,6\n"));
  return folder;
}

/// Changes a file of a run.
void replace(const fs::path& file, const std::string& what, const std::string& by) {
  std::string text = read_all(file);
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  write_all(file, text.replace(at, what.size(), by));
}

std::string check(const fs::path& folder, const train::PaperRun& wanted, const fs::path& start) {
  return complaint([&] {
    const train::RunCurves run = train::read_run(folder);
    train::check_settings(folder, run, wanted);
    train::RunChecks({}).check(folder, run, wanted, start);
  });
}

train::PaperRun start_run() {
  train::PaperRun run{.branch = nullptr, .name = "start", .settings = train::standard_settings("mnist")};
  run.settings.epochs = 6;
  return run;
}

}  // namespace

TEST_SUITE("run finder") {
  TEST_CASE("a run is finished when it says so; one that others start from has its parameters there as well") {
    const TemporaryFolder top;
    CHECK_FALSE(train::is_finished(top / "run", false));
    make_run(top / "run", chain());
    CHECK(train::is_finished(top / "run", false));
    CHECK_FALSE(train::is_finished(top / "run", true));
    write_all(top / "run" / "model.safetensors", "x");
    CHECK(train::is_finished(top / "run", true));
    make_run(top / "run", chain(), 7, "interrupted");
    CHECK_FALSE(train::is_finished(top / "run", false));
  }

  TEST_CASE("the place where a run is finished is found, in whatever order places are given") {
    const TemporaryFolder top;
    const fs::path a = top / "a", b = top / "b", c = top / "c";
    make_run(a / "chain", chain(), 7, "running");
    make_run(b / "chain", chain());
    make_run(c / "chain", chain());
    CHECK(train::RunFinder({a, b, c}).find("chain") == b / "chain");
    CHECK(train::RunFinder({c, b, a}).find("chain") == b / "chain");
    CHECK(train::RunFinder({c, a}).find("chain") == c / "chain");
    CHECK_FALSE(train::RunFinder({a}).find("chain"));
    CHECK_FALSE(train::RunFinder({a, b, c}).find("other"));
  }

  TEST_CASE("a run that two places have with different results is refused, and both are named") {
    const TemporaryFolder top;
    const fs::path a = top / "a", b = top / "b";
    make_run(a / "chain", chain(), 7);
    make_run(b / "chain", chain(), 8);
    for (const auto& places : {std::vector{a, b}, std::vector{b, a}}) {
      CHECK(complaint([&] { train::RunFinder(places).find("chain"); }) ==
            (a / "chain").string() + " and " + (b / "chain").string() +
                " hold the same run with different results: found parameters of checksum 0000000000000007 and "
                "0000000000000008, expected equal ones");
    }
    make_run(b / "chain", chain(), 8, "running");
    CHECK(train::RunFinder({a, b}).find("chain") == a / "chain");
    make_run(b / "chain", chain(), 7);
    CHECK(train::RunFinder({a, b}).find("chain") == a / "chain");
    replace(b / "chain" / "stages.csv", "0.02", "0.03");
    CHECK(complaint([&] {
            train::RunFinder({a, b}).find("chain");
          }) ==
          (a / "chain").string() + " and " + (b / "chain").string() +
              " hold the same run with different results: found two kinds of stages.csv, expected equal ones");
    fs::remove(b / "chain" / "stages.csv");
    CHECK(complaint([&] {
            train::RunFinder({a, b}).find("chain");
          }).find("two kinds of stages.csv") != std::string::npos);
  }

  TEST_CASE("a run with other settings, on other data or from another start is refused") {
    const TemporaryFolder top;
    const train::PaperRun wanted = chain();
    const fs::path start = make_run(top / "start", start_run(), 5);
    const fs::path folder = make_run(top / "chain", wanted);
    CHECK(check(folder, wanted, start) == "none");
    const std::string begin = folder.string() + " holds a run with ";
    const std::string end = "; choose another --out, or remove it";

    train::PaperRun other = wanted;
    other.settings.stages = "0.05:2,0.02:1,0.01:4";
    CHECK(check(folder, other, start) ==
          begin + "stages 0.05:2,0.02:1,0.01:3, expected 0.05:2,0.02:1,0.01:4" + end);
    other = wanted;
    other.settings.sampling = "iid";
    CHECK(check(folder, other, start) == begin + "sampling shuffle, expected iid" + end);
    other = wanted;
    other.settings.fdr2_half = true;
    CHECK(check(folder, other, start) == begin + "fdr2-half no, expected yes" + end);

    const fs::path elsewhere = make_run(top / "elsewhere", start_run(), 6);
    CHECK(check(folder, wanted, elsewhere) ==
          begin + "a start from parameters of checksum 0000000000000005, expected 0000000000000006, those of " +
              elsewhere.string() + end);
    replace(folder / "run.json", "\"start\"", "\"begin\"");
    CHECK(check(folder, wanted, start).find("checksum none, expected 0000000000000005") != std::string::npos);
  }

  TEST_CASE("what results do not depend on may differ") {
    const TemporaryFolder top;
    const train::PaperRun wanted = chain();
    const fs::path start = make_run(top / "start", start_run(), 5);
    train::PaperRun made = wanted;
    made.settings.threads = 9;
    made.settings.out = "elsewhere";
    made.settings.init = "elsewhere/model.safetensors";
    made.settings.resume = "auto";
    made.settings.checkpoint_every = "7";
    made.settings.eval_every = 3;
    made.settings.eval_last = 2;
    CHECK(check(make_run(top / "chain", made), wanted, start) == "none");
  }

  TEST_CASE("a run that is older than an option has its default") {
    const TemporaryFolder top;
    train::PaperRun wanted = start_run();
    const fs::path folder = make_run(top / "run", wanted);
    replace(folder / "run.json", "\"fdr2-every\"", "\"another\"");
    CHECK(check(folder, wanted, {}) == "none");
    wanted.settings.fdr2_every = 1;
    CHECK(check(folder, wanted, {}).find("holds a run with fdr2-every 0, expected 1") != std::string::npos);
  }

  TEST_CASE("runs that come from several machines are on the same data and of one numeric class") {
    const TemporaryFolder top;
    const train::PaperRun wanted = start_run();
    const fs::path a = make_run(top / "a", wanted), b = make_run(top / "b", wanted, 7, "finished", 0xdef);
    train::RunChecks checks({});
    checks.check(a, train::read_run(a), wanted, {});
    checks.check(a, train::read_run(a), wanted, {});
    CHECK(complaint([&] { checks.check(b, train::read_run(b), wanted, {}); }) ==
          b.string() + " holds a run with data of checksum 0000000000000def, expected 0000000000000abc, as in " +
              a.string());
    const std::string own = numeric_class();
    replace(a / "run.json", "\"numeric_class\": \"" + own + '"', R"("numeric_class": "another")");
    CHECK(complaint([&] {
            checks.check(a, train::read_run(a), wanted, {});
          }).find("holds a run with numbers of the class another, expected " + own) != std::string::npos);
  }

  TEST_CASE("runs that are made here are on the data of this machine") {
    const TemporaryFolder top;
    const train::PaperRun wanted = start_run();
    const fs::path folder = make_run(top / "a", wanted);
    const auto with = [&](const train::RunWorld& world) {
      return complaint([&] { train::RunChecks(world).check(folder, train::read_run(folder), wanted, {}); });
    };
    CHECK(with({.data = {{"mnist", "0000000000000abc"}, {"cifar10", "1"}}, .numeric_class = numeric_class()}) ==
          "none");
    CHECK(with({.data = {{"mnist", "0000000000000def"}}, .numeric_class = {}}) ==
          folder.string() +
              " holds a run with data of checksum 0000000000000abc, expected 0000000000000def; choose another "
              "--out, or remove it");
    CHECK(with({.data = {}, .numeric_class = "another"}).find("expected another") != std::string::npos);
  }

  TEST_CASE("stages come with a chain and must fit its log") {
    const TemporaryFolder top;
    const fs::path folder = make_run(top / "chain", chain());
    CHECK(train::read_figure_run(folder, chain()).stages.rows.size() == 3);
    CHECK(train::read_figure_run(make_run(top / "start", start_run()), start_run()).stages.rows.empty());
    const auto complaint_with = [&](const std::string& rows) {
      write_all(folder / "stages.csv", stages_csv(rows));
      return complaint([&] { train::read_figure_run(folder, chain()); });
    };
    const std::string file = (folder / "stages.csv").string();
    CHECK(complaint_with("1,0.05,1,2\n2,0.02,3,3\n3,0.01,4,7\n") ==
          file + ", stage 3: found epochs 4 to 7, expected some from 4 on, of 6");
    CHECK(complaint_with("1,0.05,1,2\n2,0.02,2,3\n3,0.01,4,6\n") ==
          file + ", stage 2: found epochs 2 to 3, expected some from 3 on, of 6");
    CHECK(complaint_with("1,0.05,1,0\n") == file + ", stage 1: found epochs 1 to 0, expected some from 1 on, of 6");
    CHECK(complaint_with("1,0.05,1,\n") ==
          file + ", stage 1: found epochs 1 to nan, expected some from 1 on, of 6");
    CHECK(complaint_with("1,0.05,1,2\n2,0.02,3,3\n") == file + ": found 2 stages, expected 3");
    write_all(top / "start" / "log.csv", "epoch,O_L\n1,1\n2,1\n4,1\n");
    CHECK(complaint([&] { train::read_figure_run(top / "start", start_run()); }) ==
          (top / "start" / "log.csv").string() +
              " is damaged: found the epochs 1 to 2 in 3 rows of a finished run, expected 1 to 6; remove the "
              "folder, and "
              "it is made again");
    replace(folder / "stages.csv", ",O_FB_cor,", ",O_FB_corr,");
    CHECK(complaint([&] { train::read_figure_run(folder, chain()); }) ==
          file +
              ": found no column O_FB_cor, expected one; the run is another version's: choose another --out, or "
              "remove it");
    fs::remove(folder / "stages.csv");
    CHECK(complaint([&] { train::read_figure_run(folder, chain()); }) == file + " cannot be read: there is none");
  }
}
