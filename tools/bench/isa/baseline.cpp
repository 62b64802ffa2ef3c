// What the compiler targets without further flags: NEON on AArch64, SSE2 on x86-64.
#define BENCH_LOOPS loops_baseline
#include "instance.h"
