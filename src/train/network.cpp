#include "train/network.h"

#include <cstdint>

#include "quench/model.h"
#include "train/datasets.h"

namespace quench::train {

Tensor network_loss(Graph& graph, std::string_view dataset, std::string_view model) {
  const DatasetFacts& facts = dataset_facts(dataset);
  const Tensor input = graph.input({facts.channels, facts.side, facts.side});
  const auto classes = static_cast<std::int64_t>(facts.classes.size());
  return softmax_cross_entropy(model == "cnn" ? cnn(input, classes) : mlp(input, classes));
}

}  // namespace quench::train
