#include "train/paper/paper_command.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "io/numbers.h"
#include "io/text.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "quench/system.h"
#include "train/command_words.h"
#include "train/console.h"
#include "train/datasets.h"
#include "train/interrupt.h"
#include "train/option_table.h"
#include "train/paper/figure_files.h"
#include "train/paper/figures.h"
#include "train/paper/jobs.h"
#include "train/paper/run_finder.h"
#include "train/paper/shard.h"
#include "train/run.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;
using io::joined;
using io::to_text;

constexpr std::string_view help =
    "usage: ./train paper FIGURE... [options]\n"
    "       ./train paper FIGURE... --shard I/N [options]\n"
    "       ./train paper FIGURE... --merge DIR... [options]\n\n"
    "Makes figures of Yaida, \"Fluctuation-dissipation relations for stochastic gradient descent\" (ICLR 2019):\n"
    "1a 1b 2a 2b 3a 3b 4a 4b S1a S1b S2a S2b S2c S2d, or all. Each gives FIGURE.svg, .html and .csv and says "
    "whether\n"
    "the paper's claim held. Runs that are finished are kept: the same command goes on where it was "
    "interrupted.\n\n"
    "  --seeds N         repetitions, with seeds one after the other (1 .. 1000; default: 1; figure 3a of the "
    "paper\n"
    "                    has 4, 3b 16: chains that differ in --data-seed, from one start)\n"
    "  --seed N          of the first repetition's initial weights (default: 1)\n"
    "  --data-seed N     of its sampling (default: as --seed)\n"
    "  --epochs-scale X  all stages X times as long (0 < X <= 100; default: 1)\n"
    "  --sampling NAME   figures 2 and 3: shuffle, iid or both (default: both; figure 2: shuffle)\n"
    "  --lr-max X        figures 2 and 3: only the stages with eta up to X (default: all)\n"
    "  --lr-min X        and down to X\n"
    "  --data DIR        folder that holds the data sets (default: data)\n"
    "  --jobs N          runs side by side (1 .. 1024; default: one for each processor)\n"
    "  --threads N       threads of each (1 .. 1024; default: what the processors allow)\n"
    "  --out DIR         folder for figures and, in DIR/runs, their runs (default: runs/paper)\n"
    "  --shard I/N       make the I-th of N parts of the runs and draw nothing; /N: I is the array task of Slurm\n"
    "                    (ids 1 .. N) or the index of the Kubernetes job. Inside such a task without --shard: as\n"
    "                    the environment says\n"
    "  --merge DIR...    make no runs, draw from those that are in DIR/runs of each\n"
    "  --quiet           results only\n";

constexpr std::string_view samplings[] = {"shuffle", "iid", "both"};

constexpr CommandOption command_options[] = {{"--seeds", "N", "a whole number from 1 to 1000"},
                                             {"--seed", "N", "a whole number"},
                                             {"--data-seed", "N", "a whole number"},
                                             {"--epochs-scale", "X", "a number above 0, at most 100"},
                                             {"--sampling", "NAME", "shuffle, iid or both"},
                                             {"--lr-max", "X", "a number above 0, at most 100"},
                                             {"--lr-min", "X", "a number above 0, at most 100"},
                                             {"--data", "DIR", "a folder"},
                                             {"--jobs", "N", "a whole number from 1 to 1024"},
                                             {"--threads", "N", "a whole number from 1 to 1024"},
                                             {"--out", "DIR", "a folder"},
                                             {"--shard", "I/N", "I/N, or /N where a scheduler says which"},
                                             {"--merge", "DIR...", "folders that --out was"},
                                             {"--quiet", "", ""}};

using Figures = std::vector<const Figure*>;

Figures chosen_figures(const std::vector<std::string>& names) {
  Figures chosen;
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

/// Refuses options of figures 2 and 3 that would leave none of their runs, or where none of these is asked for.
void check_chain_options(const CommandWords& given, const Figures& figures, const PaperOptions& options) {
  const auto is_chain = [](const Figure* figure) { return figure->is_chain(); };
  for (const std::string_view option : {"--sampling", "--lr-max", "--lr-min"}) {
    if (given.flag(option) && std::none_of(figures.begin(), figures.end(), is_chain))
      throw UsageError(std::string(option) + ": found without figure 2a, 2b, 3a or 3b, which alone it is for");
  }
  if (const std::string& name = options.sampling;
      std::find(std::begin(samplings), std::end(samplings), name) == std::end(samplings))
    throw UsageError("--sampling: found \"" + name + "\", expected " + listed(samplings));
  for (const Figure* figure : figures) {
    if (!figure->is_chain() || !chosen_stages(*figure, options).empty()) continue;
    const double largest = figure->stages.front().lr, smallest = figure->stages.back().lr;
    const auto refuse = [&](std::string_view option, std::string_view expected, double rate,
                            std::string_view which) {
      throw UsageError(joined({option, ": found \"", given.value(option).value_or(""), "\", expected ", expected,
                               rate_text(rate), which, figure->name}));
    };
    if (options.lr_min > largest) refuse("--lr-min", "at most ", largest, ", the largest rate of figure ");
    if (options.lr_max > 0 && options.lr_max < smallest)
      refuse("--lr-max", "at least ", smallest, ", the smallest rate of figure ");
    refuse("--lr-min", "no more than --lr-max ", options.lr_max, " and a rate between them in figure ");
  }
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
  options.sampling = given.value("--sampling").value_or(options.sampling);
  options.lr_max = given.decimal("--lr-max", 0, 0, 100);
  options.lr_min = given.decimal("--lr-min", 0, 0, 100);
  return options;
}

/// The runs of figures, each once: what chains start from, and the independent ones that are dealt out to shards.
struct RunList {
  std::vector<PaperRun> starts, runs;
};

void add_once(std::vector<PaperRun>& list, PaperRun run) {
  const auto same = [&](const PaperRun& other) { return other.name == run.name; };
  if (std::none_of(list.begin(), list.end(), same)) list.push_back(std::move(run));
}

RunList list_runs(const Figures& figures, const PaperOptions& options) {
  RunList list;
  for (const Figure* figure : figures) {
    if (std::optional<PaperRun> start = start_run(*figure, options)) add_once(list.starts, std::move(*start));
    for (PaperRun& run : paper_runs(*figure, options)) add_once(list.runs, std::move(run));
  }
  return list;
}

/// Only the runs of the shard, and what they start from.
RunList part_of(const RunList& whole, const Shard& shard) {
  RunList part;
  for (std::size_t i = 0; i < whole.runs.size(); ++i) {
    if (shard.has(i)) part.runs.push_back(whole.runs[i]);
  }
  for (const PaperRun& start : whole.starts) {
    const auto needs = [&](const PaperRun& run) { return run.start == start.name; };
    if (std::any_of(part.runs.begin(), part.runs.end(), needs)) part.starts.push_back(start);
  }
  return part;
}

/// The data of this machine.
struct DataHere {
  RunWorld world;
  bool generated = false;
};

/// Opens the data sets that the runs are on, as what they start from is, and says of generated images what they
/// are, once for all runs.
DataHere open_data(std::span<const PaperRun> runs, Console& console) {
  DataHere here;
  here.world.numeric_class = numeric_class();
  // The one thread that there is before fork() draws them.
  set_default_threads(1);
  for (const PaperRun& run : runs) {
    std::string& sum = here.world.data[run.settings.dataset];
    if (!sum.empty()) continue;
    const OpenedDataset data = open_dataset(run.settings);
    console.note(data.notice);
    if (!data.notice.empty()) here.generated = true;
    sum = io::hexadecimal(data.checksum());
  }
  return here;
}

/// How runs are made.
struct Making {
  fs::path folder;
  int at_once;
  std::span<const std::string_view> words;
};

/// Makes runs that do not wait for each other: one after the other in this process, each with its progress, or side
/// by side in processes of their own. Returns 0, or 128 + the signal that interrupted them.
int make_runs(std::span<const PaperRun> runs, const Making& making, bool in_processes, Console& console) {
  if (runs.empty()) return 0;
  const int side_by_side = std::min(making.at_once, static_cast<int>(runs.size()));
  const auto make = [&](const PaperRun& run, Console& own) {
    Settings settings = run.settings;
    settings.out = (making.folder / run.name).string();
    if (!run.start.empty()) settings.init = (making.folder / run.start / "model.safetensors").string();
    // Over what an interrupted run left, or on from there.
    settings.force = !run.resumes || is_finished(settings.out, false);
    if (!settings.force) settings.resume = "auto";
    // What goes on must be what is wanted, all of it.
    for (const Option& option : option_table()) {
      if (option.recorded) settings.given.push_back(option.name);
    }
    if (settings.threads == 0) settings.threads = std::max(1, available_threads() / side_by_side);
    own.be_part(run.name);
    return train::run(settings, making.words, own);
  };
  if (!in_processes) {
    const InterruptWatch interrupt;
    for (const PaperRun& run : runs) {
      console.note("paper: " + run.name + "\n");
      Console own = console;
      if (const int code = make(run, own); code != 0) return code;
      // That came while the run ended, too late for it.
      if (const int signal = interrupt.signal(); signal != 0) return 128 + signal;
    }
    return 0;
  }
  std::vector<Job> jobs;
  for (const PaperRun& run : runs) {
    jobs.push_back({run.name, making.folder / run.name / "log.csv", run.settings.epochs,
                    [&] {
                      Console own(true);
                      return make(run, own);
                    },
                    run.resumes});
  }
  console.note(joined({"paper: ", to_text(jobs.size()), jobs.size() == 1 ? " run, " : " runs, ",
                       to_text(side_by_side), " at a time\n"}));
  return run_jobs(jobs, side_by_side, console);
}

/// Makes what is missing: first what the others start from. Returns as make_runs. Throws Error, before anything is
/// made, when a run that is there is not the one that is wanted.
int make_missing(const RunList& list, const Making& making, const RunWorld& world, Console& console) {
  RunList missing;
  RunChecks checks(world);
  const auto is_there = [&](const PaperRun& run, bool is_start) {
    const fs::path folder = making.folder / run.name, start = making.folder / run.start;
    if (!is_finished(folder, false)) return false;
    const bool has_start = !run.start.empty() && is_finished(start, true);
    checks.check(folder, read_figure_run(folder, run).curves, run, has_start ? start : fs::path());
    return !is_start || is_finished(folder, true);
  };
  for (const PaperRun& run : list.starts) {
    if (!is_there(run, true)) missing.starts.push_back(run);
  }
  for (const PaperRun& run : list.runs) {
    const auto is_start = [&](const PaperRun& start) { return start.name == run.name; };
    if (!is_there(run, false) && std::none_of(missing.starts.begin(), missing.starts.end(), is_start))
      missing.runs.push_back(run);
  }
  // A process that has trained has threads, with which it cannot fork().
  const bool in_processes = making.at_once > 1 && missing.starts.size() + missing.runs.size() > 1;
  if (const int code = make_runs(missing.starts, making, in_processes, console); code != 0) return code;
  return make_runs(missing.runs, making, in_processes, console);
}

/// Where the run is. Throws Error when no place has it; of several, with the shard that makes it.
fs::path find_run(const RunFinder& finder, const std::string& name, const RunList& list,
                  const std::vector<std::string>& merged) {
  if (const std::optional<fs::path> folder = finder.find(name)) return *folder;
  std::string places;
  for (const std::string& place : merged) places += (places.empty() ? "" : ", ") + place;
  const auto is_it = [&](const PaperRun& run) { return run.name == name; };
  const auto at = std::find_if(list.runs.begin(), list.runs.end(), is_it);
  std::string maker = "every shard with a chain from it makes it";
  if (at != list.runs.end()) {
    const Shard whole{1, static_cast<std::int64_t>(merged.size())};
    const Shard owner{whole.owner(static_cast<std::size_t>(at - list.runs.begin())), whole.count};
    maker = joined({"--shard ", to_text(owner), " makes it, if there are as many shards as folders"});
  }
  throw Error(joined({"--merge: found no finished run ", name, " in ", places, ", expected one; ", maker}));
}

/// Draws from the runs in the folder of the figures or, when there are any, in those that are merged.
void draw_figures(const Figures& figures, const PaperOptions& options, const RunList& list, const fs::path& out,
                  const std::vector<std::string>& merged, RunChecks checks, Console& console) {
  std::vector<fs::path> places;
  for (const std::string& folder : merged) places.push_back(fs::path(folder) / "runs");
  if (merged.empty()) places.push_back(out / "runs");
  const RunFinder finder(places);
  // All are looked for before the first is drawn.
  std::vector<std::vector<FigureRun>> found;
  for (const Figure* figure : figures) {
    std::vector<FigureRun>& runs = found.emplace_back();
    fs::path start;
    if (const std::optional<PaperRun> first = start_run(*figure, options)) {
      start = find_run(finder, first->name, list, merged);
      checks.check(start, read_figure_run(start, *first).curves, *first, {});
    }
    for (const PaperRun& run : paper_runs(*figure, options)) {
      const fs::path folder = find_run(finder, run.name, list, merged);
      runs.push_back(read_figure_run(folder, run));
      checks.check(folder, runs.back().curves, run, start);
    }
  }
  std::error_code error;
  fs::create_directories(out, error);
  if (error) throw Error("folder " + out.string() + " cannot be made: " + error.message());
  for (std::size_t i = 0; i < figures.size(); ++i) draw_figure(*figures[i], found[i], options, out, console);
}

/// "shard 2/4 of 3a: 2 of 8 runs" and their folders; says of generated images what they are.
std::string shard_report(const Shard& shard, const Figures& figures, const RunList& part, const RunList& whole,
                         const fs::path& folder, bool generated) {
  std::string text = joined({"shard ", to_text(shard), " of"});
  for (const Figure* figure : figures) text += joined({" ", figure->name});
  text += joined({": ", to_text(part.runs.size()), " of ", to_text(whole.runs.size()), " runs",
                  generated ? ", GENERATED images" : "", "\n"});
  for (const PaperRun& run : part.starts) text += joined({"  ", (folder / run.name).string(), ", the start\n"});
  for (const PaperRun& run : part.runs) text += joined({"  ", (folder / run.name).string(), "\n"});
  return text;
}

}  // namespace

int paper_command(std::span<const std::string_view> words) {
  const CommandWords given(words, command_options);
  Console console(given.flag("--quiet"));
  if (given.help()) {
    console.always(help);
    return 0;
  }
  const Figures figures = chosen_figures(given.others());
  const PaperOptions options = paper_options(given);
  check_chain_options(given, figures, options);
  const auto at_once = static_cast<int>(given.integer("--jobs", available_threads(), 1, 1024));
  const fs::path out = given.value("--out").value_or("runs/paper");
  const std::vector<std::string> merged = given.all_values("--merge");
  if (!merged.empty() && given.flag("--shard"))
    throw UsageError("--merge: found with --shard, expected one of them");

  const RunList whole = list_runs(figures, options);
  if (merged.empty()) {
    const ChosenShard chosen = choose_shard(given.value("--shard"), environment_variable);
    if (!chosen.note.empty()) console.note("paper: " + chosen.note + "\n");
    const RunList list = chosen.shard ? part_of(whole, *chosen.shard) : whole;
    const DataHere here = open_data(list.runs, console);
    if (const int code = make_missing(list, {out / "runs", at_once, words}, here.world, console); code != 0) {
      console.note("interrupted; the same command goes on from here\n");
      return code;
    }
    if (chosen.shard) {
      console.always(shard_report(*chosen.shard, figures, list, whole, out / "runs", here.generated));
    } else {
      draw_figures(figures, options, whole, out, merged, RunChecks(here.world), console);
    }
  } else {
    draw_figures(figures, options, whole, out, merged, RunChecks({}), console);
  }
  if (console.lost_results().empty()) return 0;
  throw Error("standard output cannot be written: " + console.lost_results());
}

}  // namespace quench::train
