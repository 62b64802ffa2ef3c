// Times and what is made of many of them.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "peak.h"

namespace quench::bench {

/// How much is measured.
struct Effort {
  int samples;            ///< of a call that is repeated
  double sample_seconds;  ///< that the calls of one sample last together; at least one call
  double case_seconds;    ///< after so long no further sample is taken, but of a few there are always
  int steps;              ///< training steps
  int epochs;             ///< whole epochs
};
inline constexpr Effort full_effort = {15, 3e-3, 5, 1200, 3};
inline constexpr Effort quick_effort = {7, 1e-3, 0.3, 200, 1};

/// Order statistics of samples.
struct Statistics {
  double median = 0, p10 = 0, p90 = 0;
  std::size_t samples = 0;
};
Statistics statistics(std::vector<double> values);
/// The same of values that are all multiplied by a factor, or divided into one.
Statistics scaled(const Statistics& s, double factor);
Statistics inverted(const Statistics& s, double numerator);

/// The peak that samples of it show, p90: other programs lower some of them, by as much as they take, and nothing
/// raises any.
double peak_of(std::vector<double> samples);

/// The time of something, and the peak of the processor during it.
struct Timing {
  Statistics seconds;
  double peak = 0;  ///< flops a second of all threads
};

/// Repeats a call, as hot as that makes it: a sample is as many calls as last effort.sample_seconds. The clock of a
/// processor varies: each sample is preceded by one of the peak, so that both see the same clock.
Timing time_calls(const Effort& effort, Peak& peak, const std::function<void()>& call);

/// Whether a measurement that began at `start` and has so many samples goes on.
bool wants_more(const Effort& effort, double start, std::size_t samples, int wanted);

}  // namespace quench::bench
