#include "graph/planner.h"

#include <algorithm>
#include <string>
#include <utility>

#include "graph/op.h"
#include "quench/error.h"

namespace quench {

namespace {

constexpr int max_batch = 1 << 24;
constexpr std::int64_t before_all = -1;  // first step of what lives always

class Planner {
 public:
  Planner(const Graph& graph, Tensor root, const PlanOptions& options, PlanState& state)
      : graph_(graph), state_(state), nodes_(state.nodes) {
    check_arguments(root, options);
    state_.graph = &graph;
    state_.batch = options.batch;
    state_.lanes = padded(options.batch);
    state_.live = state_.lanes;  // while scratch is measured
    state_.training = options.training;
    state_.executor = options.executor;
    select_nodes(root);
    if (options.training) check_differentiable(options);
    mark_kept(options.keep);
    if (options.training) decide_gradients();
    decide_extras();
    make_value_buffers();
    if (options.training) make_gradient_buffers();
    share_buffers_with_views();
    list_parameters();
    decide_images();
    if (options.training) decide_sinks();
    make_scratch_buffers();
    state_.bytes_without_reuse = total_bytes(state_.buffers);
    state_.bytes = place_buffers(state_.buffers);
    state_.live = options.batch;
  }

 private:
  void check_arguments(Tensor root, const PlanOptions& options) const {
    if (options.batch < 1 || options.batch > max_batch) {
      throw Error("plan: batch is " + std::to_string(options.batch) + ", expected 1 .. " +
                  std::to_string(max_batch));
    }
    check_tensor(root, "root");
    for (const Tensor kept : options.keep) check_tensor(kept, "a tensor to keep");
    if (!options.training) return;
    if (root.per_example() || element_count(root.shape()) != 1) {
      throw Error("plan: root has shape " + to_string(root.shape()) +
                  (root.per_example() ? " for each example" : "") +
                  ", expected one shared element to differentiate");
    }
  }

  void check_tensor(Tensor tensor, const char* what) const {
    if (tensor == Tensor{}) throw Error(std::string("plan: ") + what + " is an empty Tensor");
    if (&tensor.graph() != &graph_) throw Error(std::string("plan: ") + what + " belongs to another graph");
  }

  std::int64_t forward_step(std::size_t position) const { return static_cast<std::int64_t>(position); }
  std::int64_t backward_step(std::size_t position) const {
    return 2 * static_cast<std::int64_t>(nodes_.size()) - 1 - static_cast<std::int64_t>(position);
  }
  // The first step after all others.
  std::int64_t end() const { return static_cast<std::int64_t>(nodes_.size()) * (state_.training ? 2 : 1); }
  std::size_t source(std::size_t position) const { return nodes_[position].source; }
  bool computes(std::size_t position) const {
    return nodes_[position].node.op != nullptr && !nodes_[position].node.op->view;
  }

  // Copies the nodes that root depends on. Inputs precede their users, so one sweep from the back finds them.
  void select_nodes(Tensor root) {
    const auto& all = graph_.nodes();
    const auto root_id = static_cast<std::size_t>(root.id());
    std::vector<char> needed(root_id + 1, 0);
    needed[root_id] = 1;
    for (std::size_t id = root_id + 1; id-- > 0;) {
      if (needed[id] == 0) continue;
      for (const std::size_t input : all[id].inputs) needed[input] = 1;
    }
    state_.position_of.assign(all.size(), none);
    for (std::size_t id = 0; id <= root_id; ++id) {
      if (needed[id] == 0) continue;
      const std::size_t position = nodes_.size();
      state_.position_of[id] = position;
      PlannedNode planned;
      planned.node = all[id];
      planned.id = id;
      planned.elements = element_count(planned.node.shape);
      for (std::size_t& input : planned.node.inputs) input = state_.position_of[input];
      const bool view = planned.node.op != nullptr && planned.node.op->view;
      planned.source = view ? source(planned.node.inputs[0]) : position;
      nodes_.push_back(std::move(planned));
    }
  }

  void check_differentiable(const PlanOptions& options) const {
    const auto is_parameter = [](const PlannedNode& p) { return p.node.kind == Node::Kind::parameter; };
    if (options.keep.empty() && std::none_of(nodes_.begin(), nodes_.end(), is_parameter)) {
      throw Error("plan: root depends on no parameter and nothing is kept, expected something to differentiate by");
    }
  }

  // What is kept is memory: keeping a view keeps its source. The root is always kept.
  void mark_kept(const std::vector<Tensor>& keep) {
    for (const Tensor tensor : keep) {
      const auto id = static_cast<std::size_t>(tensor.id());
      if (state_.position_of[id] == none) {
        throw Error("plan: root does not depend on " + describe(graph_.nodes()[id], id) + ", which is to be kept");
      }
      nodes_[source(state_.position_of[id])].kept = true;
    }
    nodes_[source(nodes_.size() - 1)].kept = true;
  }

  // A gradient exists for parameters, kept tensors and what is computed from either; the first contribution to it,
  // in the order of the backward pass, stores and the later ones add.
  void decide_gradients() {
    has_gradient_.assign(nodes_.size(), 0);
    for (std::size_t p = 0; p < nodes_.size(); ++p) {
      const PlannedNode& planned = nodes_[p];
      if (planned.source != p) continue;
      bool needed = planned.node.kind == Node::Kind::parameter || planned.kept;
      for (const std::size_t input : planned.node.inputs) needed = needed || has_gradient_[source(input)] != 0;
      has_gradient_[p] = needed ? 1 : 0;
    }
    gradient_first_.assign(nodes_.size(), end());
    gradient_first_[source(nodes_.size() - 1)] = static_cast<std::int64_t>(nodes_.size());  // the root's seed, 1
    for (std::size_t p = nodes_.size(); p-- > 0;) {
      if (!computes(p)) continue;
      PlannedNode& planned = nodes_[p];
      for (std::size_t i = 0; i < planned.node.inputs.size(); ++i) {
        const std::size_t input = source(planned.node.inputs[i]);
        if (has_gradient_[input] == 0) continue;
        const std::uint32_t bit = std::uint32_t{1} << i;
        planned.wanted |= bit;
        if (gradient_first_[input] != end()) planned.accumulate |= bit;
        gradient_first_[input] = std::min(gradient_first_[input], backward_step(p));
      }
    }
  }

  bool runs_backward(std::size_t position) const { return nodes_[position].wanted != 0; }

  // Labels, and second copies of inputs for the operations that want them.
  void decide_extras() {
    bool reads_labels = false;
    for (std::size_t p = 0; p < nodes_.size(); ++p) {
      if (!computes(p)) continue;
      const Node& node = nodes_[p].node;
      if (node.op->reads_labels) {
        const std::int64_t classes = nodes_[node.inputs[0]].elements;
        state_.classes = reads_labels ? std::min(state_.classes, classes) : classes;
        reads_labels = true;
      }
      if (node.op->wants_example_major && runs_backward(p)) {
        PlannedNode& input = nodes_[source(node.inputs[0])];
        if (input.node.kind == Node::Kind::input && input.example_major == none) {
          input.example_major = add(before_all, end(), float_bytes(padded(input.elements) * state_.lanes));
        }
      }
    }
    if (reads_labels) {
      state_.labels = add(before_all, end(), static_cast<std::uint64_t>(state_.lanes) * sizeof(std::int32_t));
    }
  }

  std::size_t add(std::int64_t first, std::int64_t last, std::uint64_t bytes) {
    state_.buffers.push_back({first, last, aligned(bytes), none, 0});
    return state_.buffers.size() - 1;
  }

  std::uint64_t tensor_bytes(std::size_t position) const {
    const PlannedNode& planned = nodes_[position];
    return float_bytes(planned.node.per_example ? planned.elements * state_.lanes : padded(planned.elements));
  }

  bool same_size(std::size_t a, std::size_t b) const {
    return nodes_[a].node.per_example == nodes_[b].node.per_example && nodes_[a].elements == nodes_[b].elements;
  }

  void make_value_buffers() {
    std::vector<std::int64_t> last(nodes_.size());
    for (std::size_t p = 0; p < nodes_.size(); ++p) last[p] = forward_step(p);
    const auto read = [&](std::size_t position, std::int64_t step) {
      std::int64_t& latest = last[source(position)];
      latest = std::max(latest, step);
    };
    for (std::size_t p = 0; p < nodes_.size(); ++p) {
      const PlannedNode& planned = nodes_[p];
      if (planned.kept || planned.node.op == nullptr) last[p] = end();
      if (!computes(p)) continue;
      const Op& op = *planned.node.op;
      for (std::size_t i = 0; i < planned.node.inputs.size(); ++i) {
        read(planned.node.inputs[i], forward_step(p));
        if (runs_backward(p) && op.backward_reads_input != nullptr && op.backward_reads_input(i, planned.wanted)) {
          read(planned.node.inputs[i], backward_step(p));
        }
      }
      if (runs_backward(p) && op.backward_reads_output) read(p, backward_step(p));
    }

    for (std::size_t p = 0; p < nodes_.size(); ++p) {
      PlannedNode& planned = nodes_[p];
      if (planned.source != p) continue;
      planned.value = add(computes(p) ? forward_step(p) : before_all, last[p], tensor_bytes(p));
      if (!computes(p) || !planned.node.op->in_place) continue;
      for (const std::size_t input : planned.node.inputs) {
        const std::size_t donor = source(input);
        if (last[donor] == forward_step(p) && same_size(donor, p)) {
          state_.buffers[planned.value].takes_place_of = nodes_[donor].value;
          break;
        }
      }
    }
  }

  void make_gradient_buffers() {
    for (std::size_t p = 0; p < nodes_.size(); ++p) {
      PlannedNode& planned = nodes_[p];
      if (planned.source != p || has_gradient_[p] == 0) continue;
      // Gradients of parameters outlive the step: forward passes may come between backward and the update.
      const bool parameter = planned.node.kind == Node::Kind::parameter;
      const bool stays = parameter || planned.kept;
      planned.gradient =
          add(parameter ? before_all : gradient_first_[p], stays ? end() : backward_step(p), tensor_bytes(p));
    }
    for (std::size_t p = 0; p < nodes_.size(); ++p) {
      const PlannedNode& planned = nodes_[p];
      if (!runs_backward(p) || !planned.node.op->in_place) continue;
      // After the last wanted input nothing reads the output's gradient.
      std::size_t i = planned.node.inputs.size() - 1;
      while ((planned.wanted >> i & 1U) == 0) --i;
      const std::size_t input = source(planned.node.inputs[i]);
      Buffer& taker = state_.buffers[nodes_[input].gradient];
      const Buffer& donor = state_.buffers[planned.gradient];
      const bool stores = (planned.accumulate >> i & 1U) == 0;
      if (stores && same_size(input, p) && taker.first == backward_step(p) && donor.last == backward_step(p)) {
        taker.takes_place_of = planned.gradient;
      }
    }
  }

  // An input stays images where everyone who uses it can read them and nobody wants to see its values or gradient.
  void decide_images() {
    for (PlannedNode& planned : nodes_)
      planned.reads_images = planned.node.kind == Node::Kind::input && !planned.kept;
    for (std::size_t p = 0; p < nodes_.size(); ++p) {
      if (!computes(p)) continue;
      const Op& op = *nodes_[p].node.op;
      for (std::size_t i = 0; i < nodes_[p].node.inputs.size(); ++i) {
        PlannedNode& input = nodes_[source(nodes_[p].node.inputs[i])];
        const bool can = i == 0 && op.reads_images != nullptr && op.reads_images(Context(state_, p, Pass::forward));
        if (!can) input.reads_images = false;
      }
    }
    for (PlannedNode& planned : nodes_) planned.reads_images = nodes_[planned.source].reads_images;
  }

  // A gradient with a single contribution, from an operation that feeds sinks, never needs to be in memory. (Today
  // only linear feeds sinks, with weights of its own, so that no other contribution can come.)
  void decide_sinks() {
    std::vector<int> contributions(nodes_.size(), 0);
    for (std::size_t p = 0; p < nodes_.size(); ++p) {
      if (!computes(p)) continue;
      const PlannedNode& planned = nodes_[p];
      for (std::size_t i = 0; i < planned.node.inputs.size(); ++i) {
        if ((planned.wanted >> i & 1U) == 0) continue;
        const std::size_t input = source(planned.node.inputs[i]);
        nodes_[input].taken_at_once = ++contributions[input] == 1 && !nodes_[input].kept &&
                                      nodes_[input].node.kind == Node::Kind::parameter &&
                                      planned.node.inputs[i] == input &&
                                      planned.node.op->feeds_sink == static_cast<int>(i);
      }
    }
  }

  void make_scratch_buffers() {
    for (std::size_t p = 0; p < nodes_.size(); ++p) {
      if (!computes(p)) continue;
      PlannedNode& planned = nodes_[p];
      const Op& op = *planned.node.op;
      // The products count theirs in a size_t. It is at most about twice their operands and result: where it wraps
      // around, those are refused.
      const auto scratch = [&](std::uint64_t (*measure)(const Context&), Pass pass, std::int64_t first,
                               std::int64_t last) {
        const std::uint64_t bytes = measure == nullptr ? 0 : measure(Context(state_, p, pass));
        return bytes == 0 ? none : add(first, last, bytes);
      };
      const std::int64_t forward = forward_step(p);
      const std::int64_t backward = backward_step(p);
      planned.saved = scratch(op.saved_bytes, Pass::forward, forward, runs_backward(p) ? backward : forward);
      planned.forward_workspace = scratch(op.forward_workspace, Pass::forward, forward, forward);
      if (runs_backward(p)) {
        planned.backward_workspace = scratch(op.backward_workspace, Pass::backward, backward, backward);
      }
    }
  }

  void share_buffers_with_views() {
    for (PlannedNode& planned : nodes_) {
      const PlannedNode& shown = nodes_[planned.source];
      planned.value = shown.value;
      planned.gradient = shown.gradient;
      planned.example_major = shown.example_major;
      planned.kept = shown.kept;
    }
  }

  void list_parameters() {
    for (std::size_t p = 0; p < nodes_.size(); ++p) {
      const Node& node = nodes_[p].node;
      if (node.kind != Node::Kind::parameter) continue;
      state_.parameters.push_back({node.name, node.shape, node.init, {}, {}});
      state_.parameter_positions.push_back(p);
      nodes_[p].parameter = state_.parameters.size() - 1;
    }
  }

  const Graph& graph_;
  PlanState& state_;
  std::vector<PlannedNode>& nodes_;
  std::vector<char> has_gradient_;            // of sources
  std::vector<std::int64_t> gradient_first_;  // of sources: step of the first contribution
};

}  // namespace

void make_plan(const Graph& graph, Tensor root, const PlanOptions& options, PlanState& state) {
  Planner(graph, root, options, state);
}

}  // namespace quench
