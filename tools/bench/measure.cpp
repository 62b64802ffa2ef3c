#include "measure.h"

#include <algorithm>
#include <utility>

#include "clock.h"

namespace quench::bench {

Statistics statistics(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double part) {
    return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
  };
  return {at(0.5), at(0.1), at(0.9), values.size()};
}

Statistics scaled(const Statistics& s, double factor) {
  return {s.median * factor, s.p10 * factor, s.p90 * factor, s.samples};
}

Statistics inverted(const Statistics& s, double numerator) {
  return {numerator / s.median, numerator / s.p90, numerator / s.p10, s.samples};
}

double peak_of(std::vector<double> samples) { return statistics(std::move(samples)).p90; }

bool wants_more(const Effort& effort, double start, std::size_t samples, int wanted) {
  constexpr std::size_t fewest = 3;
  if (samples >= static_cast<std::size_t>(wanted)) return false;
  return samples < fewest || now() - start < effort.case_seconds;
}

Timing time_calls(const Effort& effort, Peak& peak, const std::function<void()>& call) {
  call();
  call();
  const double before = now();
  call();
  const double once = std::max(1e-7, now() - before);
  const int calls = std::max(1, static_cast<int>(effort.sample_seconds / once));

  std::vector<double> seconds, peaks;
  const double start = now();
  while (wants_more(effort, start, seconds.size(), effort.samples)) {
    peaks.push_back(peak.sample());
    if (calls > 1) call();  // wakes threads and caches again
    const double begin = now();
    for (int i = 0; i < calls; ++i) call();
    seconds.push_back((now() - begin) / calls);
  }
  return {statistics(std::move(seconds)), peak_of(std::move(peaks))};
}

}  // namespace quench::bench
