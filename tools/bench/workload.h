// The MLP exactly as ./train mnist trains it, and what its step is made of.
#pragma once

#include <cstdint>
#include <string>

#include "graph/plan_state.h"
#include "quench/dataset.h"
#include "quench/graph.h"
#include "quench/model.h"
#include "quench/sgd.h"

namespace quench::bench {

inline constexpr int batch_size = 100;

struct Workload {
  Workload(const Dataset& data, float momentum, Executor& executor);

  /// One training step, all of it, as ./train makes it: a weight is updated right behind its gradient. Returns the
  /// loss.
  double step(const Batch& batch);
  /// The same by the other two functions: all gradients to memory, then the update.
  double step_in_two_calls(const Batch& batch);

  struct Traffic {
    double bytes = 0;      ///< read and written
    double footprint = 0;  ///< memory touched
  };
  /// Of updating so many bytes of parameters: they are read and written, with momentum their velocity too, and
  /// gradients are read where they come from memory.
  Traffic update_traffic(double parameter_bytes, bool gradients_in_memory) const;
  double parameter_bytes();
  /// Nominal floating-point operations of its products: forward, both gradients, without that of the images.
  double flops_per_step();

  Graph graph;
  Model model;
  Sgd sgd;
};

/// The batches of one epoch after the other.
class BatchStream {
 public:
  explicit BatchStream(const ImageSet& images);
  Batch next();

 private:
  const ImageSet& images_;
  std::int64_t epoch_ = 0, step_ = 0;
  Batches batches_;
};

/// A part of a step, as graph/step_timer.h names them.
struct Part {
  std::string name;     ///< "fc1 weight gradient"
  std::string layer{};  ///< of a linear layer: "fc1"
  double flops = 0;     ///< 0 for what is not a product
  double bytes = 0;     ///< read and written at least; 0 when not known
  double taken = 0;     ///< bytes of a gradient that, not among those, goes to a sink
  std::string shape{};  ///< of a product: " 200x784x100", rows x columns x length of the sums
};
/// As the plan runs at this moment: whether it reads images, and who takes gradients.
Part describe_part(const PlanState& plan, std::size_t position, const std::string& part);

}  // namespace quench::bench
