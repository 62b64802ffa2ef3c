// Evaluation: images a second, and what it adds to an epoch of training.
#include "bench.h"
#include "clock.h"
#include "workload.h"

namespace quench::bench {
namespace {

void measure_rate(Bench& bench, const std::string& name, int threads) {
  const Dataset& data = bench.data(mlp_network.images);
  ThreadPool pool(threads);
  Workload workload(mlp_network, data, 0, pool);
  workload.model.evaluate(data.test);
  std::vector<double> rates;
  const double start = now();
  while (wants_more(bench.effort(), start, rates.size(), bench.effort().samples)) {
    const double begin = now();
    const Evaluation result = workload.model.evaluate(data.test);
    rates.push_back(static_cast<double>(result.examples) / (now() - begin));
  }
  bench.add_figure(name, threads, "images/s", statistics(std::move(rates)));
}

void measure_epoch(Bench& bench, const std::string& name, int threads) {
  const Dataset& data = bench.data(mlp_network.images);
  ThreadPool pool(threads);
  Workload workload(mlp_network, data, 0, pool);
  BatchStream batches(data.train);
  for (int i = 0; i < 30; ++i) workload.step(batches.next());
  std::vector<double> training, evaluation, ratio;
  for (int epoch = 0; epoch < bench.effort().epochs; ++epoch) {
    const double start = now();
    for (std::int64_t i = 0; i < data.train.size() / batch_size; ++i) workload.step(batches.next());
    const double trained = now();
    workload.model.evaluate(data.train);
    workload.model.evaluate(data.test);
    const double end = now();
    training.push_back(trained - start);
    evaluation.push_back(end - trained);
    ratio.push_back((end - start) / (trained - start));
  }
  bench.add_figure(name + " training", threads, "s", statistics(std::move(training)));
  bench.add_figure(name + " evaluating all images", threads, "s", statistics(std::move(evaluation)));
  bench.add_figure(name + " with / without", threads, "ratio", statistics(std::move(ratio)));
}

}  // namespace

void add_evaluation_cases(Cases& cases) {
  const std::string rate = "evaluate", epoch = "epoch";
  cases.push_back({"evaluation of the MLP", rate, Case::Threads::ends,
                   [=](Bench& bench, int threads) { measure_rate(bench, rate, threads); }});
  cases.push_back({"an epoch of the MLP", epoch, Case::Threads::ends,
                   [=](Bench& bench, int threads) { measure_epoch(bench, epoch, threads); }});
}

}  // namespace quench::bench
