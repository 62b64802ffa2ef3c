// Times the parts of a training step where they run.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "clock.h"
#include "graph/plan_state.h"
#include "graph/step_timer.h"
#include "workload.h"

namespace quench::bench {

/// Collects how long each part lasted, one sample a step; the plan's timer as long as it lives.
class PartTimer final : public StepTimer {
 public:
  struct Samples {
    std::size_t position;
    std::string part;
    Part description;  ///< as the part ran, when it was first recorded
    std::vector<double> seconds;
  };

  explicit PartTimer(PlanState& plan) : plan_(plan) { plan_.timer = this; }
  ~PartTimer() override { plan_.timer = nullptr; }
  PartTimer(const PartTimer&) = delete;
  PartTimer& operator=(const PartTimer&) = delete;

  /// A step begins. Unless it is recorded its samples are forgotten.
  void begin(bool record) {
    record_ = record;
    next_ = 0;
    last_ = now();
  }
  void end_of(std::size_t position, const char* part) override {
    const double time = now();
    if (record_) find(position, part).seconds.push_back(time - last_);
    last_ = now();
  }
  /// Of all parts, in the order in which they run.
  const std::vector<Samples>& parts() const { return parts_; }

 private:
  /// Parts come in the same order in each step: the next one is almost always the one that was next before.
  Samples& find(std::size_t position, const char* part) {
    for (std::size_t tried = 0; tried < parts_.size(); ++tried) {
      Samples& samples = parts_[next_++ % parts_.size()];
      if (samples.position == position && samples.part == part) return samples;
    }
    const bool of_plan = position < plan_.nodes.size();
    parts_.push_back({position, part, of_plan ? describe_part(plan_, position, part) : Part{.name = part}, {}});
    return parts_.back();
  }

  PlanState& plan_;
  std::vector<Samples> parts_;
  std::size_t next_ = 0;
  double last_ = 0;
  bool record_ = false;
};

}  // namespace quench::bench
