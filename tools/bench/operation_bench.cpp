// The products that the MLP's layers run: their operations themselves, called one by one on a model that has just
// made a step. The first layer so reads the images of that step, again and again. The gradient of a weight is
// measured both to memory ("weight gradient") and by pieces, as an update takes them, which are dropped here
// ("weight pieces").
#include "bench.h"
#include "graph/gradient_sink.h"
#include "graph/op.h"
#include "part_timer.h"
#include "quench/error.h"
#include "workload.h"

namespace quench::bench {
namespace {

std::size_t find_layer(const PlanState& plan, const std::string& layer) {
  for (std::size_t p = 0; p < plan.nodes.size(); ++p) {
    if (plan.nodes[p].node.op == nullptr) continue;
    if (describe_part(plan, p, "forward").name == layer + " forward") return p;
  }
  throw Error("the network has no layer " + layer);
}

struct Dropping final : GradientSink {
  void take(std::size_t, const kernels::PieceGrid&, std::int64_t, std::int64_t, const float*,
            std::int64_t) noexcept override {}
  void expect(std::size_t, const kernels::PieceGrid&, std::int64_t, std::int64_t) noexcept override {}
};

/// The parts of backward, each call timed by itself: with a sink those alone that it takes from.
void measure_backward(Bench& bench, const std::string& start, PlanState& plan, std::size_t position,
                      GradientSink* sink, Peak& peak) {
  const Effort& effort = bench.effort();
  PartTimer timer(plan);
  plan.sink = sink;
  const auto call = [&](bool record) {
    timer.begin(record);
    plan.nodes[position].node.op->backward(Context(plan, position, Pass::backward));
  };
  call(false);
  std::vector<double> peaks;
  const double begin = now();
  while (wants_more(effort, begin, peaks.size(), effort.samples)) {
    peaks.push_back(peak.sample());
    call(false);
    const double end = now() + effort.sample_seconds;
    do call(true);
    while (now() < end);
  }
  plan.sink = nullptr;
  const double peak_rate = peak_of(std::move(peaks));
  for (const PartTimer::Samples& samples : timer.parts()) {
    const Part& part = samples.description;
    if (sink != nullptr && part.taken == 0) continue;
    const std::string name = sink != nullptr ? part.layer + " weight pieces" : part.name;
    bench.add(start + name + part.shape, peak.threads(), {statistics(samples.seconds), peak_rate},
              {.flops = part.flops, .bytes = part.bytes});
  }
}

void measure(Bench& bench, const std::string& start, const std::string& layer, int threads) {
  const Dataset& data = bench.data(mlp_network.images);
  ThreadPool pool(threads);
  Workload workload(mlp_network, data, 0, pool);
  BatchStream batches(data.train);
  const Batch batch = batches.next();
  workload.step(batch);  // weights as an update leaves them
  // By itself forward() leaves the images to the plan.
  workload.model.forward(batch);
  workload.model.plan().backward();
  PlanState& plan = state_of(workload.model.plan());
  const std::size_t position = find_layer(plan, layer);
  if (plan.nodes[plan.nodes[position].node.inputs[0]].reads_images && plan.images == nullptr) {
    throw Error("forward has left no images to the plan");
  }

  Peak peak = bench.peak(threads);
  const Part forward = describe_part(plan, position, "forward");
  const Timing timing = time_calls(
      bench.effort(), peak, [&] { plan.nodes[position].node.op->forward(Context(plan, position, Pass::forward)); });
  bench.add(start + forward.name + forward.shape, threads, timing,
            {.flops = forward.flops, .bytes = forward.bytes});
  measure_backward(bench, start, plan, position, nullptr, peak);
  Dropping dropping;
  measure_backward(bench, start, plan, position, &dropping, peak);
}

}  // namespace

void add_operation_cases(Cases& cases) {
  const std::string start = "mlp ";
  for (const char* layer : {"fc1", "fc2", "fc3"}) {
    cases.push_back({"the MLP's layers, one call repeated", start + layer, Case::Threads::ends,
                     [=](Bench& bench, int threads) { measure(bench, start, layer, threads); }});
  }
}

}  // namespace quench::bench
