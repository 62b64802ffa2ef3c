#include "quench/plan.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "core/float_environment.h"
#include "core/huge_pages.h"
#include "core/parallel.h"
#include "graph/op.h"
#include "graph/plan_state.h"
#include "graph/planner.h"
#include "quench/error.h"

namespace quench {

namespace {

// Shared tensors end in zeros up to a whole vector, and operations rely on it; memory that served another tensor
// before does not.
void clear_padding(float* data, const PlannedNode& planned) {
  if (planned.node.per_example) return;
  std::fill(data + planned.elements, data + padded(planned.elements), 0.0F);
}

std::span<float> tensor_span(float* data, const PlannedNode& planned, std::int64_t lanes) {
  const std::int64_t floats = planned.node.per_example ? planned.elements * lanes : padded(planned.elements);
  return {data, static_cast<std::size_t>(floats)};
}

// The node of a tensor whose memory the caller may see.
const PlannedNode& readable(const PlanState& state, Tensor tensor, const char* what, bool gradient) {
  state.require_memory();
  const PlannedNode& planned = state.nodes[state.position(tensor, what)];
  const Node& source = state.nodes[planned.source].node;
  if (!gradient && state.input_was_images && planned.reads_images) {
    throw Error(std::string(what) + ": " + describe(planned.node, planned.id) +
                " was read as images and has no values, expected a set_input()");
  }
  if (gradient && state.gradients_taken && planned.taken_at_once) {
    throw Error(std::string(what) + ": that of " + describe(planned.node, planned.id) +
                " was taken as it came and is not in memory, expected a backward()");
  }
  const bool stays =
      planned.kept || source.kind == Node::Kind::parameter || (source.kind == Node::Kind::input && !gradient);
  if (!stays) {
    throw Error(std::string(what) + ": " + describe(planned.node, planned.id) +
                " is not kept, expected it in PlanOptions::keep");
  }
  return planned;
}

void run_backward(PlanState& s) {
  s.require_memory();
  if (!s.training) throw Error("backward: the plan was made without training");
  if (!s.ready_for_backward) {
    throw Error("backward: expected a forward() since the last backward(), bind() or setting of inputs and labels");
  }
  s.ready_for_backward = false;
  s.gradients_taken = s.sink != nullptr;
  const FloatEnvironment environment;
  s.table = &kernels::table();
  s.running = s.executor != nullptr ? s.executor : &default_executor();
  const PlannedNode& root = s.nodes.back();
  clear_padding(s.floats(root.gradient), root);
  *s.floats(root.gradient) = 1.0F;
  for (std::size_t p = s.nodes.size(); p-- > 0;) {
    const PlannedNode& planned = s.nodes[p];
    if (planned.wanted == 0) continue;
    const Context context(s, p, Pass::backward);
    for (std::size_t i = 0; i < planned.node.inputs.size(); ++i) {
      if (context.wanted(i) && !context.accumulate(i)) {
        clear_padding(context.input_gradient(i), s.nodes[planned.node.inputs[i]]);
      }
    }
    planned.node.op->backward(context);
    s.end_of(p, "backward");
  }
}

}  // namespace

std::size_t PlanState::position(Tensor tensor, const char* what) const {
  if (tensor == Tensor{}) throw Error(std::string(what) + ": the Tensor is empty");
  if (&tensor.graph() != graph)
    throw Error(std::string(what) + ": the tensor belongs to another graph than the plan");
  const auto id = static_cast<std::size_t>(tensor.id());
  if (id >= position_of.size() || position_of[id] == none) {
    throw Error(std::string(what) + ": " + describe(tensor.graph().nodes()[id], id) +
                " is not in the plan, as its root does not depend on it");
  }
  return position_of[id];
}

void PlanState::require_memory() const {
  if (memory == nullptr) throw Error("plan: it has no memory, expected a call of bind() first");
}

Plan::Plan(const Graph& graph, Tensor root, PlanOptions options) : state_(std::make_unique<PlanState>()) {
  make_plan(graph, root, options, *state_);
}

Plan::~Plan() = default;
Plan::Plan(Plan&&) noexcept = default;
Plan& Plan::operator=(Plan&&) noexcept = default;

std::size_t Plan::bytes() const { return state_->bytes; }
std::size_t Plan::bytes_without_reuse() const { return state_->bytes_without_reuse; }
int Plan::batch() const { return state_->batch; }
std::int64_t Plan::lanes() const { return state_->lanes; }
std::int64_t Plan::live() const { return state_->live; }
std::span<Parameter> Plan::parameters() { return state_->parameters; }

void Plan::bind(std::span<std::byte> memory) {
  PlanState& s = *state_;
  if (memory.size() < s.bytes) {
    throw Error("plan: the buffer has " + std::to_string(memory.size()) + " bytes, expected at least " +
                std::to_string(s.bytes));
  }
  if (const auto past = reinterpret_cast<std::uintptr_t>(memory.data()) % alignment; past != 0) {
    throw Error("plan: the buffer begins " + std::to_string(past) + " bytes past a multiple of " +
                std::to_string(alignment) + ", expected it aligned");
  }
  if (memory.data() != s.owned.get()) s.owned.reset();
  s.memory = memory.data();
  s.ready_for_backward = false;
  s.images = nullptr;
  s.input_was_images = false;
  s.gradients_taken = false;
  std::memset(s.memory, 0, s.bytes);
  for (std::size_t i = 0; i < s.parameters.size(); ++i) {
    const PlannedNode& planned = s.nodes[s.parameter_positions[i]];
    const auto size = static_cast<std::size_t>(planned.elements);
    s.parameters[i].value = {s.floats(planned.value), size};
    if (planned.gradient != none) s.parameters[i].gradient = {s.floats(planned.gradient), size};
  }
}

void Plan::bind() {
  PlanState& s = *state_;
  const bool large =
      has_huge_pages && s.bytes >= huge_page && s.bytes <= std::numeric_limits<std::size_t>::max() - huge_page;
  const std::size_t size = large ? (s.bytes + huge_page - 1) / huge_page * huge_page : s.bytes;
  const std::align_val_t align{large ? huge_page : alignment};
  std::byte* block = nullptr;
  try {
    block = static_cast<std::byte*>(::operator new(size, align));
  } catch (const std::bad_alloc&) {
    throw Error("plan: no memory for a block of " + std::to_string(s.bytes) + " bytes");
  }
  prefer_huge_pages(block, size);
  s.owned = {block, AlignedDelete{align}};
  bind({block, s.bytes});
}

void Plan::set_live(std::int64_t examples) {
  if (examples < 1 || examples > lanes()) {
    throw Error("plan: " + std::to_string(examples) + " live examples, expected 1 .. " + std::to_string(lanes()));
  }
  state_->live = examples;
  state_->images = nullptr;
  state_->ready_for_backward = false;
}

void Plan::set_input(Tensor input, std::span<const float> values) {
  PlanState& s = *state_;
  s.require_memory();
  const PlannedNode& planned = s.nodes[s.position(input, "set_input")];
  if (planned.node.kind != Node::Kind::input) {
    throw Error("set_input: " + describe(planned.node, planned.id) + " is not an input");
  }
  const std::int64_t features = planned.elements;
  if (const auto expected = static_cast<std::size_t>(features * s.live); values.size() != expected) {
    throw Error("set_input: " + std::to_string(values.size()) + " values for " +
                describe(planned.node, planned.id) + ", expected " + std::to_string(expected) + " (" +
                std::to_string(s.live) + " live examples of " + std::to_string(features) + ")");
  }
  s.ready_for_backward = false;
  if (planned.reads_images) {
    s.images = nullptr;
    s.input_was_images = false;
  }
  kernels::table().transpose(values.data(), s.live, features, features, s.floats(planned.value), s.lanes,
                             padded(s.live));
  if (planned.example_major == none) return;
  float* row = s.floats(planned.example_major);
  for (std::int64_t n = 0; n < s.live; ++n, row += padded(features)) {
    std::copy_n(values.data() + n * features, features, row);
  }
}

void Plan::set_labels(std::span<const std::int32_t> labels) {
  PlanState& s = *state_;
  s.require_memory();
  if (s.labels == none) throw Error("set_labels: no operation of the plan reads labels");
  if (labels.size() != static_cast<std::size_t>(s.live)) {
    throw Error("set_labels: " + std::to_string(labels.size()) + " labels, expected " + std::to_string(s.live) +
                ", one for each live example");
  }
  for (std::size_t n = 0; n < labels.size(); ++n) {
    if (labels[n] < 0 || labels[n] >= s.classes) {
      throw Error("set_labels: label " + std::to_string(labels[n]) + " of example " + std::to_string(n) +
                  ", expected 0 .. " + std::to_string(s.classes - 1));
    }
  }
  s.ready_for_backward = false;
  std::fill(std::copy(labels.begin(), labels.end(), s.label_memory()), s.label_memory() + padded(s.live), 0);
}

std::span<float> Plan::value(Tensor tensor) {
  const PlannedNode& planned = readable(*state_, tensor, "value", false);
  return tensor_span(state_->floats(planned.value), planned, state_->lanes);
}

std::span<float> Plan::gradient(Tensor tensor) {
  if (!state_->training) throw Error("gradient: the plan was made without training");
  const PlannedNode& planned = readable(*state_, tensor, "gradient", true);
  return tensor_span(state_->floats(planned.gradient), planned, state_->lanes);
}

float Plan::forward() {
  PlanState& s = *state_;
  s.require_memory();
  if (s.input_was_images && s.images == nullptr) {
    throw Error("forward: the input was read as images, which are gone, expected a set_input()");
  }
  s.ready_for_backward = false;  // an executor may throw
  const FloatEnvironment environment;
  s.table = &kernels::table();
  s.running = s.executor != nullptr ? s.executor : &default_executor();
  for (std::size_t p = 0; p < s.nodes.size(); ++p) {
    const PlannedNode& planned = s.nodes[p];
    if (planned.node.op == nullptr || planned.node.op->view) continue;
    clear_padding(s.floats(planned.value), planned);
    planned.node.op->forward(Context(s, p, Pass::forward));
    s.end_of(p, "forward");
  }
  s.ready_for_backward = true;
  const PlannedNode& root = s.nodes.back();
  return root.node.per_example ? 0.0F : *s.floats(root.value);
}

void Plan::backward() { run_backward(*state_); }

void backward_into(PlanState& state, GradientSink& sink) {
  struct Scope {  // an executor may throw
    PlanState& state;
    ~Scope() { state.sink = nullptr; }
  } scope{state};
  state.sink = &sink;
  run_backward(state);
}

}  // namespace quench
