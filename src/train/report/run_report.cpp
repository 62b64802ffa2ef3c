#include "train/report/run_report.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <system_error>

#include "io/numbers.h"
#include "quench/error.h"
#include "train/command_words.h"
#include "train/plot/page.h"
#include "train/plot/svg.h"
#include "train/report/run_charts.h"
#include "train/report/run_curves.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_decisions = 60;

std::string rounded(const std::string& number, int digits) {
  const std::optional<double> value = io::parse_double(number);
  return value ? io::significant(*value, digits) : number;
}

std::string accuracy_text(const RunCurves& run) {
  const std::string accuracy = run.fact("results", "test_accuracy");
  if (accuracy.empty()) return "-";
  return rounded(accuracy, 4) + " +- " + rounded(run.fact("results", "test_accuracy_error"), 2) + " (" +
         run.fact("results", "test_images") + " images)";
}

/// One row a fact, one column a run.
Table facts(std::span<const RunCurves> runs) {
  Table table{.title = {}, .rows = {{"run"}}};
  const auto add = [&](const std::string& name, auto of) {
    std::vector<std::string> row{name};
    for (const RunCurves& run : runs) row.push_back(of(run));
    table.rows.push_back(std::move(row));
  };
  for (const RunCurves& run : runs) table.rows.front().push_back(run.name);
  const auto text = [](const io::JsonValue* value) { return value == nullptr ? std::string() : value->text; };
  add("status", [&](const RunCurves& run) {
    return text(run.record.find("status")) + ", " + run.fact("results", "epochs") + " of " + run.setting("epochs") +
           " epochs";
  });
  add("data", [](const RunCurves& run) {
    const bool generated = run.fact("data", "kind") == "generated";
    return generated ? "GENERATED images, not " + run.fact("data", "name") : run.fact("data", "name");
  });
  add("model", [](const RunCurves& run) {
    return run.fact("model", "name") + ", " + run.fact("model", "parameters") + " parameters";
  });
  add("optimizer", [](const RunCurves& run) {
    const bool sgd = run.setting("optimizer") == "sgd";
    return run.setting("optimizer") + ", lr " + run.setting("lr") +
           (sgd ? ", momentum " + run.setting("momentum") + ", dampening " + run.setting("dampening") : "") +
           ", weight decay " + run.setting("weight-decay");
  });
  add("schedule", [](const RunCurves& run) {
    const bool fdr = run.setting("schedule") == "fdr";
    return run.setting("schedule") +
           (fdr ? ", threshold " + run.setting("fdr-threshold") + ", decay " + run.setting("fdr-decay") : "");
  });
  add("batch, seeds", [](const RunCurves& run) {
    return run.setting("batch") + ", " + run.setting("seed") + " and " + run.setting("data-seed") + " of the data";
  });
  add("f", [](const RunCurves& run) { return rounded(run.fact("results", "f"), 5); });
  add("training accuracy", [](const RunCurves& run) { return rounded(run.fact("results", "train_accuracy"), 4); });
  add("test accuracy", accuracy_text);
  add("O_L / O_R", [](const RunCurves& run) {
    return rounded(run.fact("results", "ratio"), 5) + " +- " + rounded(run.fact("results", "ratio_sd"), 2) +
           (measures_relation(run) ? "" : ": drift of the norm, not the relation");
  });
  add("cuts", [](const RunCurves& run) {
    return run.fact("results", "cuts") + ", lr then " + rounded(run.fact("results", "lr"), 4);
  });
  add("verdict", [](const RunCurves& run) {
    std::string verdict = run.fact("results", "verdict");
    std::replace(verdict.begin(), verdict.end(), '_', ' ');
    return verdict;
  });
  return table;
}

/// Every cut, and between two of them the first time that each detector which only watches would have cut.
Table decisions(const RunCurves& run) {
  const io::CsvContents& all = run.decisions;
  const std::size_t cut = all.index("cut"), spent = all.index("spent"), active = all.index("active");
  const std::size_t detector = all.index("detector");
  const char* const titles[] = {"epoch", "step", "detector", "statistic", "limit", "lr", "next_lr"};
  Table table{.title = "Cuts, and when other detectors would have cut first", .rows = {{}}};
  for (const char* title : titles) table.rows.front().emplace_back(title);
  table.rows.front().emplace_back("outcome");
  std::size_t left_out = 0;
  std::vector<std::string> seen;  // since the last cut
  for (const std::vector<std::string>& row : all.rows) {
    const bool watching = row[active] != "1";
    if (row[cut] == "1") {
      seen.clear();
    } else if (!watching || row[spent] != "1" || std::find(seen.begin(), seen.end(), row[detector]) != seen.end()) {
      continue;
    } else {
      seen.push_back(row[detector]);
    }
    if (table.rows.size() > most_decisions) {
      ++left_out;
      continue;
    }
    std::vector<std::string> cells;
    for (const char* title : titles) cells.push_back(rounded(row[all.index(title)], 5));
    cells.push_back(watching ? "would have cut" : row[all.index("outcome")]);
    table.rows.push_back(std::move(cells));
  }
  if (left_out > 0) table.title += "; " + io::to_text(left_out) + " more in decisions.csv";
  return table;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Error("folder " + folder.string() + " cannot be made: " + error.message());
}

void write(io::Files& files, const fs::path& file, const std::string& text) {
  if (const std::error_code error = files.replace(file, text)) {
    throw Error(file.string() + " cannot be written: " + error.message());
  }
}

}  // namespace

void write_report(io::Files& files, std::span<const fs::path> folders, const fs::path& to) {
  std::vector<RunCurves> runs;
  for (const fs::path& folder : folders) runs.push_back(read_run(folder));
  Page page;
  page.title = runs.size() == 1 ? "quench: " + runs.front().name : "quench: " + io::to_text(runs.size()) + " runs";
  page.tables.push_back(facts(runs));
  const std::vector<Chart> charts = run_charts(runs);
  for (const Chart& chart : charts) page.figures.push_back({chart});
  if (runs.size() == 1 && !runs.front().decisions.rows.empty()) page.details.push_back(decisions(runs.front()));

  make_folder(to / "plots");
  for (const Chart& chart : charts) write(files, to / "plots" / (chart.name + ".svg"), svg_file({&chart, 1}));
  write(files, to / "report.html", html(page));
}

int report_command(std::span<const std::string_view> words, Console& console) {
  constexpr CommandOption options[] = {{"--out", "DIR", "a folder"}};
  const CommandWords given(words, options);
  if (given.help()) {
    console.always(
        "usage: ./train report DIR... [--out DIR]\n\n"
        "Draws the diagrams of a run again, from the log in its folder, to DIR/report.html and DIR/plots/*.svg; "
        "of\n"
        "several runs, laid over each other, to the folder that --out names (default: report). The run may still "
        "be\n"
        "going on.\n");
    return 0;
  }
  if (given.others().empty()) throw UsageError("report: found no folder, expected those of one or more runs");
  const std::vector<fs::path> folders(given.others().begin(), given.others().end());
  const fs::path standard = folders.size() == 1 ? folders.front() : fs::path("report");
  const fs::path to = given.value("--out") ? fs::path(*given.value("--out")) : standard;
  write_report(io::disk(), folders, to);
  console.always("wrote " + (to / "report.html").string() + " and " + (to / "plots").string() + "/*.svg\n");
  return 0;
}

}  // namespace quench::train
