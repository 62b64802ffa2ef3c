// The networks that ./train knows.
#pragma once

#include <string_view>

#include "quench/graph.h"

namespace quench::train {

/// The loss of the network, mlp or cnn, over images of the data set, whose name must be known.
Tensor network_loss(Graph& graph, std::string_view dataset, std::string_view model);

}  // namespace quench::train
