// AVX-512 (F, VL, DQ, BW): 32 registers of 16 floats.
#define QUENCH_TABLE table_avx512
#define QUENCH_TABLE_NAME "avx512"
#include "kernels/instance.h"
