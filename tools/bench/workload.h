// The networks exactly as ./train trains them, and what their steps are made of.
#pragma once

#include <cstdint>
#include <string>

#include "graph/plan_state.h"
#include "quench/dataset.h"
#include "quench/graph.h"
#include "quench/model.h"
#include "quench/sgd.h"
#include "work.h"

namespace quench::bench {

inline constexpr int batch_size = 100;

/// Data sets.
enum class Images { mnist, cifar10 };

/// A network of the paper.
struct Network {
  const char* title;  ///< "the MLP"
  Images images;      ///< that it classifies
  int length;         ///< so many steps of the MLP take about as long as one of its own
  Tensor (*logits)(Tensor input, std::int64_t classes);

  /// Its loss on such images.
  Tensor loss(Graph& graph, const ImageSet& set) const;
};
extern const Network mlp_network, cnn_network;

struct Workload {
  Workload(const Network& network, const Dataset& data, float momentum, Executor& executor);

  /// One training step, all of it, as ./train makes it: a weight is updated right behind its gradient where the
  /// operation can. Returns the loss. Both throw Error when it is not finite: such a step ends early.
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
  /// Floating-point operations of products and convolutions: forward, both gradients, without that of the images.
  Work work_of_step();

  Graph graph;
  Model model;
  Sgd sgd;
};

/// The batches of one epoch after the other.
class BatchStream {
 public:
  explicit BatchStream(const ImageSet& images, int batch = batch_size);
  Batch next();

 private:
  const ImageSet& images_;
  int batch_;
  std::int64_t epoch_ = 0, step_ = 0;
  Batches batches_;
};

/// A part of a step, as graph/step_timer.h names them.
struct Part {
  std::string name;     ///< "fc1 weight gradient"
  std::string layer{};  ///< of a linear layer or a convolution: "fc1"
  double flops = 0;     ///< 0 for what is no product and no convolution
  double inside = 0;    ///< of a convolution: those of taps inside the image
  double bytes = 0;     ///< read and written at least; 0 when not known
  double taken = 0;     ///< bytes of a gradient that, not among those, goes to a sink
  std::string shape{};  ///< of a product: " 200x784x100", rows x columns x length of the sums
};
/// All products and convolutions of a forward pass.
Work work_of_forward(const PlanState& plan);
/// As the plan runs at this moment: whether it reads images, and who takes gradients.
Part describe_part(const PlanState& plan, std::size_t position, const std::string& part);

}  // namespace quench::bench
