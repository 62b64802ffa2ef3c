// AVX-512: 32 registers of 16 floats.
#define BENCH_LOOPS loops_avx512
#include "instance.h"
