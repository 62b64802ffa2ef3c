// Peaks: multiply-adds with each instruction set that the machine can run, and reading from each level of memory.
#include "bench.h"
#include "clock.h"
#include "kernels/kernels.h"
#include "peak.h"

namespace quench::bench {
namespace {

void measure_peak(Bench& bench, const std::string& name, const Loops& loops, int threads) {
  constexpr double sample_seconds = 7e-3;  // long enough to meet what interrupts any program now and then
  const bool in_use = &loops == &bench.loops();
  Peak peak(loops, threads, sample_seconds, in_use ? &bench.noise().peaks(threads) : nullptr);
  peak.sample();
  std::vector<double> rates;
  const double start = now();
  while (wants_more(bench.effort(), start, rates.size(), bench.effort().samples)) rates.push_back(peak.sample());
  bench.add_figure(name, threads, "GFLOP/s", scaled(statistics(std::move(rates)), 1e-9));
}

void measure_reading(Bench& bench, const std::string& name, std::size_t level, int threads) {
  const Level measured = memory_levels(threads)[level];
  const Statistics rate = read_bandwidth(bench.loops(), measured, threads, bench.effort().samples);
  bench.add_figure(name, threads, "GB/s", scaled(rate, 1e-9));
}

}  // namespace

void add_peak_cases(Cases& cases) {
  std::size_t count = 0;
  const kernels::Table* const* tables = kernels::tables(&count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string isa = tables[i]->name, name = "peak " + isa;
    cases.push_back({"multiply-adds at most", name, Case::Threads::every,
                     [=](Bench& bench, int threads) { measure_peak(bench, name, loops_for(isa), threads); }});
  }
  const std::vector<Level> levels = memory_levels(1);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const std::string name = "read " + levels[i].name;
    cases.push_back({"reading at most, all threads", name, Case::Threads::every,
                     [=](Bench& bench, int threads) { measure_reading(bench, name, i, threads); }});
  }
}

}  // namespace quench::bench
