#include "train/option_table.h"

#include <type_traits>

#include "io/numbers.h"
#include "quench/executor.h"

namespace quench::train {
namespace {

constexpr std::string_view model_choices[] = {"mlp", "cnn"};
constexpr std::string_view optimizer_choices[] = {"sgd", "adam", "amsgrad"};
constexpr std::string_view schedule_choices[] = {"fdr",   "constant", "preset",  "sasa",  "pflug",
                                                 "pesme", "abel",     "plateau", "stages"};
constexpr std::string_view detectors_choices[] = {"none", "cheap", "all"};
constexpr std::string_view sampling_choices[] = {"shuffle", "iid"};

// The library computes in float: a larger learning rate would be infinite there.
constexpr double float_max = std::numeric_limits<float>::max();

constexpr Option table[] = {
    {.name = "--data",
     .argument = "DIR",
     .group = "Data",
     .target = &Settings::data,
     .help = "folder that holds mnist/ or cifar-10-batches-bin/; when that has none of the files and --data is not "
             "given, generated images stand in",
     .decides = false},
    {.name = "--show-data",
     .argument = "FILE",
     .group = "Data",
     .target = &Settings::show_data,
     .help = "write a sheet of training images to FILE (PGM; PPM for colour), train nothing",
     .recorded = false},

    {.name = "--model",
     .argument = "NAME",
     .group = "Model and training",
     .target = &Settings::model,
     .help = "the network: mlp has two hidden layers of 200 with ReLU; cnn three layers of 5x5 convolution, ReLU "
             "and 2x2 max-pooling with 16, 20 and 20 channels",
     .choices = model_choices,
     .default_text = "mlp for mnist, cnn for cifar10"},
    {.name = "--epochs",
     .argument = "N",
     .group = "Model and training",
     .target = &Settings::epochs,
     .help = "passes over the training set",
     .range = {1, 1e9},
     .decides = false},
    {.name = "--batch",
     .argument = "N",
     .group = "Model and training",
     .target = &Settings::batch,
     .help = "examples a step, at most those of the training set",
     .range = {1, 16777216}},
    {.name = "--lr",
     .argument = "X",
     .group = "Model and training",
     .target = &Settings::lr,
     .help = "learning rate",
     .range = {0, float_max},
     .default_text = "0.1; 0.001 for adam and amsgrad"},
    {.name = "--momentum",
     .argument = "X",
     .group = "Model and training",
     .target = &Settings::momentum,
     .help = "part of the velocity kept at each step",
     .range = {0, 1, true},
     .default_text = "0 for mnist, 0.9 for cifar10"},
    {.name = "--dampening",
     .argument = "X",
     .group = "Model and training",
     .target = &Settings::dampening,
     .help = "part of the gradient kept out of the velocity",
     .range = {0, 1, true}},
    {.name = "--weight-decay",
     .argument = "X",
     .group = "Model and training",
     .target = &Settings::weight_decay,
     .help = "lambda: the loss includes lambda/2 times the squared norm of all parameters, biases too",
     .range = {0, float_max}},
    {.name = "--optimizer",
     .argument = "NAME",
     .group = "Model and training",
     .target = &Settings::optimizer,
     .help = "the update rule; adam and amsgrad have no momentum and dampening, and L2 in the gradient as sgd",
     .choices = optimizer_choices},
    {.name = "--beta1",
     .argument = "X",
     .group = "Model and training",
     .target = &Settings::beta1,
     .help = "adam and amsgrad: part of the first moment kept at each step",
     .range = {0, 1, true}},
    {.name = "--beta2",
     .argument = "X",
     .group = "Model and training",
     .target = &Settings::beta2,
     .help = "adam and amsgrad: part of the second moment kept at each step",
     .range = {0, 1, true}},
    {.name = "--epsilon",
     .argument = "X",
     .group = "Model and training",
     .target = &Settings::epsilon,
     .help = "adam and amsgrad: added to the root of the second moment",
     .range = {0, float_max, false, true}},
    {.name = "--seed",
     .argument = "N",
     .group = "Model and training",
     .target = &Settings::seed,
     .help = "of the initial weights"},
    {.name = "--init",
     .argument = "FILE",
     .group = "Model and training",
     .target = &Settings::init,
     .help = "begin with the parameters of a safetensors file instead of random ones",
     .decides = false},
    {.name = "--data-seed",
     .argument = "N",
     .group = "Model and training",
     .target = &Settings::data_seed,
     .help = "of the sampling",
     .default_text = "the value of --seed"},
    {.name = "--sampling",
     .argument = "NAME",
     .group = "Model and training",
     .target = &Settings::sampling,
     .help = "shuffle visits every example once an epoch, in a new order; with iid each step draws distinct "
             "examples afresh",
     .choices = sampling_choices},

    {.name = "--schedule",
     .argument = "NAME",
     .group = "Learning rate",
     .target = &Settings::schedule,
     .help = "when the learning rate is cut: when the two sides of the fluctuation-dissipation relation agree, "
             "never, every --preset-epochs, when another detector finds it spent, or as --stages has it",
     .choices = schedule_choices,
     .default_text = "fdr; constant for adam and amsgrad"},
    {.name = "--fdr-threshold",
     .argument = "X",
     .group = "Learning rate",
     .target = &Settings::fdr_threshold,
     .help = "fdr: cut when |O_L / O_R - 1| of the half-running averages is below",
     .range = {0, float_max, false, true}},
    {.name = "--fdr-decay",
     .argument = "Y",
     .group = "Learning rate",
     .target = &Settings::fdr_decay,
     .help = "fdr: a cut multiplies the learning rate by 1 - Y",
     .range = {0, 1, true, true}},
    {.name = "--fdr-every",
     .argument = "K",
     .group = "Learning rate",
     .target = &Settings::fdr_every,
     .help =
         "all but constant, preset and stages: test every K steps since the last cut, with 0 at the ends of epochs",
     .range = {0, 1e9}},
    {.name = "--fdr-equilibrium",
     .argument = "",
     .group = "Learning rate",
     .target = &Settings::fdr_equilibrium,
     .help = "fdr: instead of the threshold alone, demand equilibrium within the error bar on both halves of the "
             "window, and an error bar narrower than the threshold"},
    {.name = "--fdr-lagged",
     .argument = "",
     .group = "Learning rate",
     .target = &Settings::fdr_lagged,
     .help = "fdr: without momentum too, take O_R from the velocity before the step, as the published code does; "
             "stores the velocity"},
    {.name = "--theta-c",
     .argument = "",
     .group = "Learning rate",
     .target = &Settings::theta_c,
     .help = "log O_L and the ratio for parameters measured from where the window began too; takes a copy of the "
             "parameters and a pass over them an epoch"},
    {.name = "--preset-epochs",
     .argument = "N",
     .group = "Learning rate",
     .target = &Settings::preset_epochs,
     .help = "preset: epochs between cuts",
     .range = {1, 1e9}},
    {.name = "--cut-factor",
     .argument = "X",
     .group = "Learning rate",
     .target = &Settings::cut_factor,
     .help = "all but fdr: a cut multiplies the learning rate by X",
     .range = {0, 1, true, true}},
    {.name = "--lr-min",
     .argument = "X",
     .group = "Learning rate",
     .target = &Settings::lr_min,
     .help = "no cut goes below",
     .range = {0, float_max}},
    {.name = "--max-cuts",
     .argument = "N",
     .group = "Learning rate",
     .target = &Settings::max_cuts,
     .help = "no more cuts than these",
     .range = {0, 1e9}},
    {.name = "--detectors",
     .argument = "NAME",
     .group = "Learning rate",
     .target = &Settings::detectors,
     .help = "which others say in decisions.csv when they would have cut; all adds pflug, for which a run without "
             "momentum has to store the velocity",
     .choices = detectors_choices},
    {.name = "--stages",
     .argument = "LIST",
     .group = "Learning rate",
     .target = &Settings::stages,
     .help =
         "one learning rate after the other, LR:EPOCHS,LR:EPOCHS,...: at each junction the velocity is set to 0 "
         "and all averages begin anew; takes the place of --lr, --epochs and --schedule"},

    {.name = "--fdr2-every",
     .argument = "K",
     .group = "Landscape",
     .target = &Settings::fdr2_every,
     .help =
         "measure the squared gradient over the training set at the end of every K-th epoch of a stage and of its "
         "last, and at a random step of each of them, for the second relation (fdr2.csv, stages.csv); with 0 "
         "never; "
         "implies --schedule constant",
     .range = {0, 1e9}},
    {.name = "--fdr2-half",
     .argument = "",
     .group = "Landscape",
     .target = &Settings::fdr2_half,
     .help = "only in the second half of each stage, which is all that its averages at the end take"},
    {.name = "--fdr2-products",
     .argument = "N",
     .group = "Landscape",
     .target = &Settings::fdr2_products,
     .help =
         "at the end of each stage, N products with the Hessian for Tr(HC), each two passes over the training set",
     .range = {0, 1e6}},

    {.name = "--threads",
     .argument = "N",
     .group = "Machine",
     .target = &Settings::threads,
     .help = "threads that compute; results do not depend on it",
     .range = {1, ThreadPool::max_threads},
     .default_text = "the processors this process may use",
     .decides = false},

    {.name = "--eval-every",
     .argument = "K",
     .group = "Output",
     .target = &Settings::eval_every,
     .help = "measure f and accuracies after every K-th epoch and the last, with 0 never",
     .range = {0, 1e9},
     .decides = false},
    {.name = "--eval-last",
     .argument = "N",
     .group = "Output",
     .target = &Settings::eval_last,
     .help = "unless that is never, after each of the last N epochs",
     .range = {1, 1e9},
     .decides = false},
    {.name = "--out",
     .argument = "DIR",
     .group = "Output",
     .target = &Settings::out,
     .help = "folder for log.csv and run.json",
     .default_text = "runs/DATASET-MODEL-seedN, numbered when it exists",
     .decides = false},
    {.name = "--checkpoint-every",
     .argument = "TIME",
     .group = "Output",
     .target = &Settings::checkpoint_every,
     .help = "write a checkpoint every so many seconds (60s), steps (200steps) or epochs (5), besides when the run "
             "ends; with 0 only then",
     .decides = false},
    {.name = "--resume",
     .argument = "DIR",
     .group = "Output",
     .target = &Settings::resume,
     .help = "go on from the newest checkpoint of the run in DIR, with its settings; auto: of --out, or begin anew "
             "when "
             "it has none",
     .recorded = false},
    {.name = "--force",
     .argument = "",
     .group = "Output",
     .target = &Settings::force,
     .help = "overwrite the run that --out holds",
     .recorded = false},
    {.name = "--quiet",
     .argument = "",
     .group = "Output",
     .target = &Settings::quiet,
     .help = "print the final summary, warnings and errors only",
     .recorded = false},

    {.name = "--help",
     .argument = "",
     .group = "Information",
     .target = &Settings::help,
     .help = "print this text",
     .recorded = false},
    {.name = "--version",
     .argument = "",
     .group = "Information",
     .target = &Settings::version,
     .help = "print the version",
     .recorded = false},
};

std::string decimal_expectation(const Range& range) {
  const std::string low = (range.above_low ? "> " : ">= ") + io::to_text(range.low);
  if (!range.below_high) return "a finite number " + low;
  return "a number " + low + " and < " + io::to_text(range.high);
}

}  // namespace

std::span<const Option> option_table() { return table; }

std::string listed(std::span<const std::string_view> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

std::string expectation(const Option& option) {
  if (!option.choices.empty()) return listed(option.choices);
  if (std::holds_alternative<double Settings::*>(option.target)) return decimal_expectation(option.range);
  if (std::holds_alternative<std::uint64_t Settings::*>(option.target)) {
    return "a whole number from 0 to " + io::to_text(std::numeric_limits<std::uint64_t>::max());
  }
  if (std::holds_alternative<std::int64_t Settings::*>(option.target)) {
    return "a whole number from " + io::to_text(static_cast<std::int64_t>(option.range.low)) + " to " +
           io::to_text(static_cast<std::int64_t>(option.range.high));
  }
  if (std::holds_alternative<std::string Settings::*>(option.target)) {
    return option.argument == "DIR" ? "a folder" : "a file";
  }
  return "no value";
}

std::string value_text(const Option& option, const Settings& settings) {
  return std::visit(
      [&](auto member) -> std::string {
        const auto& value = settings.*member;
        using Value = std::remove_cvref_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          return {};
        } else if constexpr (std::is_same_v<Value, std::string>) {
          return value;
        } else {
          return io::to_text(value);
        }
      },
      option.target);
}

}  // namespace quench::train
