// The mean over the live examples of -log softmax(z)[label]; dz = (softmax(z) - one_hot(label)) / live.
#include "graph/ops/softmax_cross_entropy.h"

#include "graph/ops/building.h"
#include "graph/plan_state.h"

namespace quench {

namespace {

// Kept for backward: the probabilities, [classes][lanes] like the logits, after one vector that holds the sum of
// the losses in double.
constexpr std::uint64_t sum_bytes = alignment;

float* probabilities(const Context& c) {
  return reinterpret_cast<float*>(static_cast<std::byte*>(c.saved()) + sum_bytes);
}

void forward(const Context& c) {
  const double sum =
      c.table().softmax_cross_entropy(c.input_block(0), c.input(0), c.labels(), c.live(), probabilities(c));
  *static_cast<double*>(c.saved()) = sum;
  *c.output() = static_cast<float>(sum / static_cast<double>(c.live()));
}

void backward(const Context& c) {
  const float factor = *c.output_gradient() / static_cast<float>(c.live());
  c.table().softmax_cross_entropy_backward(c.input_block(0), probabilities(c), c.labels(), c.live(), factor,
                                           c.input_gradient(0), c.accumulate(0));
}

constexpr Op softmax_cross_entropy_op{
    .name = "softmax_cross_entropy",
    .forward = forward,
    .backward = backward,
    .reads_labels = true,
    .saved_bytes = [](const Context& c) { return sum_bytes + float_bytes(c.input_elements(0) * c.lanes()); },
};

}  // namespace

Tensor softmax_cross_entropy(Tensor logits) {
  const Op& op = softmax_cross_entropy_op;
  check_arguments(op, {logits});
  if (!logits.per_example()) {
    refuse(op, "the logits, of shape " + to_string(logits.shape()) + ", are shared, expected per-example");
  }
  if (logits.shape().size() != 1) {
    refuse(op, "the logits have shape " + to_string(logits.shape()) + ", expected one dimension, [classes]");
  }
  return append(op, {logits}, {1}, false);
}

bool is_softmax_cross_entropy(const Node& node) { return node.op == &softmax_cross_entropy_op; }

double cross_entropy_sum(const PlanState& state, std::size_t position) {
  return *reinterpret_cast<const double*>(state.at(state.nodes[position].saved));
}

}  // namespace quench
