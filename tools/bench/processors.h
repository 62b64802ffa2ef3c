// Which processors threads run on, and what the machine is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quench::bench {

/// "Intel(R) Xeon(R) Processor", or the architecture where the system does not tell.
std::string machine_name();

/// Bytes of the data caches of one core, levels 1 to 3; what most machines have where the system does not tell.
struct Caches {
  std::int64_t level1, level2, level3;
};
Caches caches();

/// While it lives the calling thread, and the threads that it starts, run on `threads` of the processors that it
/// may use: the last ones, since the first one serves interrupts. Does nothing where the system has no such call.
class Confined {
 public:
  explicit Confined(int threads);
  ~Confined();
  Confined(const Confined&) = delete;
  Confined& operator=(const Confined&) = delete;

 private:
  std::vector<int> before_;
};

/// Puts the calling thread on one of the processors that it may use, in turn.
void pin_thread(int index);

}  // namespace quench::bench
