// What a Plan knows: its nodes in order, their buffers, and the memory behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "graph/arena.h"
#include "graph/gradient_sink.h"
#include "graph/node.h"
#include "graph/step_timer.h"
#include "kernels/kernels.h"
#include "quench/executor.h"
#include "quench/plan.h"

namespace quench {

using kernels::padded;

/// A node that the root depends on, and where its data lies. Buffers are indices into PlanState::buffers.
///
/// A view has the buffers of its *source*, the node whose memory it shows; every other node is its own source.
struct PlannedNode {
  Node node;           ///< a copy, its inputs being positions in the plan
  std::size_t id = 0;  ///< its place in the graph
  std::int64_t elements = 0;
  std::size_t source = 0;
  bool kept = false;  ///< the value and gradient of this source stay readable after a run

  std::size_t value = none;
  std::size_t gradient = none;       ///< none where no gradient is needed
  std::size_t example_major = none;  ///< of inputs: the values once more (see Op::wants_example_major)
  std::size_t saved = none;
  std::size_t forward_workspace = none;
  std::size_t backward_workspace = none;

  bool reads_images = false;  ///< of inputs: who uses it can do with images as they are (see Op::reads_images)
  // Of parameters.
  std::size_t parameter = none;  ///< place in PlanState::parameters
  bool taken_at_once = false;    ///< its one gradient may go to a sink piece by piece (see Op::feeds_sink)

  // One bit for each input.
  std::uint32_t wanted = 0;      ///< its gradient is needed
  std::uint32_t accumulate = 0;  ///< an earlier step of backward has already contributed to it
};

struct AlignedDelete {
  std::align_val_t alignment{};
  void operator()(std::byte* block) const { ::operator delete(block, alignment); }
};

struct PlanState {
  const Graph* graph = nullptr;  ///< compared with the graph of tensors passed in, never followed
  int batch = 0;
  std::int64_t lanes = 0;
  std::int64_t live = 0;
  bool training = true;
  Executor* executor = nullptr;  ///< as given; null means the default

  std::vector<PlannedNode> nodes;        ///< in the order of the forward pass
  std::vector<std::size_t> position_of;  ///< graph id -> position, or none
  std::vector<Buffer> buffers;
  std::size_t bytes = 0;
  std::size_t bytes_without_reuse = 0;
  std::size_t labels = none;  ///< buffer: one int32 a lane
  std::int64_t classes = 0;   ///< labels must be below this
  std::vector<Parameter> parameters;
  std::vector<std::size_t> parameter_positions;

  std::byte* memory = nullptr;  ///< null until bind()
  /// Whether memory holds what forward() left, which backward() overwrites in part.
  bool ready_for_backward = false;
  std::unique_ptr<std::byte, AlignedDelete> owned;

  // Looked up once at the start of each pass.
  const kernels::Table* table = nullptr;
  Executor* running = nullptr;

  /// The images that an input with reads_images stands for, in place of its buffers; null: the buffers hold it.
  const kernels::Images* images = nullptr;
  bool input_was_images = false;  ///< those buffers hold nothing: set_input() must come before the next forward
  bool gradients_taken = false;   ///< by the sink of the last backward: of nodes taken_at_once memory has none
  GradientSink* sink = nullptr;   ///< while backward runs for one

  StepTimer* timer = nullptr;  ///< of a benchmark
  void end_of(std::size_t position, const char* part) const {
    if (timer != nullptr) timer->end_of(position, part);
  }

  /// Start of a buffer; null for none and before bind().
  std::byte* at(std::size_t buffer) const {
    return memory == nullptr || buffer == none ? nullptr : memory + buffers[buffer].offset;
  }
  float* floats(std::size_t buffer) const { return reinterpret_cast<float*>(at(buffer)); }
  std::int32_t* label_memory() const { return reinterpret_cast<std::int32_t*>(at(labels)); }
  /// Floats between the examples of an input's example-major copy.
  std::int64_t example_major_stride(std::size_t position) const { return padded(nodes[position].elements); }
  /// Position of a tensor in the plan; throws Error, beginning with `what`, when it is not there.
  std::size_t position(Tensor tensor, const char* what) const;
  /// Throws Error before bind().
  void require_memory() const;
};

inline PlanState& state_of(Plan& plan) { return *plan.state_; }

/// Plan::backward(), but gradients that can be taken at once go to the sink, and are not left in parameters().
/// Returns when the sink has all of them.
void backward_into(PlanState& state, GradientSink& sink);

}  // namespace quench
