#if defined(__x86_64__)
#include <math.h>
#include <string.h>
#include "kernel_table.h"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define VECTOR 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define TABLE ck_kernels_avx2
#include "kernel_bodies.h"
#pragma clang attribute pop
#endif
