// What the compiler targets without further flags: NEON on AArch64, SSE2 on x86-64.
#define QUENCH_TABLE table_baseline
#if defined(__aarch64__)
#define QUENCH_TABLE_NAME "neon"
#else
#define QUENCH_TABLE_NAME "baseline"
#endif
#include "kernels/instance.h"
