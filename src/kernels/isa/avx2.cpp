// AVX2 with FMA: 16 registers of 8 floats.
#define QUENCH_TABLE table_avx2
#define QUENCH_TABLE_NAME "avx2"
#include "kernels/instance.h"
