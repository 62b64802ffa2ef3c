#include "workload.h"

#include <string_view>

#include "graph/op.h"
#include "quench/error.h"

namespace quench::bench {
namespace {

Tensor mlp_loss(Graph& graph, const ImageSet& images) {
  const Tensor input = graph.input({images.channels(), images.height(), images.width()});
  return softmax_cross_entropy(mlp(input, images.classes()));
}

Batches epoch_of(const ImageSet& images, std::int64_t epoch) {
  return images.shuffled({.batch = batch_size, .seed = 1, .epoch = epoch});
}

/// Extents of a linear layer with `lanes` columns in memory, and the bytes of its matrices.
struct Layer {
  std::string name;
  std::int64_t out, in, examples;
  double weight, x, y;  // bytes; x of pixels where the layer reads images
  bool sinks;           // its weight's gradient goes to the plan's sink

  Layer(const PlanState& plan, const PlannedNode& planned)
      : name(plan.nodes[planned.node.inputs[1]].node.name),
        out(planned.elements),
        in(plan.nodes[planned.node.inputs[0]].elements),
        examples(plan.live),
        sinks(plan.sink != nullptr && plan.nodes[planned.node.inputs[1]].taken_at_once) {
    name.resize(name.find('.'));
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

bool is_linear(const PlannedNode& planned) {
  return planned.node.op != nullptr && std::string_view(planned.node.op->name).starts_with("linear");
}

Part describe_gather(const PlanState& plan, const PlannedNode& input) {
  if (plan.images != nullptr) return {.name = "gather"};  // bookkeeping: who reads the images converts them
  const auto pixels = static_cast<double>(input.elements * plan.live);
  const double copies = input.example_major != none ? 2 : 1;
  // A byte in, a float out, in lanes and where wanted example by example.
  return {.name = "gather", .bytes = pixels * (1 + copies * sizeof(float))};
}

}  // namespace

Workload::Workload(const Dataset& data, float momentum, Executor& executor)
    : model(graph, mlp_loss(graph, data.train), {.batch = batch_size, .seed = 1, .executor = &executor}),
      sgd(model.parameters(), {.lr = 0.1F, .momentum = momentum, .weight_decay = 0.01F, .keep_velocity = false}) {}

double Workload::step(const Batch& batch) { return sgd.step(model, batch); }

double Workload::step_in_two_calls(const Batch& batch) {
  const double loss = model.forward_backward(batch);
  sgd.step();
  return loss;
}

Workload::Traffic Workload::update_traffic(double parameter_bytes, bool gradients_in_memory) const {
  const double changed = sgd.options().momentum > 0 ? 2 : 1, read = gradients_in_memory ? 1 : 0;
  return {(2 * changed + read) * parameter_bytes, (changed + read) * parameter_bytes};
}

double Workload::parameter_bytes() { return sizeof(float) * static_cast<double>(model.parameters().count()); }

double Workload::flops_per_step() {
  const PlanState& plan = state_of(model.plan());
  double flops = 0;
  for (std::size_t p = 0; p < plan.nodes.size(); ++p) {
    if (!is_linear(plan.nodes[p])) continue;
    const bool needs_input_gradient = (plan.nodes[p].wanted & 1U) != 0;
    flops += describe_part(plan, p, "forward").flops * (needs_input_gradient ? 3 : 2);
  }
  return flops;
}

BatchStream::BatchStream(const ImageSet& images) : images_(images), batches_(epoch_of(images, 0)) {}

Batch BatchStream::next() {
  if (step_ == batches_.size()) {
    batches_ = epoch_of(images_, ++epoch_);
    step_ = 0;
  }
  return batches_[step_++];
}

Part describe_part(const PlanState& plan, std::size_t position, const std::string& part) {
  const PlannedNode& planned = plan.nodes[position];
  if (part == "gather") return describe_gather(plan, planned);
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
