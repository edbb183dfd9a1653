// What the compiler may assume of every CPU of the architecture: SSE2 (16 registers) or NEON (32).
#define VECTOR 4
#if defined(__aarch64__)
#define TILE_ROWS 6
#define TILE_VECTORS 4
#else
#define TILE_ROWS 4
#define TILE_VECTORS 2
#endif
#define TABLE ck_kernels_plain
#include "kernel_bodies.h"
