// What an operation is: its name, its forward and backward, and what the planner must know about them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "graph/arena.h"
#include "graph/gradient_sink.h"
#include "graph/node.h"
#include "kernels/kernels.h"
#include "quench/executor.h"
#include "quench/plan.h"

namespace quench {

/// Which half of a training step runs.
enum class Pass { forward, backward };

/// Takes the gradient of one parameter.
struct ParameterSink {
  GradientSink* sink = nullptr;
  std::size_t parameter = none;

  explicit operator bool() const { return sink != nullptr; }
  /// For a product; valid as long as this lives.
  kernels::PieceSink pieces() const;
};

/// What an operation sees of the plan: the memory, shapes and flags of one node. While the plan is being made, and
/// scratch is measured, it has all lanes live and its pointers are null.
class Context {
 public:
  Context(PlanState& state, std::size_t position, Pass pass) : state_(state), position_(position), pass_(pass) {}

  const Node& node() const;
  const kernels::Table& table() const;
  Executor& executor() const;
  /// Distance in floats between the elements of a per-example tensor, and how many of these lanes count.
  std::int64_t lanes() const;
  std::int64_t live() const;

  const Node& input_node(std::size_t i) const;
  std::int64_t input_elements(std::size_t i) const;
  std::int64_t output_elements() const;
  /// The live part of a per-example tensor, or the one row of a shared one.
  kernels::Block input_block(std::size_t i) const;
  kernels::Block output_block() const;

  const float* input(std::size_t i) const;
  /// A graph input's values once more, example-major, or null (see Op::wants_example_major), and the distance in
  /// floats between examples.
  const float* example_major_input(std::size_t i) const;
  std::int64_t example_major_stride(std::size_t i) const;
  bool has_example_major_input(std::size_t i) const;
  /// The images that input i consists of, in place of input(i) and example_major_input(i), or null. Only where
  /// Op::reads_images has agreed.
  const kernels::Images* images(std::size_t i) const;
  float* output() const;
  /// What forward leaves for backward beside the output: Op::saved_bytes.
  void* saved() const;
  const std::int32_t* labels() const;
  void* workspace() const;

  /// Whether the gradient of input i is asked for.
  bool wanted(std::size_t i) const;
  /// Where it goes; null when it is not wanted.
  float* input_gradient(std::size_t i) const;
  /// Whether it is to be added to what is there: the planner knows which contribution is the first.
  bool accumulate(std::size_t i) const;
  /// Where the gradient of input i goes instead, whole and never accumulated, if to any. Only for Op::feeds_sink.
  ParameterSink sink(std::size_t i) const;
  float* output_gradient() const;
  /// Whether backward may use the output's gradient as scratch, as nothing reads it afterwards.
  bool output_gradient_is_scratch() const;

  /// Tells the plan's timer, if it has one, that a part of this pass is done (graph/step_timer.h).
  void end_of(const char* part) const;

 private:
  float* floats(std::size_t buffer) const;

  PlanState& state_;
  std::size_t position_;
  Pass pass_;
};

/// The constants of an operation, one object per operation, defined beside its forward and backward.
///
/// forward computes output() from the inputs. backward adds to or stores in input_gradient(i) of each wanted input,
/// in the order of the inputs: when one node is two inputs of an operation, the first stores and the second adds.
/// Both must leave 0 in the dead lanes of gradients when they find 0 there.
struct Op {
  const char* name;
  void (*forward)(const Context&) = nullptr;
  void (*backward)(const Context&) = nullptr;

  /// The output is the input's memory under another shape; forward and backward are null.
  bool view = false;
  /// Element by element: the output may lie over an input of the same size, and the gradient of the last wanted
  /// input over the output's gradient.
  bool in_place = false;
  /// Whether backward reads output(), and input(i) when the inputs with a bit in `wanted` get gradients.
  bool backward_reads_output = false;
  bool (*backward_reads_input)(std::size_t i, std::uint32_t wanted) = nullptr;
  /// Backward is faster with input 0 example-major, if that is (a view of) an input of the graph.
  bool wants_example_major = false;
  /// Whether this node can read input 0 as images, both passes, when that is (a view of) an input of the graph.
  /// Null: never.
  bool (*reads_images)(const Context&) = nullptr;
  /// The input whose gradient backward can hand to a sink piece by piece, after it has read that input for the last
  /// time; -1: none.
  int feeds_sink = -1;
  bool reads_labels = false;
  /// Bytes that live from forward to backward, and scratch during one of them. Null means none. 64 bits everywhere:
  /// the planner refuses what the machine cannot address.
  std::uint64_t (*saved_bytes)(const Context&) = nullptr;
  std::uint64_t (*forward_workspace)(const Context&) = nullptr;
  std::uint64_t (*backward_workspace)(const Context&) = nullptr;
};

}  // namespace quench
