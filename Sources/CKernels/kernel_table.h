#pragma once
#include "CKernels.h"

// Packed columns: what a product's rows are multiplied with.
typedef struct {
    const void *panels;         // ceil(n / 64) of [panel_k][64]; bf16 keeps inputs in pairs [panel_k / 2][64][2], int8 in fours
    const float *scales;        // int8's, one per column
    const int32_t *column_sums; // of int8 panels
    const float *bias;          // filled up to whole panels, or NULL
    size_t k, panel_k, n;
} ck_panels;

// Rows in 16 bits: x = scale * (256 * (high - 128) + low).
typedef struct {
    const uint8_t *high, *low;
    const float *scales;
    size_t step;                // between rows, a multiple of 4; filled up with zeros
} ck_quantised;

// What each instruction set implements; kernel_bodies.h is compiled once for every one of them.
typedef struct {
    void (*gemm_f32)(const float *x, size_t x_step, const ck_panels *b, float *y, size_t y_step, size_t rows);
    void (*gemm_bf16)(const float *x, size_t x_step, const ck_panels *b, float *y, size_t y_step, size_t rows);
    void (*gemm_int8)(const float *x, size_t x_step, const ck_panels *b, float *y, size_t y_step, size_t rows);
    // NULL where the set has no such instructions. Rows of bf16 are filled up with a zero to a whole number of pairs.
    void (*dot_bf16)(const uint16_t *x, size_t x_step, const ck_panels *b, float *y, size_t y_step, size_t rows);
    void (*dot_int8)(const ck_quantised *x, const ck_panels *b, float *y, size_t y_step, size_t rows);
    float (*quantise)(const float *x, size_t count, uint8_t *high, uint8_t *low);
    // As `exponentials`, but rounded to bf16; the sum is of what was not rounded yet.
    float (*exponentials_bf16)(const float *x, float scale, const float *bias, size_t bias_step, size_t count, uint16_t *y);
    void (*to_bf16)(const float *x, uint16_t *y, size_t count);
    void (*depthwise)(const float *x, const float *weight, const float *bias, float *y, size_t length, size_t channels,
                      size_t kernel, size_t stride, size_t dilation);
    void (*apply)(ck_function function, const float *x, float *y, size_t count, float parameter);
    void (*affine)(const float *x, float factor, float term, float *y, size_t count);
    void (*clamp)(const float *x, float low, float high, float *y, size_t count);
    void (*snake)(const float *x, const float *alpha, float *y, size_t rows, size_t channels);
    void (*silu_gate)(const float *x, float *y, size_t rows, size_t half);
    void (*combine)(ck_operator operator, const float *a, const float *b, size_t b_step, float *y, size_t count);
    void (*softmax)(const float *x, float *y, size_t rows, size_t width);
    float (*exponentials)(float *x, float scale, const float *bias, size_t bias_step, size_t count);
    void (*layer_norm)(const float *x, const float *weight, const float *bias, float *y, size_t rows, size_t width,
                       float epsilon);
    void (*rms_norm)(const float *x, const float *weight, float *y, size_t rows, size_t width, float epsilon);
    void (*rotate)(const float *x, const float *cosine, const float *sine, float *y, size_t half);
} ck_kernels;

extern const ck_kernels ck_kernels_plain, ck_kernels_avx2, ck_kernels_avx512, ck_kernels_avx512_dot;

// The table for this thread.
const ck_kernels *ck_current(void);
// Then what this thread does stays with it.
bool ck_path_is_forced(void);
// Whether this thread's products are better done by oneDNN: where the CPU has AMX, or a test asks for it. Sees to it that
// oneDNN keeps to this thread.
bool ck_onednn_allowed(void);

// Memory of this thread that the next call with the same slot overwrites; on a 64-byte boundary. NULL when memory is short.
enum { CK_SCRATCH_ROWS, CK_SCRATCH_CONVERTED, CK_SCRATCH_SCORES, CK_SCRATCH_KEYS, CK_SCRATCH_ONEDNN, CK_SCRATCH_SLOTS };
void *ck_scratch(int slot, size_t bytes);
