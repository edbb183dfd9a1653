// The public names of the loops in kernel_bodies.h.
#include "kernel_table.h"

void ck_apply(ck_function function, const float *x, float *y, size_t count, float parameter) {
    ck_current()->apply(function, x, y, count, parameter);
}
void ck_affine(const float *x, float factor, float term, float *y, size_t count) {
    ck_current()->affine(x, factor, term, y, count);
}
void ck_clamp(const float *x, float low, float high, float *y, size_t count) { ck_current()->clamp(x, low, high, y, count); }
void ck_snake(const float *x, const float *alpha, float *y, size_t rows, size_t channels) {
    ck_current()->snake(x, alpha, y, rows, channels);
}
void ck_silu_gate(const float *x, float *y, size_t rows, size_t half) { ck_current()->silu_gate(x, y, rows, half); }
void ck_combine(ck_operator operator, const float *a, const float *b, size_t b_step, float *y, size_t count) {
    ck_current()->combine(operator, a, b, b_step, y, count);
}
void ck_softmax(const float *x, float *y, size_t rows, size_t width) { ck_current()->softmax(x, y, rows, width); }
void ck_layer_norm(const float *x, const float *weight, const float *bias, float *y, size_t rows, size_t width, float epsilon) {
    ck_current()->layer_norm(x, weight, bias, y, rows, width, epsilon);
}
void ck_rms_norm(const float *x, const float *weight, float *y, size_t rows, size_t width, float epsilon) {
    ck_current()->rms_norm(x, weight, y, rows, width, epsilon);
}
void ck_rotate(const float *x, const float *cosine, const float *sine, float *y, size_t half) {
    ck_current()->rotate(x, cosine, sine, y, half);
}
void ck_depthwise(const float *x, const float *weight, const float *bias, float *y, size_t length, size_t channels,
                  size_t kernel, size_t stride, size_t dilation) {
    ck_current()->depthwise(x, weight, bias, y, length, channels, kernel, stride, dilation);
}

// In squares that fit into the first-level cache with both their lines.
void ck_transpose(const float *x, float *y, size_t rows, size_t columns) {
    enum { SIDE = 16 };
    for (size_t r = 0; r < rows; r += SIDE)
        for (size_t c = 0; c < columns; c += SIDE) {
            size_t last_row = r + SIDE < rows ? r + SIDE : rows, last_column = c + SIDE < columns ? c + SIDE : columns;
            for (size_t j = c; j < last_column; j++)
                for (size_t i = r; i < last_row; i++) y[j * rows + i] = x[i * columns + j];
        }
}
