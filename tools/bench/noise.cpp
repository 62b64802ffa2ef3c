#include "noise.h"

#include <sys/resource.h>

#include <algorithm>

#include "clock.h"
#include "io/numbers.h"
#include "measure.h"

namespace quench::bench {
namespace {

constexpr std::size_t enough = 10;
// p10 over p90: clocks drift, and what shares a core with a virtual processor is not known.
constexpr double steady = 0.7;
// Threads with a processor each are about as fast as one alone: clocks are a little lower with all of them busy.
constexpr double independent = 0.85;
// Times a second that threads may have to leave their processor: some 100 do where they are started and put to
// others.
constexpr double undisturbed = 300;

double involuntary_switches() {
  struct rusage usage {};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<double>(usage.ru_nivcsw) : 0;
}

}  // namespace

Noise::Noise() : begin_(now()), switches_(involuntary_switches()) {}

std::string Noise::finding() const {
  const auto gflops = [](double rate) { return io::fixed(rate * 1e-9, 1); };
  std::string list;
  double alone = 0;
  bool quiet = true;
  for (const auto& [threads, samples] : peaks_) {
    if (samples.size() < enough) continue;
    const Statistics s = statistics(samples);
    if (threads == 1) alone = s.median;
    if (s.p10 < steady * s.p90 || s.median < independent * threads * alone) quiet = false;
    list += (list.empty() ? "" : "; ") + io::to_text(threads) + (threads == 1 ? " thread: " : " threads: ") +
            gflops(s.p10) + ", " + gflops(s.median) + ", " + gflops(s.p90);
  }
  std::string found;
  if (!quiet) found = "the peak in GFLOP/s (p10, median, p90) was, of " + list;
  const double rate = (involuntary_switches() - switches_) / std::max(0.1, now() - begin_);
  if (rate > undisturbed) {
    found += (found.empty() ? "" : "; ") + std::string("threads had to leave their processors ") +
             io::fixed(rate, 0) + " times a second";
  }
  return found;
}

}  // namespace quench::bench
