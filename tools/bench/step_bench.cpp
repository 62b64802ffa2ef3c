// The training steps of the MLP and the CNN, batch 100: gather, forward, loss, backward, update. Whole, as ./train
// runs it and by the two functions for who wants to see the gradients; and what ./train runs split where it runs.
// The whole is measured without the split's clock.
#include <functional>
#include <optional>

#include "bench.h"
#include "part_timer.h"
#include "watch.h"
#include "workload.h"

namespace quench::bench {
namespace {

/// Between two samples of the peak.
constexpr double round_seconds = 0.03;

/// A network, and how it is trained.
struct Training {
  const Network& network;
  const char* name;
  float momentum;
  Case::Threads threads;  ///< that its whole step is measured with
  bool two_ways;          ///< also by two calls; the gradients of convolutions are in memory with one call, too
};

/// Calls step(record) as often as the effort says, to be recorded, with some before that are not and the peak in
/// between. Returns the peak.
double run_steps(const Effort& effort, const Network& network, Peak& peak, const std::function<void(bool)>& step) {
  const int warm_up = 30 / network.length, steps = effort.steps / network.length;
  double start = now();
  for (std::size_t done = 0; wants_more(effort, start, done, warm_up); ++done) step(false);
  std::vector<double> peaks;
  start = now();
  double round_end = start;
  for (std::size_t done = 0; wants_more(effort, start, done, steps); ++done) {
    if (now() >= round_end) {
      peaks.push_back(peak.sample());
      step(false);
      round_end = now() + round_seconds;
    }
    step(true);
  }
  return peak_of(std::move(peaks));
}

using Step = double (Workload::*)(const Batch&);

/// watched: with all that ./train measures after the step.
void measure_whole(Bench& bench, const std::string& name, const Training& training, Step step, bool watched,
                   int threads) {
  const Dataset& data = bench.data(training.network.images);
  ThreadPool pool(threads);
  Workload workload(training.network, data, training.momentum, pool);
  BatchStream batches(data.train);
  std::optional<Watch> watch;
  if (watched) watch.emplace(workload.model, workload.sgd, data.train.size() / batch_size);
  Peak peak = bench.peak(threads);
  std::vector<double> seconds;
  const double peak_rate = run_steps(bench.effort(), training.network, peak, [&](bool record) {
    const Batch batch = batches.next();
    const double start = now();
    const double loss = (workload.*step)(batch);
    if (watch) watch->step(loss);
    if (record) seconds.push_back(now() - start);
  });
  bench.add(name, threads, {statistics(std::move(seconds)), peak_rate}, workload.work_of_step());
}

/// What an operation does after the last part that it names itself is no part of its own.
std::vector<PartTimer::Samples> merged(const std::vector<PartTimer::Samples>& parts) {
  std::vector<PartTimer::Samples> list;
  for (const PartTimer::Samples& part : parts) {
    const bool rest = part.part == "backward" && !list.empty() && list.back().position == part.position &&
                      list.back().part != "forward";
    if (!rest) {
      list.push_back(part);
      continue;
    }
    std::vector<double>& sum = list.back().seconds;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part.seconds[i];
  }
  return list;
}

void measure_split(Bench& bench, const std::string& name, const Training& training, int threads) {
  const Dataset& data = bench.data(training.network.images);
  ThreadPool pool(threads);
  Workload workload(training.network, data, training.momentum, pool);
  BatchStream batches(data.train);
  PlanState& plan = state_of(workload.model.plan());
  Peak peak = bench.peak(threads);

  PartTimer timer(plan);
  std::vector<double> seconds;
  const double peak_rate = run_steps(bench.effort(), training.network, peak, [&](bool record) {
    const Batch batch = batches.next();
    const double start = now();
    timer.begin(record);
    workload.step(batch);
    timer.end_of(plan.nodes.size(), "update");  // what follows the last part that the plan tells of
    if (record) seconds.push_back(now() - start);
  });

  const Statistics whole = statistics(std::move(seconds));
  const std::vector<PartTimer::Samples> parts = merged(timer.parts());
  double taken = 0;  // bytes of parameters that are updated before the last part
  for (const PartTimer::Samples& samples : parts) taken += samples.description.taken;
  for (const PartTimer::Samples& samples : parts) {
    const Statistics time = statistics(samples.seconds);
    Part part = samples.description;
    Workload::Traffic update;
    if (part.taken > 0) {
      part.name += " + update";
      update = workload.update_traffic(part.taken, false);
    } else if (samples.position == plan.nodes.size()) {
      if (taken > 0) part.name += " of the rest";
      update = workload.update_traffic(workload.parameter_bytes() - taken, true);
    }
    bench.add(name + " " + part.name, threads, {time, peak_rate},
              {.flops = part.flops,
               .inside = part.inside,
               .bytes = part.bytes + update.bytes,
               .footprint = part.bytes + update.footprint,
               .share = time.median / whole.median});
  }
  Work work = workload.work_of_step();
  work.share = 1;
  bench.add(name + " whole", threads, {whole, peak_rate}, work);
}

}  // namespace

void add_step_cases(Cases& cases) {
  using Threads = Case::Threads;
  static constexpr Training trainings[] = {{mlp_network, "sgd", 0.0F, Threads::ends, true},
                                           {mlp_network, "momentum", 0.9F, Threads::ends, true},
                                           {cnn_network, "cnn", 0.9F, Threads::every, false}};
  struct Way {
    const char* name;
    Step step;
    bool watched;
  };
  constexpr Way ways[] = {{"", &Workload::step, false},
                          {" watched", &Workload::step, true},
                          {" two calls", &Workload::step_in_two_calls, false}};
  for (const Training& training : trainings) {
    for (const Way& way : ways) {
      if (way.step == &Workload::step_in_two_calls && !training.two_ways) continue;
      const std::string name = std::string("step ") + training.name + way.name;
      cases.push_back({std::string("training step of ") + training.network.title + ", whole", name,
                       training.threads, [=, &training](Bench& bench, int threads) {
                         measure_whole(bench, name, training, way.step, way.watched, threads);
                       }});
    }
  }
  for (const Training& training : trainings) {
    const std::string name = std::string("split ") + training.name;
    cases.push_back({name + ": parts of the step", name, Case::Threads::ends,
                     [=, &training](Bench& bench, int threads) { measure_split(bench, name, training, threads); },
                     true});
  }
}

}  // namespace quench::bench
