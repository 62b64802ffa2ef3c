// A graph with memory, initial weights and a loss: what a training loop holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "quench/executor.h"
#include "quench/graph.h"
#include "quench/image_set.h"
#include "quench/plan.h"

namespace quench {

class GradientSink;     // src/graph/gradient_sink.h
class PiecewiseUpdate;  // src/optim/piecewise_update.h

struct ModelOptions {
  int batch = 100;                ///< examples a step
  std::uint64_t seed = 1;         ///< of the initial weights
  bool training = true;           ///< false: forward and evaluate only, in less memory
  std::span<std::byte> buffer{};  ///< the caller's memory, bytes() long and 64-byte aligned; empty: own memory
  /// Runs the loops; default: default_executor(). Must outlive the model, and what was made with its parameters().
  Executor* executor = nullptr;
};

/// What one pass over a set of images gives.
struct Evaluation {
  double loss = 0;            ///< mean cross-entropy, without L2
  double accuracy = 0;        ///< fraction of examples whose largest logit is their label (the first of equals)
  double accuracy_error = 0;  ///< one standard error of the accuracy: sqrt(accuracy (1 - accuracy) / examples)
  std::int64_t correct = 0;
  std::int64_t examples = 0;
};

/// The parameters of a model, and who runs the loops over them. A view: model and executor must outlive it.
struct Parameters {
  std::span<Parameter> tensors;
  Executor* executor = nullptr;
  /// Number of trainable values.
  std::int64_t count() const;
};

class Model {
 public:
  /// loss: a softmax_cross_entropy over logits computed from the graph's one input.
  Model(const Graph& graph, Tensor loss, ModelOptions options = {});
  ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  /// Bytes of the one block of memory that a model of these options will compute in, before any is allocated: to
  /// size ModelOptions::buffer. Bookkeeping comes on top: some hundred bytes a node, 4 an example of the batch.
  static std::size_t bytes(const Graph& graph, Tensor loss, const ModelOptions& options = {});
  std::size_t bytes() const;

  /// Gathers and normalises the batch, runs forward and backward: gradients of the mean cross-entropy are in
  /// parameters(). Returns that mean, without L2. Allocates nothing once the executor has started its threads.
  /// Throws Error when the batch has more examples than the model has lanes, none, or images of another shape.
  double forward_backward(const Batch& batch);
  /// The mean cross-entropy of a batch, without gradients. The images must live as long as plan() is run on them,
  /// with backward() or forward(); after the other functions it keeps none.
  double forward(const Batch& batch);
  /// The logits of a batch, logits[example][class], without gradients. The images' labels play no part. Throws
  /// Error as forward_backward, and when `logits` has not room for exactly those values.
  void logits(const Batch& batch, std::span<float> logits);
  /// Mean cross-entropy and accuracy over the whole set, in stored order. Allocates nothing after the first call.
  Evaluation evaluate(const ImageSet& images);

  Parameters parameters();
  Plan& plan();

 private:
  friend class PiecewiseUpdate;
  /// forward_backward(), but gradients that can be taken at once go to the sink. Runs no backward pass, and leaves
  /// the sink alone, when the loss is not finite.
  double forward_backward_into(const Batch& batch, GradientSink& sink);

  struct State;
  std::unique_ptr<State> state_;
};

/// 784-200-200-10 for MNIST: flatten, two hidden layers with ReLU, logits; the paper's appendix A. Returns the
/// logits. Generally: input -> hidden[0] -> ... -> classes.
Tensor mlp(Tensor input, std::span<const std::int64_t> hidden, std::int64_t classes);
/// The same with the paper's two hidden layers of 200.
Tensor mlp(Tensor input, std::int64_t classes = 10);

/// 3 x 32 x 32 for CIFAR-10: three times a convolution of 5 x 5 with padding 2 to 16, 20 and 20 channels, ReLU and
/// max pooling of 2 x 2, then logits from the 320 features that are left; the paper's appendix A. Input [channels,
/// rows, columns], or [rows, columns] for one channel, of at least 8 rows and columns; odd sizes are rounded down
/// in pooling. Returns the logits.
Tensor cnn(Tensor input, std::int64_t classes = 10);

}  // namespace quench
