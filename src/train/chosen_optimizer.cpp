#include "train/chosen_optimizer.h"

#include "quench/adam.h"
#include "quench/sgd.h"
#include "train/schedule.h"

namespace quench::train {

ChosenOptimizer make_optimizer(const Settings& settings, const Parameters& parameters) {
  if (settings.optimizer == "sgd") {
    // Without momentum hardly anything reads the velocity.
    const SgdOptions options{.lr = static_cast<float>(settings.lr),
                             .momentum = static_cast<float>(settings.momentum),
                             .dampening = static_cast<float>(settings.dampening),
                             .weight_decay = static_cast<float>(settings.weight_decay),
                             .keep_velocity = wants_velocity(settings)};
    return {std::make_unique<Sgd>(parameters, options), Sgd::bytes(parameters, options)};
  }
  const AdamOptions options{.lr = static_cast<float>(settings.lr),
                            .beta1 = static_cast<float>(settings.beta1),
                            .beta2 = static_cast<float>(settings.beta2),
                            .epsilon = static_cast<float>(settings.epsilon),
                            .weight_decay = static_cast<float>(settings.weight_decay),
                            .amsgrad = settings.optimizer == "amsgrad"};
  return {std::make_unique<Adam>(parameters, options), Adam::bytes(parameters, options)};
}

}  // namespace quench::train
