// The training step of the MLP, batch 100: gather, forward, loss, backward, update. Whole, as ./train runs it and
// by the two functions for who wants to see the gradients; and what ./train runs split where it runs. The whole is
// measured without the split's clock.
#include <functional>

#include "bench.h"
#include "part_timer.h"
#include "workload.h"

namespace quench::bench {
namespace {

/// Steps between two samples of the peak.
constexpr std::size_t steps_per_round = 50;

/// Calls step(record) effort.steps times to be recorded, with some before that are not and the peak in between.
/// Returns the peak.
double run_steps(const Effort& effort, Peak& peak, const std::function<void(bool)>& step) {
  constexpr int warm_up = 30;
  double start = now();
  for (std::size_t done = 0; wants_more(effort, start, done, warm_up); ++done) step(false);
  std::vector<double> peaks;
  start = now();
  for (std::size_t done = 0; wants_more(effort, start, done, effort.steps); ++done) {
    if (done % steps_per_round == 0) {
      peaks.push_back(peak.sample());
      step(false);
    }
    step(true);
  }
  return peak_of(std::move(peaks));
}

using Step = double (Workload::*)(const Batch&);

void measure_whole(Bench& bench, const std::string& name, float momentum, Step step, int threads) {
  const Dataset& data = bench.data();
  ThreadPool pool(threads);
  Workload workload(data, momentum, pool);
  BatchStream batches(data.train);
  Peak peak = bench.peak(threads);
  std::vector<double> seconds;
  const double peak_rate = run_steps(bench.effort(), peak, [&](bool record) {
    const Batch batch = batches.next();
    const double start = now();
    (workload.*step)(batch);
    if (record) seconds.push_back(now() - start);
  });
  bench.add(name, threads, {statistics(std::move(seconds)), peak_rate}, {.flops = workload.flops_per_step()});
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

void measure_split(Bench& bench, const std::string& name, float momentum, int threads) {
  const Dataset& data = bench.data();
  ThreadPool pool(threads);
  Workload workload(data, momentum, pool);
  BatchStream batches(data.train);
  PlanState& plan = state_of(workload.model.plan());
  Peak peak = bench.peak(threads);

  PartTimer timer(plan);
  std::vector<double> seconds;
  const double peak_rate = run_steps(bench.effort(), peak, [&](bool record) {
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
               .bytes = part.bytes + update.bytes,
               .footprint = part.bytes + update.footprint,
               .share = time.median / whole.median});
  }
  bench.add(name + " whole", threads, {whole, peak_rate}, {.flops = workload.flops_per_step(), .share = 1});
}

}  // namespace

void add_step_cases(Cases& cases) {
  struct Rule {
    const char* name;
    float momentum;
  };
  constexpr Rule rules[] = {{"sgd", 0.0F}, {"momentum", 0.9F}};
  struct Way {
    const char* name;
    Step step;
  };
  constexpr Way ways[] = {{"", &Workload::step}, {" two calls", &Workload::step_in_two_calls}};
  for (const Rule& rule : rules) {
    for (const Way& way : ways) {
      const std::string name = std::string("step ") + rule.name + way.name;
      cases.push_back(
          {"training step of the MLP, whole", name, Case::Threads::ends,
           [=](Bench& bench, int threads) { measure_whole(bench, name, rule.momentum, way.step, threads); }});
    }
  }
  for (const Rule& rule : rules) {
    const std::string name = std::string("split ") + rule.name;
    cases.push_back({name + ": parts of the step", name, Case::Threads::ends,
                     [=](Bench& bench, int threads) { measure_split(bench, name, rule.momentum, threads); }, true});
  }
}

}  // namespace quench::bench
