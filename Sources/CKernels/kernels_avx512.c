#if defined(__x86_64__)
#include <math.h>
#include <string.h>
#include "kernel_table.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#define VECTOR 16
#define TILE_ROWS 6
#define TILE_VECTORS 4
#define TABLE ck_kernels_avx512
#include "kernel_bodies.h"
#pragma clang attribute pop
#endif
