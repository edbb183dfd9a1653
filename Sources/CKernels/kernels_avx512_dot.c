// AVX-512 with AVX512_BF16 and AVX512_VNNI: Zen 4, Cooper Lake, Sapphire Rapids and newer.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include "kernel_table.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx512vnni,avx2,fma"))), apply_to = function)
#define VECTOR 16
#define TILE_ROWS 6
#define TILE_VECTORS 4
#define DOT
#define TABLE ck_kernels_avx512_dot
#include "kernel_bodies.h"
#pragma clang attribute pop
#endif
