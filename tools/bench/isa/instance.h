// The loops of loops.h for the instruction set that the including file is compiled for. Like the kernels, such a
// file includes nothing with inline functions that another file could end up calling.
#pragma once

#include "../loops.h"
#include "kernels/native.h"

namespace quench::bench {

// Declared first: a constant is not visible elsewhere otherwise.
extern const Loops BENCH_LOOPS;

namespace {

// As many chains as keep all units busy (4 cycles a multiply-add, two to four started in each), no more than fit
// into the registers beside the two factors.
constexpr int chains = QUENCH_NEON ? 20 : QUENCH_AVX512 ? 16 : 12;
constexpr int readers = 8;

/// All lanes of all registers, so that the compiler must compute them.
template <int Count>
QUENCH_INLINE float total(kernels::native_f32 (&sum)[Count]) {
  QUENCH_UNROLL
  for (int i = 1; i < Count; ++i) sum[0] += sum[i];
  float lanes[kernels::width];
  memcpy(lanes, &sum[0], sizeof lanes);
  float result = 0;
  for (int i = 0; i < kernels::width; ++i) result += lanes[i];
  return result;
}

QUENCH_NOINLINE float multiply_add(int64_t rounds) {
  using namespace quench::kernels;
  const native_f32 factor = native_f32{} + 1.0000001F, term = native_f32{} + 1e-9F;
  native_f32 sum[chains];
  QUENCH_UNROLL
  for (int i = 0; i < chains; ++i) sum[i] = native_f32{} + (float)i;
  for (int64_t round = 0; round < rounds; ++round) {
    QUENCH_UNROLL
    for (int i = 0; i < chains; ++i) sum[i] = native_fma(sum[i], factor, term);
  }
  return total(sum);
}

QUENCH_NOINLINE float read(const float* data, int64_t count) {
  using namespace quench::kernels;
  native_f32 sum[readers];
  QUENCH_UNROLL
  for (int i = 0; i < readers; ++i) sum[i] = native_f32{};
  for (int64_t at = 0; at < count; at += readers * width) {
    QUENCH_UNROLL
    for (int i = 0; i < readers; ++i) {
      native_f32 x;
      memcpy(&x, data + at + i * width, sizeof x);
      sum[i] += x;
    }
  }
  return total(sum);
}

static_assert(read_step % (readers * kernels::width) == 0);

}  // namespace

const Loops BENCH_LOOPS = {multiply_add, int64_t{2} * chains* kernels::width, read};

}  // namespace quench::bench
