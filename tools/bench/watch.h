// What ./train measures after each step and at the ends of epochs: averages, detectors, tensors, audit.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "quench/audit.h"
#include "quench/detector.h"
#include "quench/fdr.h"
#include "quench/fdr_tensors.h"
#include "quench/model.h"
#include "quench/sgd.h"

namespace quench::bench {

class Watch {
 public:
  /// Both must outlive it.
  Watch(Model& model, Sgd& sgd, std::int64_t steps_per_epoch);

  /// After a step; loss: its return value. The last step of an epoch includes what is done at its end.
  void step(double loss);

 private:
  void begin_epoch();
  void end_epoch();

  Sgd& sgd_;
  std::int64_t steps_per_epoch_, step_ = 0, epoch_ = 0;
  FdrDetector fdr_;
  std::vector<std::unique_ptr<Detector>> others_;
  FdrTensors tensors_;
  Audit audit_;
};

}  // namespace quench::bench
