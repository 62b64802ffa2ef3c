#include "train/paper/figures.h"

#include <algorithm>
#include <cmath>

#include "io/numbers.h"
#include "train/datasets.h"

namespace quench::train {
namespace {

constexpr Branch constant_branch[] = {{"constant", "constant learning rate", 0}};
constexpr Branch schedule_branches[] = {{"preset", "preset, x 0.1 three times", -1},
                                        {"adaptive", "adaptive, X 0.01, Y 0.1", 0},
                                        {"amsgrad", "AMSGrad", 2}};
constexpr Branch optimizer_branches[] = {{"adam", "Adam", 1}, {"amsgrad", "AMSGrad", 2}};
// The last is what the paper compares the others with; its drawings have it in figure 4b.
constexpr Branch quick_branches[] = {{"preset", "preset, x 0.1 three times", -1},
                                     {"quick", "adaptive, X 0.1, Y 0.3", 3},
                                     {"amsgrad", "AMSGrad", 2},
                                     {"adaptive", "adaptive, X 0.01, Y 0.1", 0, false}};

constexpr Branch sampling_branches[] = {{"shuffle", "shuffle", 0}, {"iid", "iid", 1}};

// Appendix B: the learning rates of B.1 and B.2, and for how many epochs.
constexpr PaperStage mlp_stages[] = {{0.05, 500}, {0.02, 500}, {0.01, 500}, {0.005, 1000}, {0.003, 1000}};
constexpr PaperStage cnn_stages[] = {{0.05, 200},   {0.02, 200},    {0.01, 200},   {0.005, 400},
                                     {0.003, 400},  {0.002, 400},   {0.0015, 400}, {0.001, 400},
                                     {0.0005, 800}, {0.00025, 800}, {0.0001, 800}};

// Accuracies are not what chains are for: measured after every epoch they would take a third of the time.
constexpr std::int64_t chain_evaluation = 25;
// And for the curves of figures 4, S1 and S2 a hundred points are enough, besides all that claims go by.
constexpr std::int64_t drawn_points = 100;

using Kind = Figure::Kind;
constexpr Figure figures[] = {
    {"1a", "MLP on MNIST, mu = 0", Kind::relation, "mnist", 0, 100, 0, constant_branch},
    {"1b", "CNN on CIFAR-10, mu = 0.9", Kind::relation, "cifar10", 0.9, 100, 0, constant_branch},
    {"2a", "MLP on MNIST", Kind::stages, "mnist", 0, 100, 0, sampling_branches, mlp_stages},
    {"2b", "CNN on CIFAR-10", Kind::stages, "cifar10", 0.9, 100, 0, sampling_branches, cnn_stages},
    {"3a", "O_FB, MLP on MNIST", Kind::landscape, "mnist", 0, 100, 0, sampling_branches, mlp_stages},
    {"3b", "O_FB, CNN on CIFAR-10", Kind::landscape, "cifar10", 0.9, 100, 0, sampling_branches, cnn_stages},
    {"4a", "schedules, MLP on MNIST", Kind::schedules, "mnist", 0, 400, 0, schedule_branches},
    {"4b", "schedules, CNN on CIFAR-10, mu = 0", Kind::schedules, "cifar10", 0, 400, 0, schedule_branches},
    {"S1a", "Adam and AMSGrad, MLP on MNIST", Kind::optimizers, "mnist", 0, 400, 0, optimizer_branches},
    {"S1b", "Adam and AMSGrad, CNN on CIFAR-10", Kind::optimizers, "cifar10", 0, 400, 0, optimizer_branches},
    {"S2a", "quick schedule, CNN on CIFAR-10", Kind::schedules, "cifar10", 0, 400, 0, quick_branches},
    {"S2b", "quick schedule, second start", Kind::schedules, "cifar10", 0, 400, 1, quick_branches},
    {"S2c", "quick schedule, third start", Kind::schedules, "cifar10", 0, 400, 2, quick_branches},
    {"S2d", "quick schedule, fourth start", Kind::schedules, "cifar10", 0, 400, 3, quick_branches},
};

void apply(std::string_view branch, double scale, Settings& settings) {
  if (branch == "constant") {
    settings.schedule = "constant";
  } else if (branch == "preset") {
    settings.schedule = "preset";
    settings.preset_epochs = scaled_epochs(100, scale);
  } else if (branch == "quick") {
    settings.fdr_threshold = 0.1;
    settings.fdr_decay = 0.3;
  } else if (branch == "adam" || branch == "amsgrad") {
    settings.optimizer = branch;
    settings.lr = 0.001;
    settings.schedule = "constant";
  }  // "adaptive" is what the program does by itself
}

/// What all runs of a figure have in common; `i` is the number of the repetition.
Settings common_settings(const Figure& figure, const PaperOptions& options, std::uint64_t i) {
  Settings settings = standard_settings(figure.dataset);
  settings.momentum = figure.momentum;
  settings.seed = options.seed + figure.seed_offset;
  settings.data_seed = options.data_seed + i;
  settings.data = options.data;
  settings.data_given = options.data_given;
  settings.threads = options.threads;
  return settings;
}

std::string run_name(const Figure& figure, std::string_view what, const Settings& settings) {
  std::string name = std::string(figure.dataset) + "-" + std::string(what) + "-" + io::to_text(settings.epochs) +
                     "epochs-seed" + io::to_text(settings.seed);
  if (settings.data_seed != settings.seed) name += "-data" + io::to_text(settings.data_seed);
  return name;
}

PaperRun single_run(const Figure& figure, const Branch& branch, const PaperOptions& options, std::uint64_t i) {
  Settings settings = common_settings(figure, options, i);
  settings.epochs = scaled_epochs(figure.epochs, options.epochs_scale);
  settings.seed += i;
  if (figure.kind == Kind::schedules || figure.kind == Kind::optimizers) {
    settings.eval_every = std::max<std::int64_t>(1, settings.epochs / drawn_points);
    settings.eval_last = figure_end(settings.epochs);
  }
  apply(branch.name, options.epochs_scale, settings);
  return {&branch, run_name(figure, branch.name, settings), std::move(settings)};
}

PaperRun chain_run(const Figure& figure, const Branch& branch, const PaperOptions& options, std::uint64_t i) {
  Settings settings = common_settings(figure, options, i);
  settings.sampling = branch.name;
  settings.schedule = "stages";
  settings.epochs = 0;
  const std::vector<PaperStage> stages = chosen_stages(figure, options);
  for (const PaperStage& stage : stages) {
    settings.stages += (settings.stages.empty() ? "" : ",") + rate_text(stage.lr) + ":" + io::to_text(stage.epochs);
    settings.epochs += stage.epochs;
  }
  settings.lr = stages.front().lr;
  settings.fdr2_every = 1;
  settings.fdr2_half = true;
  settings.eval_every = chain_evaluation;
  std::string what = "chain-" + std::string(branch.name);
  if (stages.front().lr < figure.stages.front().lr) what += "-from" + rate_text(stages.front().lr);
  if (stages.back().lr > figure.stages.back().lr) what += "-to" + rate_text(stages.back().lr);
  return {.branch = &branch,
          .name = run_name(figure, what, settings),
          .settings = std::move(settings),
          .start = start_run(figure, options)->name,
          .resumes = true};
}

}  // namespace

std::span<const Figure> paper_figures() { return figures; }

std::string rate_text(double rate) {
  std::string text = io::fixed(rate, 9);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::int64_t scaled_epochs(std::int64_t epochs, double scale) {
  return std::max<std::int64_t>(1, std::llround(static_cast<double>(epochs) * scale));
}

std::int64_t figure_end(std::int64_t epochs) { return std::max<std::int64_t>(1, epochs / 20); }

std::vector<PaperStage> chosen_stages(const Figure& figure, const PaperOptions& options) {
  std::vector<PaperStage> stages;
  for (const PaperStage& stage : figure.stages) {
    if ((options.lr_max > 0 && stage.lr > options.lr_max) || stage.lr < options.lr_min) continue;
    stages.push_back({stage.lr, scaled_epochs(stage.epochs, options.epochs_scale)});
  }
  return stages;
}

std::optional<PaperRun> start_run(const Figure& figure, const PaperOptions& options) {
  if (!figure.is_chain()) return std::nullopt;
  PaperRun run = single_run(figure, constant_branch[0], options, 0);
  run.resumes = true;
  return run;
}

std::vector<PaperRun> paper_runs(const Figure& figure, const PaperOptions& options) {
  std::vector<PaperRun> runs;
  // Figure 2 shows one sampling: of both the first, as in the paper.
  const bool of_one_sampling = figure.kind == Kind::stages;
  const auto is_wanted = [&](const Branch& branch) {
    if (options.sampling == "both") return !of_one_sampling || &branch == &figure.branches.front();
    return branch.name == options.sampling;
  };
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(options.seeds); ++i) {
    for (const Branch& branch : figure.branches) {
      if (!figure.is_chain()) {
        runs.push_back(single_run(figure, branch, options, i));
      } else if (is_wanted(branch)) {
        runs.push_back(chain_run(figure, branch, options, i));
      }
    }
  }
  return runs;
}

}  // namespace quench::train
