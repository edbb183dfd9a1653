#pragma once
#include "CKernels.h"

// What each instruction set implements; kernel_bodies.h is compiled once for every one of them.
typedef struct {
    void (*gemm_f32)(const float *x, size_t x_step, const float *panels, const float *bias, float *y, size_t y_step,
                     size_t rows, size_t k, size_t panel_k, size_t n);
    void (*gemm_bf16)(const float *x, size_t x_step, const uint16_t *panels, const float *bias, float *y, size_t y_step,
                      size_t rows, size_t k, size_t panel_k, size_t n);
    void (*to_bf16)(const float *x, uint16_t *y, size_t count);
    void (*depthwise)(const float *x, const float *weight, const float *bias, float *y, size_t length, size_t channels,
                      size_t kernel, size_t stride, size_t dilation);
    void (*apply)(ck_function function, const float *x, float *y, size_t count, float parameter);
    void (*affine)(const float *x, float factor, float term, float *y, size_t count);
    void (*clamp)(const float *x, float low, float high, float *y, size_t count);
    void (*snake)(const float *x, float alpha, float *y, size_t count);
    void (*silu_gate)(const float *x, float *y, size_t rows, size_t half);
    void (*combine)(ck_operator operator, const float *a, const float *b, size_t b_step, float *y, size_t count);
    void (*softmax)(const float *x, float *y, size_t rows, size_t width);
    void (*layer_norm)(const float *x, const float *weight, const float *bias, float *y, size_t rows, size_t width,
                       float epsilon);
    void (*rms_norm)(const float *x, const float *weight, float *y, size_t rows, size_t width, float epsilon);
    void (*rotate)(const float *x, const float *cosine, const float *sine, float *y, size_t half);
} ck_kernels;

extern const ck_kernels ck_kernels_plain, ck_kernels_avx2, ck_kernels_avx512;

// The table for this thread.
const ck_kernels *ck_current(void);
// Whether this thread may use oneDNN; sees to it that oneDNN keeps to this thread.
bool ck_onednn_allowed(void);

// Memory of this thread that the next call with the same slot overwrites; on a 64-byte boundary. NULL when memory is short.
enum { CK_SCRATCH_ROWS, CK_SCRATCH_SCORES, CK_SCRATCH_ONEDNN, CK_SCRATCH_SLOTS };
void *ck_scratch(int slot, size_t bytes);
