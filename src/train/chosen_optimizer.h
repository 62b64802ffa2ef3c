// The update rule that the settings ask for.
#pragma once

#include <cstddef>
#include <memory>

#include "quench/optimizer.h"
#include "train/settings.h"

namespace quench::train {

struct ChosenOptimizer {
  std::unique_ptr<Optimizer> rule;
  std::size_t bytes;  ///< of memory that it takes
};

/// SGD, Adam or AMSGrad for these parameters, which must outlive it.
ChosenOptimizer make_optimizer(const Settings& settings, const Parameters& parameters);

}  // namespace quench::train
