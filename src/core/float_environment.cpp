#include "core/float_environment.h"

#include <cstdint>
#include <cstring>

#if defined(__SSE__)
#include <xmmintrin.h>
#elif !defined(__aarch64__)
#include <cfenv>
#endif

namespace quench {
namespace {

#if defined(__SSE__)

using Saved = std::uint32_t;

Saved current() { return _mm_getcsr(); }
void set(Saved value) { _mm_setcsr(value); }
// MXCSR at reset: bits 7..12 mask all exceptions; rounding (13, 14), flush to zero (15), denormals are zero (6) are
// 0.
void set_contract() { set(0x1F80); }

#elif defined(__aarch64__)

struct Saved {
  std::uint64_t control, status;
};

Saved current() {
  Saved value;
  __asm__ volatile("mrs %0, fpcr" : "=r"(value.control));
  __asm__ volatile("mrs %0, fpsr" : "=r"(value.status));
  return value;
}
void set(const Saved& value) {
  __asm__ volatile("msr fpcr, %0" : : "r"(value.control));
  __asm__ volatile("msr fpsr, %0" : : "r"(value.status));
}
// FPCR 0: round to nearest, no flushing (FZ, FZ16), NaNs propagate (DN), no traps. FPSR holds the exception flags.
void set_contract() { set({0, 0}); }

#else

using Saved = std::fenv_t;

Saved current() {
  Saved value;
  std::fegetenv(&value);
  return value;
}
void set(const Saved& value) { std::fesetenv(&value); }
void set_contract() { std::fesetenv(FE_DFL_ENV); }

#endif

}  // namespace

FloatEnvironment::FloatEnvironment() {
  static_assert(sizeof(Saved) <= sizeof(saved_) && alignof(Saved) <= 16);
  const Saved saved = current();
  std::memcpy(saved_, &saved, sizeof saved);
  set_contract();
}

FloatEnvironment::~FloatEnvironment() {
  Saved saved;
  std::memcpy(&saved, saved_, sizeof saved);
  set(saved);
}

}  // namespace quench
