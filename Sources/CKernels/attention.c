// Products of activations with each other: attention of one head over packed keys and values.
#include <math.h>
#include <string.h>
#include "kernel_table.h"

void ck_pack_columns(const float *rows, size_t count, size_t width, float *panels, size_t first) {
    for (size_t r = 0; r < count; r++) {
        size_t column = first + r;
        float *to = panels + column / CK_PANEL * CK_PANEL * width + column % CK_PANEL;
        for (size_t i = 0; i < width; i++) to[i * CK_PANEL] = rows[r * width + i];
    }
}

void ck_pack_rows(const float *rows, size_t count, size_t width, float *panels, size_t capacity, size_t first) {
    for (size_t c = 0; c < width; c += CK_PANEL) {
        size_t columns = width - c < CK_PANEL ? width - c : CK_PANEL;
        float *to = panels + c * capacity + first * CK_PANEL;
        for (size_t r = 0; r < count; r++) memcpy(to + r * CK_PANEL, rows + r * width + c, columns * sizeof(float));
    }
}

bool ck_multiply_transposed(const float *a, const float *b, float *y, size_t m, size_t n, size_t k) {
    float *panels = ck_scratch(CK_SCRATCH_SCORES, ((n + CK_PANEL - 1) / CK_PANEL * CK_PANEL * k + 1) * sizeof(float));
    if (!panels) return false;
    ck_pack_columns(b, n, k, panels, 0);
    ck_current()->gemm_f32(a, k, panels, NULL, y, n, m, k, k, n);
    return true;
}

bool ck_attention(const ck_attention_head *h) {
    enum { ROWS = 48 };                                     // of scores at a time, so that they stay in the cache
    const ck_kernels *kernels = ck_current();
    size_t most = h->rows < ROWS ? h->rows : ROWS;
    float *scores = ck_scratch(CK_SCRATCH_SCORES, (most * h->length + 1) * sizeof(float));
    if (!scores) return false;
    for (size_t first = 0; first < h->rows; first += ROWS) {
        size_t count = h->rows - first < ROWS ? h->rows - first : ROWS;
        const float *q = h->q + first * h->width;
        kernels->gemm_f32(q, h->width, h->keys, NULL, scores, h->length, count, h->width, h->width, h->length);
        for (size_t r = 0; r < count; r++) {
            float *row = scores + r * h->length;
            size_t seen = h->causal ? h->length - h->rows + first + r + 1 : h->length;
            kernels->affine(row, h->scale, 0, row, seen);
            if (h->bias) {
                const float *bias = h->bias + (first + r) * h->bias_row_step;
                kernels->combine(CK_ADD, row, bias, h->bias_column_step, row, seen);
            }
            kernels->softmax(row, row, 1, seen);
            memset(row + seen, 0, (h->length - seen) * sizeof(float));
        }
        if (h->probabilities) memcpy(h->probabilities + first * h->length, scores, count * h->length * sizeof(float));
        kernels->gemm_f32(scores, h->length, h->values, NULL, h->out + first * h->width, h->width, count, h->length,
                          h->capacity, h->width);
    }
    return true;
}
