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
constexpr Branch quick_branches[] = {
    {"preset", "preset, x 0.1 three times", -1}, {"quick", "adaptive, X 0.1, Y 0.3", 3}, {"amsgrad", "AMSGrad", 2}};

using Kind = Figure::Kind;
constexpr Figure figures[] = {
    {"1a", "MLP on MNIST, mu = 0", Kind::relation, "mnist", 0, 100, 0, constant_branch},
    {"1b", "CNN on CIFAR-10, mu = 0.9", Kind::relation, "cifar10", 0.9, 100, 0, constant_branch},
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

}  // namespace

std::span<const Figure> paper_figures() { return figures; }

std::int64_t scaled_epochs(std::int64_t epochs, double scale) {
  return std::max<std::int64_t>(1, std::llround(static_cast<double>(epochs) * scale));
}

std::vector<PaperRun> paper_runs(const Figure& figure, const PaperOptions& options) {
  std::vector<PaperRun> runs;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(options.seeds); ++i) {
    for (const Branch& branch : figure.branches) {
      Settings settings = standard_settings(figure.dataset);
      settings.momentum = figure.momentum;
      settings.epochs = scaled_epochs(figure.epochs, options.epochs_scale);
      settings.seed = options.seed + figure.seed_offset + i;
      settings.data_seed = options.data_seed + i;
      settings.data = options.data;
      settings.data_given = options.data_given;
      settings.threads = options.threads;
      apply(branch.name, options.epochs_scale, settings);
      std::string name = std::string(figure.dataset) + "-" + std::string(branch.name) + "-" +
                         io::to_text(settings.epochs) + "epochs-seed" + io::to_text(settings.seed);
      if (settings.data_seed != settings.seed) name += "-data" + io::to_text(settings.data_seed);
      runs.push_back({&branch, std::move(name), std::move(settings)});
    }
  }
  return runs;
}

}  // namespace quench::train
