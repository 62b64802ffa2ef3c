// How long a trained network takes to classify a few images: forward alone, in a model without training, from bytes
// to the loss, on one thread. Each call gets images that no call had lately.
#include "bench.h"
#include "workload.h"

namespace quench::bench {
namespace {

void measure(Bench& bench, const std::string& name, const Network& network, int images) {
  const Dataset& data = bench.data(network.images);
  ThreadPool pool(1);
  Graph graph;
  Model model(graph, network.loss(graph, data.test),
              {.batch = images, .seed = 1, .training = false, .executor = &pool});
  BatchStream batches(data.test, images);
  Peak peak = bench.peak(1);
  const Timing timing = time_calls(bench.effort(), peak, [&] { model.forward(batches.next()); });
  Work work = work_of_forward(state_of(model.plan()));
  work.images = images;
  work.bytes = static_cast<double>(images * data.test.features()) +
               sizeof(float) * static_cast<double>(model.parameters().count());
  work.footprint = static_cast<double>(model.bytes());
  bench.add(name, 1, timing, work);
}

}  // namespace

void add_latency_cases(Cases& cases) {
  for (const int images : {1, 2, 4, 8, 12, 15}) {
    const std::string name = "latency cnn " + std::to_string(images) + (images == 1 ? " image" : " images");
    cases.push_back({"forward of the CNN, not to train it", name, Case::Threads::one,
                     [=](Bench& bench, int) { measure(bench, name, cnn_network, images); }});
  }
}

}  // namespace quench::bench
