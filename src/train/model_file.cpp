#include "train/model_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "io/json.h"
#include "io/numbers.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "nn/parameter_file.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "quench/plan.h"
#include "train/console.h"
#include "train/network.h"
#include "train/option_table.h"

namespace quench::train {
namespace {

constexpr std::uint64_t most_file_bytes = 1'000'000'000;
constexpr std::string_view models[] = {"mlp", "cnn"};

bool is_among(std::string_view name, std::span<const std::string_view> names) {
  for (const std::string_view known : names) {
    if (name == known) return true;
  }
  return false;
}

/// Whether the file has the network's tensors, and no others.
bool holds(const io::SafetensorsFile& file, std::string_view dataset, std::string_view model) {
  Graph graph;
  Plan plan(graph, network_loss(graph, dataset, model), {.batch = 1, .training = false});
  const std::span<const Parameter> parameters = plan.parameters();
  return file.tensors.size() == parameters.size() &&
         std::all_of(parameters.begin(), parameters.end(), [&](const Parameter& parameter) {
           const io::SafetensorsEntry* tensor = file.find(parameter.name);
           return tensor != nullptr && tensor->shape == parameter.shape;
         });
}

/// "fc1.weight [200, 784], fc1.bias [200], ...": the first of them.
std::string tensor_list(const io::SafetensorsFile& file) {
  constexpr std::size_t enough = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(file.tensors.size(), enough); ++i) {
    text += (i > 0 ? ", " : "") + io::json_excerpt(file.tensors[i].name) + " " + to_string(file.tensors[i].shape);
  }
  return text + (file.tensors.size() > enough ? ", ..." : file.tensors.empty() ? "none" : "");
}

/// Finds what is empty of the two by the file's tensors.
void recognise(const io::SafetensorsFile& file, const std::string& name, std::string& dataset, std::string& model) {
  if (!dataset.empty() && !model.empty()) return;
  for (const std::string_view candidate : dataset_names()) {
    for (const std::string_view network : models) {
      if ((!dataset.empty() && dataset != candidate) || (!model.empty() && model != network)) continue;
      if (!holds(file, candidate, network)) continue;
      dataset = candidate;
      model = network;
      return;
    }
  }
  throw Error(name + ": its tensors are " + tensor_list(file) + ", expected those of " +
              (model.empty() ? listed(models) : model) + " for " + (dataset.empty() ? listed_datasets() : dataset) +
              "; with both named, what does not fit is said");
}

/// What the metadata say of `key`; empty when nothing. Throws Error when that is none of the choices.
std::string chosen(const io::SafetensorsFile& file, const std::string& name, std::string_view key,
                   std::span<const std::string_view> choices) {
  const std::string* found = file.find_metadata(key);
  if (found == nullptr) return {};
  if (!is_among(*found, choices)) {
    throw Error(name + ": the metadata say " + std::string(key) + " " + io::json_excerpt(*found) + ", expected " +
                listed(choices) + "; what the command names goes before");
  }
  return *found;
}

/// A finite number that a float holds.
std::optional<float> parse_float(std::string_view text) {
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

Metadata model_metadata(const RunRecord& record, const Normalization& normalization) {
  Metadata metadata;
  const auto add = [&](std::string_view key, std::string_view text) { metadata.emplace_back(key, text); };
  add("format", "pt");
  add("dataset", record.settings.dataset);
  add("images", record.data_generated ? "generated" : "real");
  add("model", record.settings.model);
  add("classes", io::to_text(dataset_facts(record.settings.dataset).classes.size()));
  add("seed", io::to_text(record.settings.seed));
  add("epochs", io::to_text(record.epochs_done));
  add("step", io::to_text(record.steps_done));
  add("normalization_scale", io::to_text(normalization.scale));
  add("normalization_shift", io::to_text(normalization.shift));
  return metadata;
}

ModelChoice model_choice(const CommandWords& given, std::string dataset) {
  if (!dataset.empty() && !is_among(dataset, dataset_names()))
    throw UsageError("unknown data set \"" + dataset + "\", expected " + listed_datasets());
  std::string model = given.value("--model").value_or("");
  if (!model.empty() && !is_among(model, models))
    throw UsageError("--model: found \"" + model + "\", expected " + listed(models));
  if (const std::int64_t threads = given.integer("--threads", 0, 1, 1024); threads > 0)
    set_default_threads(static_cast<int>(threads));
  return {std::move(dataset), std::move(model)};
}

LoadedModel::LoadedModel(std::string file, const ModelChoice& choice, int batch)
    : file_(std::move(file)), dataset_(choice.dataset), model_(choice.model) {
  const std::string bytes = io::read_file(file_, most_file_bytes);
  const io::SafetensorsFile contents = io::parse_safetensors(bytes, file_);
  if (dataset_.empty()) dataset_ = chosen(contents, file_, "dataset", dataset_names());
  if (model_.empty()) model_ = chosen(contents, file_, "model", models);
  recognise(contents, file_, dataset_, model_);
  const std::string* images = contents.find_metadata("images");
  generated_ = images != nullptr && *images == "generated";
  read_normalization(contents.find_metadata("normalization_scale"), contents.find_metadata("normalization_shift"));
  if (const std::string* epochs = contents.find_metadata("epochs"))
    history_ += ", after " + one_line(epochs->substr(0, 20)) + (*epochs == "1" ? " epoch" : " epochs");
  if (const std::string* seed = contents.find_metadata("seed"))
    history_ += ", seed " + one_line(seed->substr(0, 20));
  network_ = std::make_unique<Model>(graph_, network_loss(graph_, dataset_, model_),
                                     ModelOptions{.batch = batch, .training = false});
  set_parameters(contents, file_, network_->parameters());
}

void LoadedModel::read_normalization(const std::string* scale, const std::string* shift) {
  normalization_ = dataset_facts(dataset_).normalization;
  if (scale == nullptr && shift == nullptr) return;
  for (const auto& [key, text] : {std::pair("normalization_scale", scale), {"normalization_shift", shift}}) {
    if (text == nullptr || !parse_float(*text)) {
      throw Error(file_ + ": the metadata have " + (text == nullptr ? "nothing" : io::json_excerpt(*text)) +
                  " for " + key + ", expected a finite number");
    }
  }
  normalization_ = {.scale = *parse_float(*scale), .shift = *parse_float(*shift)};
  has_normalization_ = true;
}

std::string LoadedModel::trained_on() const { return generated_ ? "generated images, NOT " + dataset_ : dataset_; }

std::span<const std::string_view> LoadedModel::classes() const {
  const DatasetFacts& facts = dataset_facts(dataset_);
  return generated_ ? facts.generated_classes : facts.classes;
}

std::string LoadedModel::description() const {
  return one_line(file_) + ": " + model_ + " for " + trained_on() + ", " +
         io::grouped(static_cast<std::uint64_t>(network_->parameters().count())) + " parameters" + history_;
}

LoadedModel::Classified LoadedModel::classify(const ImageSet& images) {
  const std::size_t width = classes().size();
  Classified result;
  result.logits.resize(static_cast<std::size_t>(images.size()) * width);
  std::span<float> rest = result.logits;
  for (const Batch& batch : images.in_order(network_->plan().batch())) {
    const std::span<float> logits = rest.first(batch.indices.size() * width);
    network_->logits(batch, logits);
    rest = rest.subspan(logits.size());
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(images.size()); ++i) {
    const auto logits = std::span<const float>(result.logits).subspan(i * width, width);
    for (const float logit : logits) {
      if (!std::isfinite(logit)) {
        throw Error(file_ + ": a logit of image number " + io::to_text(i) + " is " + io::to_text(logit) +
                    ", expected finite numbers");
      }
    }
    result.classes.push_back(static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
  }
  return result;
}

}  // namespace quench::train
