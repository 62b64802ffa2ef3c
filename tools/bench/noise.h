// Whether the machine was quiet enough for the figures to mean what they say.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace quench::bench {

/// Keeps the samples of the peak that are taken between those of everything else, and counts how often this process
/// had to leave a processor to another one: the peak alone may miss that, as its samples are short.
class Noise {
 public:
  Noise();
  /// Where those of so many threads go; valid as long as this lives.
  std::vector<double>& peaks(int threads) { return peaks_[threads]; }
  /// What tells of other programs on the same processors; empty when nothing does, or too little is known.
  std::string finding() const;

 private:
  double begin_;
  double switches_;                           // until then
  std::map<int, std::vector<double>> peaks_;  // flops a second, by number of threads
};

}  // namespace quench::bench
