// The files in which trained parameters are kept: what ./train writes into them, and which network and data set one
// is of.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "quench/graph.h"
#include "quench/model.h"
#include "quench/safetensors.h"
#include "train/command_words.h"
#include "train/datasets.h"
#include "train/run_record.h"

namespace quench::train {

/// The name that the file has in a run's folder.
inline constexpr const char* model_file_name = "model.safetensors";

/// What accompanies the parameters that a run ends with, whose images have that normalization: format (pt, the
/// names and layouts of PyTorch), dataset, images (real or generated), model, classes, seed, epochs and step (how
/// many were done), normalization_scale and normalization_shift.
Metadata model_metadata(const RunRecord& record, const Normalization& normalization);

/// What the command line says a file is of; empty to go by the file.
struct ModelChoice {
  std::string dataset, model;
};
/// The choice of a command with the options --model and --threads, which it makes count. Throws UsageError for a
/// name that is unknown.
ModelChoice model_choice(const CommandWords& given, std::string dataset);

/// A network with the parameters of a file.
class LoadedModel {
 public:
  /// What the choice leaves open the file's metadata say, or else the names and shapes of its tensors. batch: as in
  /// ModelOptions. Throws Error, naming the file, when it cannot be read, does not tell what it is of, or holds
  /// other tensors than the network.
  LoadedModel(std::string file, const ModelChoice& choice, int batch);

  const std::string& dataset() const { return dataset_; }
  /// "mnist" or, of a network trained on what stands in for it, "generated images, NOT mnist".
  std::string trained_on() const;
  /// Of the data set: which class an output of the network stands for.
  std::span<const std::string_view> classes() const;
  /// That with which it was trained; of a file that does not tell, that of the data set.
  Normalization normalization() const { return normalization_; }
  bool has_normalization() const { return has_normalization_; }
  /// "m.safetensors: mlp for mnist, 199,210 parameters, after 100 epochs, seed 1".
  std::string description() const;

  Model& network() { return *network_; }

  struct Classified {
    std::vector<float> logits;  ///< [image][class]
    std::vector<int> classes;   ///< of each image the one with the largest logit, the first of equals
  };
  /// Throws Error when a logit is not finite.
  Classified classify(const ImageSet& images);

 private:
  void read_normalization(const std::string* scale, const std::string* shift);

  std::string file_, dataset_, model_, history_;
  bool generated_ = false, has_normalization_ = false;
  Normalization normalization_;
  Graph graph_;
  std::unique_ptr<Model> network_;
};

}  // namespace quench::train
