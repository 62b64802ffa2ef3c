// The memory of a graph: where every value and gradient lives, known before anything runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "quench/executor.h"
#include "quench/graph.h"

namespace quench {

struct PlanState;  // src/graph/plan_state.h

struct PlanOptions {
  int batch = 100;       ///< examples the buffers hold; padded to a multiple of 16 lanes
  bool training = true;  ///< false: no gradients, and values are overwritten as soon as they are used
  /// Tensors whose value (and gradient) stay readable after a run. A view (reshape, flatten) has the memory of its
  /// source, so its gradient is that of the source.
  std::vector<Tensor> keep{};
  /// Runs the loops that are worth more than one thread; default: default_executor(). Must outlive the plan.
  /// set_input(), sum, mean and softmax_cross_entropy stay on the calling thread: they are small beside the
  /// products.
  Executor* executor = nullptr;
};

/// One trainable tensor inside a plan: row-major float[size], 64-byte aligned, zero-padded to a multiple of 16.
struct Parameter {
  std::string name;
  Shape shape;
  Init init = Init::zeros;
  std::span<float> value;
  std::span<float> gradient;  ///< empty in a plan without training
};

/// Lays out values, gradients, parameters and scratch of everything `root` depends on in one block of memory.
/// After bind() no call allocates, but for the first pass where the default executor makes its pool and starts its
/// threads. All numbers are a function of the inputs alone, not of threads, nor of the processor within a numeric
/// class: with and without fused multiply-add they differ.
/// The graph must outlive the tensors that are passed in, but may grow after the plan is made.
class Plan {
 public:
  /// root: the shared one-element tensor to differentiate; in a plan without training any tensor.
  /// Throws Error for a batch outside 1 .. 2^24, when root does not depend on a tensor to keep, and when root
  /// cannot be differentiated: it is per-example, has several elements, or depends on neither a parameter nor a
  /// kept tensor.
  Plan(const Graph& graph, Tensor root, PlanOptions options = {});
  ~Plan();
  Plan(Plan&&) noexcept;
  Plan& operator=(Plan&&) noexcept;

  /// Bytes of the one block, a multiple of 64.
  std::size_t bytes() const;
  /// Bytes if every value and gradient had a place of its own: what the planner saved.
  std::size_t bytes_without_reuse() const;
  /// Uses the first bytes() bytes of the caller's block, 64-byte aligned, which must outlive the plan, and clears
  /// them: parameters are zero until they are set. Throws Error when it is too small or not aligned.
  void bind(std::span<std::byte> memory);
  /// Allocates the block itself, on Linux up to 2 MiB more, for large pages. Throws Error when there is not that
  /// much memory; the plan is then as it was. Without a bind() the functions below that touch memory throw Error.
  void bind();

  int batch() const;
  /// Examples a row of memory holds: batch rounded up to a multiple of 16.
  std::int64_t lanes() const;
  /// How many examples of the batch count, 1 .. lanes(); the rest are dead lanes. Initially batch. Inputs and
  /// labels must be set again after it. Throws Error outside that range.
  void set_live(std::int64_t examples);
  std::int64_t live() const;

  /// Copies values into an input, example-major: values[example][element] of live() examples. (Batches of images
  /// take the shorter way through Model.) Throws Error for another count, or a tensor that is not an input.
  void set_input(Tensor input, std::span<const float> values);
  /// The labels of the live examples, for softmax_cross_entropy. Throws Error for another count, and for a label
  /// that is negative or not below the number of classes.
  void set_labels(std::span<const std::int32_t> labels);

  /// The value of an input, a parameter, the root or a kept tensor: [elements][lanes] when per-example, [elements]
  /// padded with zeros to a multiple of 16 when shared. Only lanes below live() mean something. Parameters may be
  /// written; inputs are set by set_input(). Throws Error for a tensor that was not kept, and for an input that a
  /// Model read as images.
  std::span<float> value(Tensor tensor);
  /// The gradient of the root with respect to a parameter, the root or a kept tensor, after backward(). Same
  /// layout, same errors. Those of parameters stay until the next backward(), others until the next forward().
  /// Throws Error also for the gradient of a parameter that Optimizer::step(model, batch) took as it came.
  std::span<float> gradient(Tensor tensor);
  /// The parameters that root depends on, in the order of the graph.
  std::span<Parameter> parameters();

  /// Computes all values. Throws Error when a Model read the input as images since the last set_input(). Returns
  /// the root's first element (0 for a per-example root).
  float forward();
  /// Computes all gradients of the last forward(), whose values it overwrites in part: each call needs a forward()
  /// of its own. Throws Error without one, also when bind(), set_live(), set_input() or set_labels() came in
  /// between, and in a plan without training.
  void backward();

 private:
  friend PlanState& state_of(Plan& plan);
  std::unique_ptr<PlanState> state_;
};

}  // namespace quench
