#include "quench/model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "core/float_environment.h"
#include "core/parallel.h"
#include "graph/node.h"
#include "graph/ops/softmax_cross_entropy.h"
#include "graph/plan_state.h"
#include "kernels/kernels.h"
#include "nn/init.h"
#include "quench/error.h"

namespace quench {

namespace {

Tensor check_loss(const Graph& graph, Tensor loss) {
  if (loss == Tensor{}) throw Error("model: the loss is an empty Tensor");
  if (&loss.graph() != &graph) throw Error("model: the loss belongs to another graph");
  const auto id = static_cast<std::size_t>(loss.id());
  const Node& node = graph.nodes()[id];
  if (!is_softmax_cross_entropy(node)) {
    throw Error("model: the loss is " + describe(node, id) + ", expected a softmax_cross_entropy");
  }
  return loss;
}

// Position of the only input that the loss depends on.
std::size_t find_input(const PlanState& plan) {
  std::size_t found = none;
  std::size_t count = 0;
  for (std::size_t p = 0; p < plan.nodes.size(); ++p) {
    if (plan.nodes[p].node.kind != Node::Kind::input) continue;
    found = p;
    ++count;
  }
  if (count != 1) throw Error("model: the loss depends on " + std::to_string(count) + " inputs, expected 1");
  return found;
}

// An input takes images of its own shape, of one channel if it has none, or flattened ones if it is flat.
bool takes_images(const Shape& shape, const ImageSet& images) {
  switch (shape.size()) {
    case 1:
      return shape[0] == images.features();
    case 2:
      return images.channels() == 1 && shape[0] == images.height() && shape[1] == images.width();
    case 3:
      return shape[0] == images.channels() && shape[1] == images.height() && shape[2] == images.width();
    default:
      return false;
  }
}

/// A call that is done with its images when it returns: the plan does not keep pointing at them.
class ImagesScope {
 public:
  explicit ImagesScope(PlanState& plan) : plan_(plan) {}
  ~ImagesScope() { plan_.images = nullptr; }
  ImagesScope(const ImagesScope&) = delete;
  ImagesScope& operator=(const ImagesScope&) = delete;

 private:
  PlanState& plan_;
};

// Floats that one thread gathers at least.
constexpr std::int64_t gather_grain = 16 * 1024;

}  // namespace

std::int64_t Parameters::count() const {
  std::int64_t total = 0;
  for (const Parameter& parameter : tensors) total += static_cast<std::int64_t>(parameter.value.size());
  return total;
}

struct Model::State {
  Plan plan;
  std::size_t input;
  std::size_t loss;
  std::size_t logits;                  // not kept, but read by the loss last of all: intact until backward
  std::vector<std::uint32_t> indices;  // of the images that evaluate() is at
  std::vector<std::uint32_t> drawn;    // of the batch
  kernels::Images view{};              // the batch

  State(const Graph& graph, Tensor root, const ModelOptions& options)
      : plan(graph, check_loss(graph, root),
             {.batch = options.batch, .training = options.training, .keep = {}, .executor = options.executor}),
        input(find_input(state_of(plan))),
        loss(state_of(plan).nodes.size() - 1),
        logits(state_of(plan).nodes[loss].node.inputs[0]) {}

  void check_images(const ImageSet& images);
  void gather(const Batch& batch);
  void fill_input();
  double forward(const Batch& batch);
};

void Model::State::check_images(const ImageSet& images) {
  const PlanState& p = state_of(plan);
  const Shape& shape = p.nodes[input].node.shape;
  if (!takes_images(shape, images)) {
    throw Error("model: images of shape " + to_string({images.channels(), images.height(), images.width()}) +
                ", expected the input's " + to_string(shape));
  }
  if (images.classes() > p.classes) {
    throw Error("model: images of " + std::to_string(images.classes()) + " classes, expected at most the " +
                std::to_string(p.classes) + " of the logits");
  }
}

void Model::State::gather(const Batch& batch) {
  if (batch.images == nullptr) throw Error("model: the batch has no image set");
  const ImageSet& images = *batch.images;
  const auto count = static_cast<std::int64_t>(batch.indices.size());
  if (count < 1 || count > plan.lanes()) {
    throw Error("model: a batch of " + std::to_string(count) + " examples, expected 1 .. " +
                std::to_string(plan.lanes()));
  }
  check_images(images);
  for (const std::uint32_t index : batch.indices) {
    if (index >= images.size()) {
      throw Error("model: the batch names image " + std::to_string(index) + ", expected below " +
                  std::to_string(images.size()));
    }
  }
  plan.set_live(count);

  PlanState& p = state_of(plan);
  std::int32_t* labels = p.label_memory();
  for (const std::uint32_t index : batch.indices) *labels++ = images.labels()[index];
  std::fill_n(labels, padded(count) - count, 0);

  std::ranges::copy(batch.indices, drawn.begin());
  view = {.pixels = images.pixels().data(),
          .index = drawn.data(),
          .features = images.features(),
          .count = count,
          .scale = images.normalization().scale,
          .shift = images.normalization().shift};
  p.images = p.nodes[input].reads_images ? &view : nullptr;
  p.input_was_images = p.images != nullptr;
  if (p.images == nullptr) fill_input();
  p.end_of(input, "gather");
}

void Model::State::fill_input() {
  PlanState& p = state_of(plan);
  const kernels::Table& table = kernels::table();
  const PlannedNode& node = p.nodes[input];
  float* lanes = p.floats(node.value);
  float* example_major = p.floats(node.example_major);
  const std::int64_t groups = padded(view.features) / kernels::lanes_per_group;
  const std::int64_t chunks =
      std::clamp<std::int64_t>(view.features * padded(view.count) / gather_grain, 1, groups);
  Executor& executor = p.executor != nullptr ? *p.executor : default_executor();
  parallel_for(executor, chunks, [&](std::int64_t i) {
    const std::int64_t first = groups * i / chunks * kernels::lanes_per_group;
    const std::int64_t last = std::min(groups * (i + 1) / chunks * kernels::lanes_per_group, view.features);
    table.gather_lanes(view, first, last, lanes + first * p.lanes, p.lanes);
    if (example_major) table.gather_rows(view, first, last, example_major + first, p.example_major_stride(input));
  });
}

double Model::State::forward(const Batch& batch) {
  gather(batch);
  plan.forward();
  return cross_entropy_sum(state_of(plan), loss);
}

Model::Model(const Graph& graph, Tensor loss, ModelOptions options)
    : state_(std::make_unique<State>(graph, loss, options)) {
  if (options.buffer.empty()) {
    state_->plan.bind();
  } else {
    state_->plan.bind(options.buffer);
  }
  state_->indices.resize(static_cast<std::size_t>(state_->plan.lanes()));
  state_->drawn.resize(state_->indices.size());
  initialize(state_->plan.parameters(), options.seed);
}

Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

std::size_t Model::bytes(const Graph& graph, Tensor loss, const ModelOptions& options) {
  return State(graph, loss, options).plan.bytes();
}

std::size_t Model::bytes() const { return state_->plan.bytes(); }

double Model::forward_backward(const Batch& batch) {
  const FloatEnvironment environment;
  const ImagesScope scope(state_of(state_->plan));
  const double sum = state_->forward(batch);
  state_->plan.backward();
  return sum / static_cast<double>(batch.indices.size());
}

double Model::forward_backward_into(const Batch& batch, GradientSink& sink) {
  const FloatEnvironment environment;
  const ImagesScope scope(state_of(state_->plan));
  const double loss = state_->forward(batch) / static_cast<double>(batch.indices.size());
  if (std::isfinite(loss)) backward_into(state_of(state_->plan), sink);
  return loss;
}

double Model::forward(const Batch& batch) {
  const FloatEnvironment environment;
  return state_->forward(batch) / static_cast<double>(batch.indices.size());
}

void Model::logits(const Batch& batch, std::span<float> logits) {
  const FloatEnvironment environment;
  State& s = *state_;
  const ImagesScope scope(state_of(s.plan));
  const PlanState& p = state_of(s.plan);
  const PlannedNode& node = p.nodes[s.logits];
  const auto classes = static_cast<std::size_t>(node.elements);
  if (logits.size() != batch.indices.size() * classes) {
    throw Error("model: room for " + std::to_string(logits.size()) + " logits, expected " +
                std::to_string(batch.indices.size()) + " examples times " + std::to_string(classes) + " classes");
  }
  s.forward(batch);
  const float* value = p.floats(node.value);
  for (std::size_t example = 0; example < batch.indices.size(); ++example) {
    for (std::size_t c = 0; c < classes; ++c)
      logits[example * classes + c] = value[c * static_cast<std::size_t>(p.lanes) + example];
  }
}

Evaluation Model::evaluate(const ImageSet& images) {
  const FloatEnvironment environment;
  State& s = *state_;
  const ImagesScope scope(state_of(s.plan));
  if (images.size() == 0) throw Error("model: the set to evaluate has no images, expected at least 1");
  Evaluation result;
  result.examples = images.size();
  double sum = 0;
  for (std::int64_t first = 0; first < images.size(); first += s.plan.lanes()) {
    const auto count = static_cast<std::size_t>(std::min(s.plan.lanes(), images.size() - first));
    std::iota(s.indices.begin(), s.indices.end(), static_cast<std::uint32_t>(first));
    sum += s.forward({&images, std::span(s.indices).first(count)});
    const PlanState& p = state_of(s.plan);
    const std::int64_t vectors = padded(p.live) / kernels::lanes_per_group;
    result.correct += kernels::table().count_correct({p.nodes[s.logits].elements, vectors, p.lanes},
                                                     p.floats(p.nodes[s.logits].value), p.label_memory(), p.live);
  }
  const auto examples = static_cast<double>(result.examples);
  result.loss = sum / examples;
  result.accuracy = static_cast<double>(result.correct) / examples;
  result.accuracy_error = std::sqrt(result.accuracy * (1 - result.accuracy) / examples);
  return result;
}

Parameters Model::parameters() { return {state_->plan.parameters(), state_of(state_->plan).executor}; }

Plan& Model::plan() { return state_->plan; }

}  // namespace quench
