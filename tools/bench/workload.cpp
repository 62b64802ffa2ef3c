#include "workload.h"

#include <cmath>
#include <string_view>

#include "convolution_work.h"
#include "graph/op.h"
#include "quench/error.h"

namespace quench::bench {
namespace {

Batches epoch_of(const ImageSet& images, int batch, std::int64_t epoch) {
  return images.shuffled({.batch = batch, .seed = 1, .epoch = epoch});
}

double finite(double loss) {
  if (!std::isfinite(loss)) throw Error("the loss has become " + std::to_string(loss));
  return loss;
}

bool is_op(const PlannedNode& planned, std::string_view name) {
  return planned.node.op != nullptr && std::string_view(planned.node.op->name).starts_with(name);
}
bool is_linear(const PlannedNode& planned) { return is_op(planned, "linear"); }
bool is_convolution(const PlannedNode& planned) { return is_op(planned, "conv2d"); }

/// The name of a layer, that of its weights without what they are.
std::string layer_name(const PlanState& plan, const PlannedNode& planned) {
  const std::string& name = plan.nodes[planned.node.inputs[1]].node.name;
  return name.substr(0, name.find('.'));
}

Part describe_convolution(const PlanState& plan, const PlannedNode& planned, const std::string& part) {
  const Shape& in = plan.nodes[planned.node.inputs[0]].node.shape;
  const Windows& windows = planned.node.windows;
  const std::string_view op = planned.node.op->name;
  const ConvolutionLayer layer{{in[0], in[1], in[2], planned.node.shape[0], windows.size, windows.stride,
                                windows.padding, padded(plan.live), plan.live},
                               op == "conv2d" ? 0 : windows.pool};
  const std::string name = layer_name(plan, planned);
  Part result{.name = name + " " + part, .layer = name};
  Work work;
  if (part == "forward") work = layer.forward();
  if (part == "input gradient") work = layer.input_gradient();
  if (part == "weight gradient") {
    work = layer.weight_and_bias_gradient();
    result.name = name + " weight + bias gradient";
  }
  result.flops = work.flops;
  result.inside = work.inside;
  result.bytes = work.bytes;
  return result;
}

/// Extents of a linear layer with `lanes` columns in memory, and the bytes of its matrices.
struct Layer {
  std::string name;
  std::int64_t out, in, examples;
  double weight, x, y;  // bytes; x of pixels where the layer reads images
  bool sinks;           // its weight's gradient goes to the plan's sink

  Layer(const PlanState& plan, const PlannedNode& planned)
      : name(layer_name(plan, planned)),
        out(planned.elements),
        in(plan.nodes[planned.node.inputs[0]].elements),
        examples(plan.live),
        sinks(plan.sink != nullptr && plan.nodes[planned.node.inputs[1]].taken_at_once) {
    const auto bytes = [](std::int64_t rows, std::int64_t columns) {
      return static_cast<double>(rows * columns) * sizeof(float);
    };
    weight = bytes(out, in);
    const bool pixels = plan.nodes[planned.node.inputs[0]].reads_images && plan.images != nullptr;
    x = pixels ? static_cast<double>(in * examples) : bytes(in, padded(examples));
    y = bytes(out, padded(examples));
  }

  Part product(const std::string& part, std::int64_t m, std::int64_t n, std::int64_t k) const {
    Part result{.name = name + " " + part, .layer = name};
    result.flops = 2 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
    result.bytes = weight + x + y;
    result.shape = " " + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
    return result;
  }

  Part weight_gradient(const std::string& part) const {
    Part result = product(part, out, in, examples);
    if (sinks) {
      result.bytes -= weight;
      result.taken = weight;
    }
    return result;
  }
};

Part describe_gather(const PlanState& plan, const PlannedNode& input) {
  if (plan.images != nullptr) return {.name = "gather"};  // bookkeeping: who reads the images converts them
  const auto pixels = static_cast<double>(input.elements * plan.live);
  const double copies = input.example_major != none ? 2 : 1;
  // A byte in, a float out, in lanes and where wanted example by example.
  return {.name = "gather", .bytes = pixels * (1 + copies * sizeof(float))};
}

/// Products and convolutions, each as often as it has passes.
Work sum_of_passes(const PlanState& plan, int (*passes)(const PlannedNode&)) {
  Work sum;
  bool convolutions = false;
  for (std::size_t p = 0; p < plan.nodes.size(); ++p) {
    const PlannedNode& planned = plan.nodes[p];
    if (!is_linear(planned) && !is_convolution(planned)) continue;
    const Part part = describe_part(plan, p, "forward");
    sum.flops += part.flops * passes(planned);
    sum.inside += (is_convolution(planned) ? part.inside : part.flops) * passes(planned);
    convolutions = convolutions || is_convolution(planned);
  }
  if (!convolutions) sum.inside = 0;
  return sum;
}

}  // namespace

Tensor Network::loss(Graph& graph, const ImageSet& set) const {
  const Tensor input = graph.input({set.channels(), set.height(), set.width()});
  return softmax_cross_entropy(logits(input, set.classes()));
}

const Network mlp_network = {"the MLP", Images::mnist, 1,
                             [](Tensor input, std::int64_t classes) { return mlp(input, classes); }};
const Network cnn_network = {"the CNN", Images::cifar10, 10, cnn};

Workload::Workload(const Network& network, const Dataset& data, float momentum, Executor& executor)
    : model(graph, network.loss(graph, data.train), {.batch = batch_size, .seed = 1, .executor = &executor}),
      sgd(model.parameters(), {.lr = 0.1F, .momentum = momentum, .weight_decay = 0.01F, .keep_velocity = false}) {}

double Workload::step(const Batch& batch) { return finite(sgd.step(model, batch)); }

double Workload::step_in_two_calls(const Batch& batch) {
  const double loss = finite(model.forward_backward(batch));
  sgd.step();
  return loss;
}

Workload::Traffic Workload::update_traffic(double parameter_bytes, bool gradients_in_memory) const {
  const double changed = sgd.options().momentum > 0 ? 2 : 1, read = gradients_in_memory ? 1 : 0;
  return {(2 * changed + read) * parameter_bytes, (changed + read) * parameter_bytes};
}

double Workload::parameter_bytes() { return sizeof(float) * static_cast<double>(model.parameters().count()); }

Work Workload::work_of_step() {
  return sum_of_passes(state_of(model.plan()), [](const PlannedNode& planned) {
    const bool needs_input_gradient = (planned.wanted & 1U) != 0;
    return needs_input_gradient ? 3 : 2;
  });
}

Work work_of_forward(const PlanState& plan) {
  return sum_of_passes(plan, [](const PlannedNode&) { return 1; });
}

BatchStream::BatchStream(const ImageSet& images, int batch)
    : images_(images), batch_(batch), batches_(epoch_of(images, batch, 0)) {}

Batch BatchStream::next() {
  if (step_ == batches_.size()) {
    batches_ = epoch_of(images_, batch_, ++epoch_);
    step_ = 0;
  }
  return batches_[step_++];
}

Part describe_part(const PlanState& plan, std::size_t position, const std::string& part) {
  const PlannedNode& planned = plan.nodes[position];
  if (part == "gather") return describe_gather(plan, planned);
  if (is_convolution(planned)) return describe_convolution(plan, planned, part);
  if (is_linear(planned)) {
    const Layer layer(plan, planned);
    if (part == "forward") return layer.product(part, layer.out, layer.examples, layer.in);
    if (part == "weight gradient") return layer.weight_gradient(part);
    if (part == "input gradient") return layer.product(part, layer.in, layer.examples, layer.out);
    Part other{.name = layer.name + " " + part, .layer = layer.name};
    // Reads dy; behind a ReLU reads y as well and writes dy back with zeros where y is.
    const bool relu = std::string_view(planned.node.op->name).ends_with("relu");
    if (part == "bias gradient") other.bytes = (relu ? 3 : 1) * layer.y;
    return other;
  }
  if (position + 1 == plan.nodes.size()) {
    const double logits = static_cast<double>(plan.classes * padded(plan.live)) * sizeof(float);
    return {.name = "loss " + part, .bytes = 2 * logits};
  }
  const std::string name = planned.node.op != nullptr ? planned.node.op->name : planned.node.name;
  return {.name = name + " " + part};
}

}  // namespace quench::bench
