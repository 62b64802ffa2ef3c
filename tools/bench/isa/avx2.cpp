// AVX2 with FMA: 16 registers of 8 floats.
#define BENCH_LOOPS loops_avx2
#include "instance.h"
