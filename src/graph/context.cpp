#include "graph/op.h"
#include "graph/plan_state.h"

namespace quench {

namespace {

kernels::Block block_of(const PlanState& state, const PlannedNode& planned) {
  constexpr std::int64_t group = kernels::lanes_per_group;
  if (planned.node.per_example) return {planned.elements, padded(state.live) / group, state.lanes};
  const std::int64_t floats = padded(planned.elements);
  return {1, floats / group, floats};
}

}  // namespace

const Node& Context::node() const { return state_.nodes[position_].node; }
const kernels::Table& Context::table() const { return *state_.table; }
Executor& Context::executor() const { return *state_.running; }
std::int64_t Context::lanes() const { return state_.lanes; }
std::int64_t Context::live() const { return state_.live; }

const Node& Context::input_node(std::size_t i) const { return state_.nodes[node().inputs[i]].node; }
std::int64_t Context::input_elements(std::size_t i) const { return state_.nodes[node().inputs[i]].elements; }
std::int64_t Context::output_elements() const { return state_.nodes[position_].elements; }
kernels::Block Context::input_block(std::size_t i) const {
  return block_of(state_, state_.nodes[node().inputs[i]]);
}
kernels::Block Context::output_block() const { return block_of(state_, state_.nodes[position_]); }

float* Context::floats(std::size_t buffer) const { return state_.floats(buffer); }

const float* Context::input(std::size_t i) const { return floats(state_.nodes[node().inputs[i]].value); }

const float* Context::example_major_input(std::size_t i) const {
  return floats(state_.nodes[node().inputs[i]].example_major);
}
std::int64_t Context::example_major_stride(std::size_t i) const {
  return state_.example_major_stride(node().inputs[i]);
}
bool Context::has_example_major_input(std::size_t i) const {
  return state_.nodes[node().inputs[i]].example_major != none;
}

const kernels::Images* Context::images(std::size_t i) const {
  return state_.nodes[node().inputs[i]].reads_images ? state_.images : nullptr;
}

float* Context::output() const { return floats(state_.nodes[position_].value); }
void* Context::saved() const { return state_.at(state_.nodes[position_].saved); }
const std::int32_t* Context::labels() const { return state_.label_memory(); }

void* Context::workspace() const {
  const PlannedNode& planned = state_.nodes[position_];
  return state_.at(pass_ == Pass::forward ? planned.forward_workspace : planned.backward_workspace);
}

bool Context::wanted(std::size_t i) const { return (state_.nodes[position_].wanted >> i & 1U) != 0; }
bool Context::accumulate(std::size_t i) const { return (state_.nodes[position_].accumulate >> i & 1U) != 0; }

float* Context::input_gradient(std::size_t i) const {
  return wanted(i) ? floats(state_.nodes[node().inputs[i]].gradient) : nullptr;
}

ParameterSink Context::sink(std::size_t i) const {
  const PlannedNode& input = state_.nodes[node().inputs[i]];
  return input.taken_at_once ? ParameterSink{state_.sink, input.parameter} : ParameterSink{};
}

kernels::PieceSink ParameterSink::pieces() const {
  return {[](void* context, const kernels::PieceGrid& grid, std::int64_t band, std::int64_t panel, const float* c,
             std::int64_t c_row) noexcept {
            const auto* self = static_cast<const ParameterSink*>(context);
            self->sink->take(self->parameter, grid, band, panel, c, c_row);
          },
          [](void* context, const kernels::PieceGrid& grid, std::int64_t band, std::int64_t panel) noexcept {
            const auto* self = static_cast<const ParameterSink*>(context);
            self->sink->expect(self->parameter, grid, band, panel);
          },
          const_cast<ParameterSink*>(this)};
}

float* Context::output_gradient() const { return floats(state_.nodes[position_].gradient); }
bool Context::output_gradient_is_scratch() const { return !state_.nodes[position_].kept; }

void Context::end_of(const char* part) const { state_.end_of(position_, part); }

}  // namespace quench
