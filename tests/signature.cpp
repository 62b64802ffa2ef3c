// Prints two 64-bit numbers that every bit of short training runs goes into: the numeric contract, as a command.
//
//     signature [--threads N]     "<numeric class> mlp <16 hexadecimal digits>", and lines for cnn and fdr
//     signature --list-isa        the instruction sets this machine can run, one a line
//
// The numbers may depend on the numeric class alone: not on the instruction set (QUENCH_ISA), the threads, the
// compiler or its options. tests/golden_signatures.txt holds what it must be.

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "quench/quench.h"

namespace {

using namespace quench;

/// FNV-1a over the bytes of numbers, least significant first.
class Signature {
 public:
  void add(std::uint64_t bits) {
    for (int i = 0; i < 8; ++i) hash_ = (hash_ ^ (bits >> (8 * i) & 0xFF)) * 0x100000001B3U;
  }
  void add(double x) { add(std::bit_cast<std::uint64_t>(x)); }
  void add(std::span<const float> values) {
    for (const float x : values) add(std::uint64_t{std::bit_cast<std::uint32_t>(x)});
  }
  void add(const Observables& o) {
    for (const double x : {o.theta_g, o.g_g, o.v_v, o.v_g, o.theta_v, o.theta_theta}) {
      add(std::isnan(x) ? 0.0 : x);  // not measured: the bits of a NaN differ between machines
    }
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325U;
};

/// Square images that can be learned: a class is a bright block at its own place, on noise.
ImageSet images(std::uint32_t count, std::uint32_t channels, std::uint32_t side) {
  std::vector<std::uint8_t> pixels, labels;
  for (std::uint32_t i = 0; i < count; ++i) {
    Random random(7, Stream::images, i);
    const std::uint32_t label = random.below(10);
    labels.push_back(static_cast<std::uint8_t>(label));
    for (std::uint32_t p = 0; p < channels * side * side; ++p) {
      const std::uint32_t row = p / side % side, column = p % side;
      const bool inside = row * 14 / side / 3 == label / 4 && column * 4 / side == label % 4;
      pixels.push_back(static_cast<std::uint8_t>(random.below(128) + (inside ? 127 : 0)));
    }
  }
  ImageSet set(static_cast<int>(channels), static_cast<int>(side), static_cast<int>(side), 10, std::move(pixels), std::move(labels));
  set.set_normalization(set.zero_mean_unit_variance());
  return set;
}

/// Two epochs, shuffled with a partial last batch and then iid, and an evaluation.
void train(Signature& signature, Model& model, const ImageSet& set, int batch, const SgdOptions& options) {
  Sgd sgd(model.parameters(), options);
  int steps = 0;
  const auto step = [&](const Batch& examples) {
    // Both ways to make a step, which give the same bits.
    if (++steps % 2 == 0) {
      signature.add(sgd.step(model, examples));
      signature.add(sgd.observables());
    } else {
      signature.add(model.forward_backward(examples));
      signature.add(sgd.step());
    }
  };
  for (const Batch& b : set.shuffled({.batch = batch, .seed = 5, .epoch = 0, .keep_partial = true})) step(b);
  sgd.lr *= 0.5F;
  for (const Batch& b : set.iid({.batch = batch * 3 / 5, .seed = 5, .epoch = 1})) step(b);
  for (const Parameter& p : model.parameters().tensors) signature.add(p.value);
  signature.add(sgd.norms().theta_theta);
  const Evaluation evaluation = model.evaluate(set);
  signature.add(evaluation.loss);
  signature.add(static_cast<std::uint64_t>(evaluation.correct));
}

void train_mlp(Signature& signature, const ImageSet& set, const SgdOptions& options) {
  Graph graph;
  Model model(graph, softmax_cross_entropy(mlp(graph.input({1, 28, 28}))), {.batch = 100, .seed = 3});
  train(signature, model, set, 100, options);
}

/// Batches of 50, 20 and 30: whole groups of 16 examples, and 2, 4 and 14 beside them.
void train_cnn(Signature& signature, const ImageSet& set, const SgdOptions& options) {
  Graph graph;
  Model model(graph, softmax_cross_entropy(cnn(graph.input({3, 12, 12}))), {.batch = 50, .seed = 3});
  train(signature, model, set, 50, options);
}

/// Losses and gradients of random parameters and inputs.
void run(Signature& signature, Plan& plan, Tensor x, std::initializer_list<int> batches) {
  Random random(11, Stream::weights);
  for (const Parameter& p : plan.parameters()) {
    const auto count = static_cast<std::size_t>(element_count(p.shape));
    for (float& value : p.value.first(count)) value = random.uniform(-0.5F, 0.5F);
  }
  for (const int live : batches) {
    plan.set_live(live);
    std::vector<float> values(static_cast<std::size_t>(live * element_count(x.shape())));
    for (float& value : values) value = random.uniform(-1.0F, 1.0F);
    plan.set_input(x, values);
    signature.add(static_cast<double>(plan.forward()));
    plan.backward();
    for (const Parameter& p : plan.parameters()) {
      signature.add(p.gradient.first(static_cast<std::size_t>(element_count(p.shape))));
    }
  }
}

/// Every operation that the MLP lacks once, with reuse, broadcasting and a partial batch.
void run_operations(Signature& signature) {
  Graph graph;
  const Tensor x = graph.input({6, 5});
  const Tensor w = graph.parameter({7, 6}, "w", Init::xavier_uniform);
  const Tensor u = graph.parameter({7, 7}, "u", Init::xavier_uniform);
  const Tensor b = graph.parameter({7, 5}, "b", Init::xavier_uniform);
  // One operation a line: the compiler may evaluate operands in any order, and the order of nodes is part of a
  // graph.
  const Tensor product = matmul(matmul(u, w), x);
  const Tensor h = relu(product + b);
  const Tensor square = multiply(h, h);
  const Tensor mean_square = mean(square);
  const Tensor total = sum(h);
  const Tensor mean_input = mean(x);
  const Tensor parts = mean_square + total;
  const Tensor loss = sum(batch_mean(parts + mean_input));
  Plan plan(graph, loss, {.batch = 37, .keep = {h}});
  plan.bind();
  run(signature, plan, x, {37, 20});
}

/// Convolutions and pooling in the forms that the CNN lacks: other kernels, strides and paddings, windows that
/// overlap or leave something over, averages, and each number of examples that lies flat.
void run_convolutions(Signature& signature) {
  Graph graph;
  const Tensor x = graph.input({5, 13, 11});
  const Tensor strided = conv2d(x, 7, {.kernel = 3, .stride = 2, .padding = 1});
  const Tensor even = conv2d_relu(strided, 6, {.kernel = 4, .stride = 1, .padding = 3});
  const Tensor overlapping = max_pool2d(even, 3, 2);
  const Tensor dot = conv2d_relu_max_pool2d(overlapping, 9, {.kernel = 1, .stride = 1, .padding = 0}, 3);
  const Tensor averages = average_pool2d(even, 2);
  const Tensor square = multiply(averages, averages);
  const Tensor first = sum(square), second = sum(dot);
  const Tensor loss = sum(batch_mean(first + second));
  Plan plan(graph, loss, {.batch = 37, .keep = {even}});
  plan.bind();
  run(signature, plan, x, {37, 32, 15, 8, 4, 3, 1});
}

/// A number that may not be known: the bits of a NaN differ between machines.
void add_known(Signature& signature, double x) { signature.add(std::isnan(x) ? 0.0 : x); }

void add(Signature& signature, const FdrWindow& w) {
  for (const double x : {w.loss, w.o_l, w.o_r, w.boundary_variance, w.ratio, w.ratio_sd}) add_known(signature, x);
}

/// Epochs with everything that watches a run: averages, verdict, audit, tensors, shift, detectors and cuts.
void watch(Signature& signature, Model& model, Optimizer& optimizer, const ImageSet& set, double threshold) {
  constexpr int batch = 20, epochs = 8;
  const std::int64_t steps = set.size() / batch;
  FdrDetector fdr({.threshold = threshold});
  Cutter cutter({.decay = 0.25});
  std::vector<std::unique_ptr<Detector>> detectors;
  for (const std::string_view name : detector_names()) detectors.push_back(make_detector(name, model.parameters()));
  FdrTensors tensors(model.parameters().tensors.size(), steps);
  Audit audit(steps);
  audit.restart(optimizer.norms());
  for (int epoch = 0; epoch < epochs; ++epoch) {
    optimizer.watch(epoch % 3, 3);
    audit.watch(optimizer.norms());
    for (const Batch& b : set.shuffled({.batch = batch, .seed = 9, .epoch = epoch})) {
      const double loss = optimizer.step(model, b);
      const Observables& o = optimizer.observables();
      signature.add(o.drift);
      add_known(signature, o.theta_d);
      add_known(signature, o.d_d);
      fdr.observe(loss, o);
      for (const auto& detector : detectors) detector->observe(loss, o);
      tensors.observe(optimizer.per_tensor());
      audit.observe(o);
      if (audit.wants_norms()) audit.mark(optimizer.norms());
    }
    optimizer.flush_tiny();
    const FdrVerdict verdict =
        fdr_verdict(fdr.averages(), {.threshold = threshold, .steps_per_epoch = steps, .weight_decay = 0.01});
    signature.add(static_cast<std::uint64_t>(verdict.verdict));
    for (const FdrWindow* w : {&verdict.whole, &verdict.earlier, &verdict.later}) add(signature, *w);
    add_known(signature, verdict.epochs_to_go);
    const AuditResult result = audit.check(fdr.averages(), optimizer.observables(), optimizer.norms());
    for (const double x : {result.residual, result.bound, result.drift_residual, result.drift_bound}) add_known(signature, x);
    for (const TensorSides& sides : tensors.half_running()) signature.add(sides.o_l - sides.o_r);
    for (const auto& detector : detectors) add_known(signature, detector->test().statistic);
    const Decision decision = cutter.decide(fdr.test(), optimizer.lr);
    add_known(signature, decision.finding.statistic);
    optimizer.lr = decision.next_lr;
    if (!decision.cut) continue;
    fdr.restart();
    tensors.restart();
    audit.restart(optimizer.norms());
    for (const auto& detector : detectors) detector->restart();
  }
  signature.add(static_cast<std::uint64_t>(cutter.cuts()));
  for (const Parameter& p : model.parameters().tensors) signature.add(p.value);
}

void watch_runs(Signature& signature) {
  const ImageSet set = images(240, 1, 14);
  for (const int rule : {0, 1, 2, 3}) {
    Graph graph;
    const std::int64_t hidden[] = {30};
    Model model(graph, softmax_cross_entropy(mlp(graph.input({1, 14, 14}), hidden, 10)), {.batch = 20, .seed = 3});
    if (rule < 2) {
      Sgd sgd(model.parameters(), {.lr = 0.05F, .momentum = rule == 0 ? 0.0F : 0.9F, .weight_decay = 0.01F});
      watch(signature, model, sgd, set, 20);
    } else {
      Adam adam(model.parameters(), {.lr = 0.01F, .weight_decay = 0.01F, .amsgrad = rule == 3});
      watch(signature, model, adam, set, 3);
    }
  }
}

void print(const char* section, const Signature& signature) {
  std::printf("%s %s %016llx\n", numeric_class(), section, static_cast<unsigned long long>(signature.value()));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    for (int i = 1; i < argc; ++i) {
      if (std::strcmp(argv[i], "--list-isa") == 0) {
        for (const auto& name : instruction_sets()) std::puts(name.c_str());
        return 0;
      }
      if (std::strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
        set_default_threads(std::atoi(argv[++i]));
      } else {
        std::fprintf(stderr, "signature: unknown argument '%s'\n", argv[i]);
        return 2;
      }
    }
    Signature mlp_signature;
    const ImageSet digits = images(550, 1, 28);
    train_mlp(mlp_signature, digits, {.lr = 0.1F, .weight_decay = 0.01F, .keep_velocity = false});
    train_mlp(mlp_signature, digits, {.lr = 0.05F, .momentum = 0.9F, .dampening = 0.5F, .weight_decay = 0.01F});
    run_operations(mlp_signature);
    print("mlp", mlp_signature);
    Signature cnn_signature;
    train_cnn(cnn_signature, images(120, 3, 12), {.lr = 0.1F, .momentum = 0.9F, .weight_decay = 0.01F});
    run_convolutions(cnn_signature);
    print("cnn", cnn_signature);
    Signature fdr_signature;
    watch_runs(fdr_signature);
    print("fdr", fdr_signature);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "signature: %s\n", error.what());
    return 1;
  }
}
