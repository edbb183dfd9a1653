// The loops, written once in vectors of VECTOR floats and compiled for each instruction set by a file that defines
//   VECTOR       floats in a register: 4, 8 or 16
//   TILE_ROWS    rows of a product tile when there are many, TILE_VECTORS registers wide
//   TABLE        name of the table of functions
//   DOT          if the set has products of bf16 pairs and int8 fours
// The compiler turns the vector types into the set's instructions, and vectorises the plain loops by itself.

#include <math.h>
#include <string.h>
#include "kernel_table.h"

typedef float vf __attribute__((vector_size(VECTOR * 4), aligned(4), may_alias));
typedef uint32_t vu __attribute__((vector_size(VECTOR * 4), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(VECTOR * 4), aligned(4), may_alias));
#define INLINE static inline __attribute__((always_inline))

INLINE vf load(const float *p) { return *(const vf *)p; }
INLINE void store(float *p, vf v) { *(vf *)p = v; }
INLINE vf splat(float x) {
    vf v = {0};
    for (int i = 0; i < VECTOR; i++) v[i] = x;
    return v;
}
INLINE vf greater(vf a, vf b) {
    vu more = (vu)(a > b);
    return (vf)(((vu)a & more) | ((vu)b & ~more));
}
INLINE float total(vf v) {
    float sum = 0;
    for (int i = 0; i < VECTOR; i++) sum += v[i];
    return sum;
}

// Scalar functions without branches, for loops that the compiler vectorises ----------------------------------------

INLINE float bits_to_float(uint32_t u) { union { uint32_t u; float f; } c = {u}; return c.f; }
INLINE uint32_t float_to_bits(float f) { union { float f; uint32_t u; } c = {f}; return c.u; }

// Within 2 units of the last place; 0 below -87.3, infinity above 88.7.
INLINE float exp1(float x) {
    float in = x < -87.3f ? -87.3f : x;
    in = in > 88.7f ? 88.7f : in;
    const float shift = 12582912.0f;                        // 1.5 * 2^23: adding it rounds to a whole number
    float n = (in * 1.44269504f + shift) - shift;
    float r = in - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    // 2^n in two steps, since 2^128 is no float.
    int32_t i = (int32_t)n, half = i >> 1;
    float y = p * bits_to_float((uint32_t)(half + 127) << 23) * bits_to_float((uint32_t)(i - half + 127) << 23);
    y = x < -87.3f ? 0.0f : y;
    return x > 88.7f ? INFINITY : y;
}

INLINE float sigmoid1(float x) { return 1.0f / (1.0f + exp1(-x)); }

INLINE float tanh1(float x) {
    float a = fabsf(x), e = exp1(-2.0f * a), s = x * x;
    float far = (1.0f - e) / (1.0f + e);
    float near = a + a * s * (-0.333333333f + s * (0.133333333f + s * (-0.0539682540f + s * (0.0218694885f - s * 0.00886323553f))));
    float y = a < 0.35f ? near : far;
    return x < 0 ? -y : y;
}

// erf by Abramowitz and Stegun 7.1.26, within 1.5e-7 of the truth.
INLINE float gelu1(float x) {
    float z = fabsf(x) * 0.70710678f, t = 1.0f / (1.0f + 0.3275911f * z);
    float p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    float tail = 0.5f * p * exp1(-z * z);                   // of the normal distribution beyond |x|
    return x > 0 ? x - x * tail : x * tail;
}

INLINE float gelu_tanh1(float x) {
    return x * sigmoid1(1.5957691216f * (x + 0.044715f * x * x * x));
}

// tanh(log(1 + e^x)) = n / (n + 2) with n = e^x (e^x + 2)
INLINE float mish1(float x) {
    float e = exp1(x > 20.0f ? 20.0f : x), n = e * (e + 2.0f);
    return x > 20.0f ? x : x * (n / (n + 2.0f));
}

INLINE float elu1(float x) {
    float s = x * (1.0f + x * (0.5f + x * (0.166666667f + x * (0.0416666667f + x * 0.00833333333f))));
    float y = x > -0.2f ? s : exp1(x) - 1.0f;
    return x > 0 ? x : y;
}

// Reduced by pi in double precision: right for phases of millions of turns.
INLINE float sin_reduced(double x, double quarter) {
    const double shift = 6755399441055744.0;                // 1.5 * 2^52
    double turns = x * 0.31830988618379067 + quarter;
    double whole = turns + shift;
    double n = whole - shift;
    float r = (float)((turns - n) * 3.14159265358979324);
    union { double d; uint64_t u; } c = {whole};
    float s = r * r;
    float p = 2.6083159e-6f;
    p = p * s - 1.9810690e-4f;
    p = p * s + 8.3330255e-3f;
    p = p * s - 1.6666657e-1f;
    float y = r + r * s * p;
    return c.u & 1 ? -y : y;
}
INLINE float sin1(float x) { return sin_reduced(x, 0.0); }
INLINE float cos1(float x) { return sin_reduced(x, 0.5); }

// Inputs and outputs are the same memory or do not overlap: either way no element waits for another.
#define EACH _Pragma("clang loop vectorize(assume_safety)")
#define MAP(expression) EACH for (size_t i = 0; i < count; i++) { float v = x[i]; y[i] = (expression); } break

static void apply(ck_function function, const float *x, float *y, size_t count, float parameter) {
    switch (function) {
    case CK_RELU: MAP(v > 0 ? v : 0);
    case CK_LEAKY_RELU: MAP(v > 0 ? v : v * parameter);
    case CK_ELU: MAP(elu1(v));
    case CK_SILU: MAP(v * sigmoid1(v));
    case CK_GELU: MAP(gelu1(v));
    case CK_GELU_TANH: MAP(gelu_tanh1(v));
    case CK_MISH: MAP(mish1(v));
    case CK_TANH: MAP(tanh1(v));
    case CK_SIGMOID: MAP(sigmoid1(v));
    case CK_EXP: MAP(exp1(v));
    case CK_SIN: MAP(sin1(v));
    case CK_COS: MAP(cos1(v));
    }
}

static void affine(const float *x, float factor, float term, float *y, size_t count) {
    EACH for (size_t i = 0; i < count; i++) y[i] = x[i] * factor + term;
}

static void clamp(const float *x, float low, float high, float *y, size_t count) {
    EACH for (size_t i = 0; i < count; i++) {
        float v = x[i] < low ? low : x[i];
        y[i] = v > high ? high : v;
    }
}

static void snake(const float *x, const float *alpha, float *y, size_t rows, size_t channels) {
    for (size_t row = 0; row < rows; row++, x += channels, y += channels)
        EACH for (size_t i = 0; i < channels; i++) {
            float s = sin_reduced((double)x[i] * (double)alpha[i], 0.0);
            y[i] = x[i] + s * s / (alpha[i] + 1e-9f);
        }
}

static void silu_gate(const float *x, float *y, size_t rows, size_t half) {
    for (size_t row = 0; row < rows; row++, x += 2 * half, y += half)
        EACH for (size_t i = 0; i < half; i++) y[i] = x[i] * sigmoid1(x[i]) * x[i + half];
}

static void combine(ck_operator operator, const float *a, const float *b, size_t b_step, float *y, size_t count) {
    if (b_step) {
        switch (operator) {
        case CK_ADD: EACH for (size_t i = 0; i < count; i++) y[i] = a[i] + b[i]; break;
        case CK_SUBTRACT: EACH for (size_t i = 0; i < count; i++) y[i] = a[i] - b[i]; break;
        case CK_MULTIPLY: EACH for (size_t i = 0; i < count; i++) y[i] = a[i] * b[i]; break;
        }
    } else {
        switch (operator) {
        case CK_ADD: affine(a, 1, *b, y, count); break;
        case CK_SUBTRACT: affine(a, 1, -*b, y, count); break;
        case CK_MULTIPLY: { float f = *b; EACH for (size_t i = 0; i < count; i++) y[i] = a[i] * f; break; }
        }
    }
}

// Rows --------------------------------------------------------------------------------------------------------------

INLINE float greatest(const float *x, size_t count) {
    float top = -INFINITY;
    size_t i = 0;
    if (count >= VECTOR) {
        vf tops = load(x);
        for (; i + VECTOR <= count; i += VECTOR) {
            vf v = load(x + i);
            tops = greater(v, tops);
        }
        for (int j = 0; j < VECTOR; j++) top = tops[j] > top ? tops[j] : top;
    }
    for (; i < count; i++) top = x[i] > top ? x[i] : top;
    return top;
}

static void softmax(const float *x, float *y, size_t rows, size_t width) {
    for (size_t row = 0; row < rows; row++, x += width, y += width) {
        float top = greatest(x, width);
        EACH for (size_t i = 0; i < width; i++) y[i] = exp1(x[i] - top);
        vf sums = splat(0);
        float sum = 0;
        size_t i = 0;
        for (; i + VECTOR <= width; i += VECTOR) sums += load(y + i);
        for (; i < width; i++) sum += y[i];
        affine(y, 1.0f / (sum + total(sums)), 0, y, width);
    }
}

// e^x for x up to 0: attention's.
INLINE float exp_negative(float x) {
    float in = x < -87.0f ? -87.0f : x;
    const float shift = 12582912.0f;
    float n = (in * 1.44269504f + shift) - shift;
    float r = in - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return p * bits_to_float((uint32_t)((int32_t)n + 127) << 23);
}

// In place: e^(x * scale + bias - the greatest of these).
// Returns the sum.
static float exponentials(float *x, float scale, const float *bias, size_t bias_step, size_t count) {
    if (bias && bias_step) {
        EACH for (size_t i = 0; i < count; i++) x[i] = x[i] * scale + bias[i];
    } else {
        affine(x, scale, bias ? *bias : 0, x, count);
    }
    float top = greatest(x, count);
    EACH for (size_t i = 0; i < count; i++) x[i] = exp_negative(x[i] - top);
    vf sums = splat(0);
    float sum = 0;
    size_t i = 0;
    for (; i + VECTOR <= count; i += VECTOR) sums += load(x + i);
    for (; i < count; i++) sum += x[i];
    return sum + total(sums);
}

static void layer_norm(const float *x, const float *weight, const float *bias, float *y, size_t rows, size_t width,
                       float epsilon) {
    for (size_t row = 0; row < rows; row++, x += width, y += width) {
        vf sums = splat(0);
        float sum = 0;
        size_t i = 0;
        for (; i + VECTOR <= width; i += VECTOR) sums += load(x + i);
        for (; i < width; i++) sum += x[i];
        float mean = (sum + total(sums)) / (float)width;
        sums = splat(0);
        sum = 0;
        for (i = 0; i + VECTOR <= width; i += VECTOR) {
            vf d = load(x + i) - mean;
            sums += d * d;
        }
        for (; i < width; i++) sum += (x[i] - mean) * (x[i] - mean);
        float scale = 1.0f / sqrtf((sum + total(sums)) / (float)width + epsilon);
        if (bias) {
            EACH for (i = 0; i < width; i++) y[i] = (x[i] - mean) * scale * weight[i] + bias[i];
        } else {
            EACH for (i = 0; i < width; i++) y[i] = (x[i] - mean) * scale * weight[i];
        }
    }
}

static void rms_norm(const float *x, const float *weight, float *y, size_t rows, size_t width, float epsilon) {
    for (size_t row = 0; row < rows; row++, x += width, y += width) {
        vf sums = splat(0);
        float sum = 0;
        size_t i = 0;
        for (; i + VECTOR <= width; i += VECTOR) sums += load(x + i) * load(x + i);
        for (; i < width; i++) sum += x[i] * x[i];
        float scale = 1.0f / sqrtf((sum + total(sums)) / (float)width + epsilon);
        EACH for (i = 0; i < width; i++) y[i] = x[i] * scale * weight[i];
    }
}

static void rotate(const float *x, const float *cosine, const float *sine, float *y, size_t half) {
    EACH for (size_t i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        y[i] = a * cosine[i] - b * sine[i];
        y[i + half] = b * cosine[i] + a * sine[i];
    }
}

static void depthwise(const float *x, const float *weight, const float *bias, float *y, size_t length, size_t channels,
                      size_t kernel, size_t stride, size_t dilation) {
    for (size_t t = 0; t < length; t++, y += channels) {
        const float *from = x + t * stride * channels;
        size_t c = 0;
        for (; c + VECTOR <= channels; c += VECTOR) {
            vf sum = bias ? load(bias + c) : splat(0);
            for (size_t j = 0; j < kernel; j++) sum += load(from + j * dilation * channels + c) * load(weight + j * channels + c);
            store(y + c, sum);
        }
        for (; c < channels; c++) {
            float sum = bias ? bias[c] : 0;
            for (size_t j = 0; j < kernel; j++) sum += from[j * dilation * channels + c] * weight[j * channels + c];
            y[c] = sum;
        }
    }
}

#include "product_bodies.h"

const ck_kernels TABLE = {
    gemm_f32, gemm_bf16, gemm_int8,
#ifdef DOT
    dot_bf16, dot_int8, quantise, exponentials_bf16,
#else
    NULL, NULL, NULL, NULL,
#endif
    to_bf16, depthwise, apply, affine, clamp, snake, silu_gate, combine, softmax, exponentials, layer_norm, rms_norm, rotate,
};
