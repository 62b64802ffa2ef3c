// The floating-point environment the numeric contract asks for.
#pragma once

namespace quench {

/// While it lives, the calling thread rounds to nearest, keeps subnormal numbers and takes no floating-point traps;
/// the destructor restores what an embedding program had set, its exception flags included. A few nanoseconds;
/// every entry point that computes and every worker's job has one. Lives and dies on one thread, nested if need be.
///
/// Where the processor's control register is not known (neither x86 with SSE nor AArch64), <cfenv> sets its default
/// environment.
class FloatEnvironment {
 public:
  FloatEnvironment();
  ~FloatEnvironment();
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
  // The control register, or an std::fenv_t: raw bytes, so that this header needs neither.
  alignas(16) unsigned char saved_[64];
};

}  // namespace quench
