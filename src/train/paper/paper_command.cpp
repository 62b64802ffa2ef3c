#include "train/paper/paper_command.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "io/csv.h"
#include "io/files.h"
#include "io/json_value.h"
#include "io/numbers.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "train/command_words.h"
#include "train/console.h"
#include "train/datasets.h"
#include "train/option_table.h"
#include "train/paper/claims.h"
#include "train/paper/figure_charts.h"
#include "train/paper/figures.h"
#include "train/paper/jobs.h"
#include "train/plot/page.h"
#include "train/plot/svg.h"
#include "train/run.h"
#include "train/run_record.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;
using io::to_text;

constexpr std::string_view help =
    "usage: ./train paper FIGURE... [options]\n\n"
    "Makes figures of Yaida, \"Fluctuation-dissipation relations for stochastic gradient descent\" (ICLR 2019):\n"
    "1a 1b 4a 4b S1a S1b S2a S2b S2c S2d, or all. Each gives FIGURE.svg, .html and .csv and says whether the\n"
    "paper's claim held. Runs that are finished are kept: the same command goes on where it was interrupted.\n\n"
    "  --seeds N         repetitions, with seeds one after the other (1 .. 1000; default: 1)\n"
    "  --seed N          of the first repetition's initial weights (default: 1)\n"
    "  --data-seed N     of its shuffling (default: as --seed)\n"
    "  --epochs-scale X  all stages X times as long (0 < X <= 100; default: 1)\n"
    "  --data DIR        folder that holds the data sets (default: data)\n"
    "  --jobs N          runs side by side (1 .. 1024; default: one for each processor)\n"
    "  --threads N       threads of each (1 .. 1024; default: what the processors allow)\n"
    "  --out DIR         folder for figures and, in DIR/runs, their runs (default: runs/paper)\n"
    "  --quiet           results only\n";

constexpr CommandOption command_options[] = {{"--seeds", "N", "a whole number from 1 to 1000"},
                                             {"--seed", "N", "a whole number"},
                                             {"--data-seed", "N", "a whole number"},
                                             {"--epochs-scale", "X", "a number above 0, at most 100"},
                                             {"--data", "DIR", "a folder"},
                                             {"--jobs", "N", "a whole number from 1 to 1024"},
                                             {"--threads", "N", "a whole number from 1 to 1024"},
                                             {"--out", "DIR", "a folder"},
                                             {"--quiet", "", ""}};

std::vector<const Figure*> chosen_figures(const std::vector<std::string>& names) {
  std::vector<const Figure*> chosen;
  std::vector<std::string_view> known{"all"};
  for (const Figure& figure : paper_figures()) known.push_back(figure.name);
  if (names.empty()) throw UsageError("paper: found no figure, expected " + listed(known));
  for (const Figure& figure : paper_figures()) {
    const auto asked = [&](const std::string& name) { return name == "all" || name == figure.name; };
    if (std::any_of(names.begin(), names.end(), asked)) chosen.push_back(&figure);
  }
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw UsageError("paper: found \"" + name + "\", expected " + listed(known));
  }
  return chosen;
}

PaperOptions paper_options(const CommandWords& given) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 2;
  PaperOptions options;
  options.seeds = given.integer("--seeds", 1, 1, 1000);
  options.seed = static_cast<std::uint64_t>(given.integer("--seed", 1, 0, most));
  options.data_seed =
      static_cast<std::uint64_t>(given.integer("--data-seed", static_cast<std::int64_t>(options.seed), 0, most));
  options.epochs_scale = given.decimal("--epochs-scale", 1, 0, 100);
  options.data = given.value("--data").value_or(options.data);
  options.data_given = given.value("--data").has_value();
  options.threads = given.integer("--threads", 0, 1, 1024);
  return options;
}

/// Which data the runs of this command are on; opening generated images takes seconds.
class DataChecksums {
 public:
  const std::string& of(const Settings& settings) {
    std::string& sum = sums_[settings.dataset];
    if (sum.empty()) sum = io::hexadecimal(open_dataset(settings).checksum());
    return sum;
  }

 private:
  std::map<std::string, std::string> sums_;
};

/// Throws Error when the finished run in the folder is not the one that is wanted.
void check_same(const fs::path& folder, const RunCurves& run, const PaperRun& wanted, const std::string& checksum) {
  const auto refuse = [&](const std::string& what, const std::string& there, const std::string& here) {
    throw Error(folder.string() + " holds a run with " + what + " " + there + ", expected " + here +
                "; choose another --out, or remove it");
  };
  RunRecord record;
  record.settings = wanted.settings;
  const io::JsonValue document = io::parse_json(to_json(record));
  const io::JsonValue& settings = *document.find("settings");
  for (std::size_t i = 0; i < settings.keys.size(); ++i) {
    const std::string& key = settings.keys[i];
    // What results do not depend on.
    constexpr std::string_view free_to_differ[] = {"data", "threads", "out", "force", "quiet", "eval-every"};
    if (std::find(std::begin(free_to_differ), std::end(free_to_differ), key) != std::end(free_to_differ)) continue;
    const io::JsonValue& value = settings.items[i];
    const std::string here =
        value.kind == io::JsonValue::Kind::boolean ? (value.boolean ? "yes" : "no") : value.text;
    if (const std::string there = run.setting(key); there != here) refuse(key, there, here);
  }
  if (const std::string there = run.fact("data", "checksum"); there != checksum)
    refuse("data of checksum", there, checksum);
}

bool is_finished(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::exists(folder / "run.json", ignored)) return false;
  const io::JsonValue record = read_record(folder);
  const io::JsonValue* status = record.find("status");
  return status != nullptr && status->text == "finished";
}

/// The data of all runs as one table.
std::string figure_csv(std::span<const FigureRun> runs) {
  const std::vector<std::string> columns = {
      "epoch",         "lr",  "f_batch", "f_batch_bar", "f",       "train_accuracy",
      "test_accuracy", "O_L", "O_R",     "ratio",       "ratio_sd"};
  std::vector<std::string> cells = {"branch", "run"};
  cells.insert(cells.end(), columns.begin(), columns.end());
  std::string text = io::csv_line(cells);
  for (const FigureRun& run : runs) {
    for (const std::vector<std::string>& row : run.curves.log.rows) {
      cells = {std::string(run.branch->name), run.curves.name};
      for (const std::string& column : columns) cells.push_back(row[run.curves.log.index(column)]);
      text += io::csv_line(cells);
    }
  }
  return text;
}

void write(const fs::path& file, const std::string& text) {
  if (const std::error_code error = io::disk().replace(file, text))
    throw Error(file.string() + " cannot be written: " + error.message());
}

std::string figure_note(std::span<const FigureRun> runs, const PaperOptions& options) {
  std::string note;
  if (options.epochs_scale != 1) note += ", epochs x " + to_text(options.epochs_scale);
  if (runs.front().curves.fact("data", "kind") == "generated") note += ", GENERATED images";
  return note;
}

/// Makes the runs that are missing: a single one with its progress, several side by side. Returns 0, or 128 + the
/// signal that interrupted them.
int make_runs(std::span<const PaperRun> missing, const fs::path& folder, int at_once,
              std::span<const std::string_view> words, Console& console) {
  const int side_by_side = std::min(at_once, static_cast<int>(missing.size()));
  const auto make = [&](const PaperRun& run, Console& own) {
    Settings settings = run.settings;
    settings.out = (folder / run.name).string();
    settings.force = true;  // what an interrupted run left
    if (settings.threads == 0) settings.threads = std::max(1, available_threads() / side_by_side);
    own.be_part();
    return train::run(settings, words, own);
  };
  if (side_by_side <= 1) {
    for (const PaperRun& run : missing) {
      console.note("paper: " + run.name + "\n");
      Console own = console;
      if (const int code = make(run, own); code != 0) return code;
    }
    return 0;
  }
  std::vector<Job> jobs;
  for (const PaperRun& run : missing) {
    jobs.push_back({run.name, folder / run.name / "log.csv", run.settings.epochs, [&] {
                      Console own(true);
                      return make(run, own);
                    }});
  }
  console.note("paper: " + to_text(jobs.size()) + " runs, " + to_text(side_by_side) + " at a time\n");
  return run_jobs(jobs, side_by_side, console);
}

void draw_figure(const Figure& figure, std::span<const FigureRun> runs, const PaperOptions& options,
                 const fs::path& out, Console& console) {
  const std::string note = figure_note(runs, options);
  const std::vector<Claim> claims = figure_claims(figure, runs);
  Page page;
  page.title = "Figure " + std::string(figure.name) + " of the paper: " + std::string(figure.title) + note;
  for (const Claim& claim : claims) page.paragraphs.push_back(claim.sentence);
  page.figures.push_back(figure_charts(figure, runs, note));
  const std::string name(figure.name);
  write(out / (name + ".svg"), svg_file(page.figures.front()));
  write(out / (name + ".csv"), figure_csv(runs));
  write(out / (name + ".html"), html(page));
  console.always("figure " + name + note + "\n");
  for (const Claim& claim : claims) console.always("  " + claim.sentence + "\n");
  console.always("  " + (out / name).string() + ".svg, .html, .csv\n");
}

}  // namespace

int paper_command(std::span<const std::string_view> words) {
  const CommandWords given(words, command_options);
  Console console(given.flag("--quiet"));
  if (given.help()) {
    console.always(help);
    return 0;
  }
  const std::vector<const Figure*> figures = chosen_figures(given.others());
  const PaperOptions options = paper_options(given);
  const auto at_once = static_cast<int>(given.integer("--jobs", available_threads(), 1, 1024));
  const fs::path out = given.value("--out").value_or("runs/paper");
  const fs::path folder = out / "runs";

  std::vector<PaperRun> missing;
  for (const Figure* figure : figures) {
    for (PaperRun& run : paper_runs(*figure, options)) {
      const auto same = [&](const PaperRun& other) { return other.name == run.name; };
      if (std::none_of(missing.begin(), missing.end(), same) && !is_finished(folder / run.name))
        missing.push_back(std::move(run));
    }
  }
  if (const int code = make_runs(missing, folder, at_once, words, console); code != 0) {
    console.note("interrupted; the same command goes on from here\n");
    return code;
  }
  DataChecksums checksums;
  for (const Figure* figure : figures) {
    std::vector<FigureRun> runs;
    for (const PaperRun& run : paper_runs(*figure, options)) {
      runs.push_back({run.branch, read_run(folder / run.name)});
      check_same(folder / run.name, runs.back().curves, run, checksums.of(run.settings));
    }
    draw_figure(*figure, runs, options, out, console);
  }
  if (console.lost_results().empty()) return 0;
  throw Error("standard output cannot be written: " + console.lost_results());
}

}  // namespace quench::train
