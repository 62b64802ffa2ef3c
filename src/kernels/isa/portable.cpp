// Plain loops over float[16], for compilers without vector extensions; everywhere else a second opinion.
#if !defined(QUENCH_NO_VECTOR_EXTENSIONS)
#define QUENCH_NO_VECTOR_EXTENSIONS
#endif
#define QUENCH_TABLE table_portable
#define QUENCH_TABLE_NAME "portable"
#include "kernels/instance.h"
