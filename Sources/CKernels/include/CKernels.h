#pragma once
// The loops under `Tensors`: products over oneDNN and over our own SIMD code, norms, activations, attention, FFT.
// All arrays are 32-bit floats unless said otherwise; nothing here checks shapes, the Swift side does.
// Every function runs on the caller's thread and may be called from any number of threads.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Instruction sets ------------------------------------------------------------------------------------------------

// CK_PLAIN is what the compiler may assume everywhere: SSE2 on x86-64, NEON on arm64.
// CK_AVX512_DOT has products of bf16 pairs and int8 fours beside.
typedef enum { CK_PLAIN, CK_AVX2, CK_AVX512, CK_AVX512_DOT } ck_path;

bool ck_path_available(ck_path path);
// For tests: makes this thread use `path`, and our own products in place of oneDNN's unless `onednn`.
void ck_force_path(ck_path path, bool onednn);
void ck_unforce_path(void);

// Memory ----------------------------------------------------------------------------------------------------------

// Whole pages of zeros, straight from the system; NULL when memory is short.
void *ck_pages(size_t bytes);
void ck_pages_free(void *memory, size_t bytes);
// Large blocks come straight from the system and go back there, always: glibc would raise the limit with each that is
// freed, and keep what long texts needed.
void ck_bound_heap(void);
// Free pages of the allocator go back to the system, where it has any.
void ck_give_back_memory(void);
// Tells memory that was damaged by accident; as quick as reading. Not for anything an attacker may choose.
uint64_t ck_checksum(const void *memory, size_t bytes);

// Cores -----------------------------------------------------------------------------------------------------------

// How many may compute at once, this process over; starts 1. It only grows.
void ck_set_cores(size_t cores);
size_t ck_cores(void);
// Around everything that a thread computes for long, so that `ck_parallel` elsewhere leaves it its core.
void ck_begin_work(void);
void ck_end_work(void);
bool ck_is_working(void);       // whether this thread is between the two
// body(context, i) once for every i below count: here, and at the same time on cores that nobody computes on. A body may
// call it again; that part is not divided further.
void ck_parallel(size_t count, void (*body)(void *context, size_t index), void *context);

// Products --------------------------------------------------------------------------------------------------------

// Columns of a packed panel. A packed matrix [k, n] is ceil(n / 64) panels of [k][64].
enum { CK_PANEL = 64 };

typedef enum { CK_FLOAT32, CK_BFLOAT16, CK_INT8 } ck_precision;

// A packed weight with its bias. Immutable; NULL when memory is short. In int8 every output has its own scale; the other
// operand keeps 16 bits, or all of them where the CPU has no products of bytes.
typedef struct ck_matrix ck_matrix;

// `weight` element (output o, input i) is at o * output_step + i * input_step. `bias` may be NULL.
ck_matrix *ck_matrix_create(const float *weight, size_t outputs, size_t inputs, ptrdiff_t output_step,
                            ptrdiff_t input_step, const float *bias, ck_precision precision);
void ck_matrix_destroy(ck_matrix *matrix);
// What a matrix is packed as, without its bias: so many bytes, on a 64-byte boundary. Changes of their meaning raise
// CK_PACKING.
enum { CK_PACKING = 1 };
size_t ck_matrix_bytes(size_t outputs, size_t inputs, ck_precision precision);
const void *ck_matrix_packed(const ck_matrix *matrix);
// A matrix of bytes that were packed before; they stay the caller's, and have to outlive it.
ck_matrix *ck_matrix_adopt(const void *packed, size_t outputs, size_t inputs, const float *bias, ck_precision precision);
// y[row] = W x[row] + bias, y rows being `outputs` apart. Row r of x is `taps` pieces of inputs / taps floats, the first at
// r * row_step, each tap_step after the one before: a convolution when taps > 1.
// Divides itself over idle cores. Returns false when memory is short.
bool ck_matrix_multiply(const ck_matrix *matrix, const float *x, size_t row_step, size_t taps, size_t tap_step, float *y,
                        size_t rows);
// "oneDNN" or "own": which of them many rows (128 and more) are given to.
const char *ck_matrix_backend(const ck_matrix *matrix);

// Bytes of packed keys and values, at most `capacity` of them.
size_t ck_key_bytes(size_t capacity, size_t width, bool bfloat16);
size_t ck_value_bytes(size_t capacity, size_t width, bool bfloat16);
// Rows of `width` become panel columns `first` to `first + count`: keys, for q kT. False when memory is short.
bool ck_pack_columns(const float *rows, size_t row_step, size_t count, size_t width, bool bfloat16, void *panels, size_t first);
// Rows of `width` become panel rows `first` to `first + count` of panels [capacity][64]: values, for weights * v. In bf16,
// memory behind an odd number of rows has to hold numbers. False when memory is short.
bool ck_pack_rows(const float *rows, size_t row_step, size_t count, size_t width, bool bfloat16, void *panels, size_t capacity,
                  size_t first);

// y[m][n] = a[m][k] times b[n][k] transposed, both being activations.
bool ck_multiply_transposed(const float *a, const float *b, float *y, size_t m, size_t n, size_t k);

// One head: softmax(q kT * scale + bias) v. Rows of q and out [width]; keys packed by ck_pack_columns, values by ck_pack_rows.
typedef struct {
    const float *q;
    size_t q_step;
    const void *keys, *values;
    bool bfloat16;
    float *out;
    size_t out_step;
    size_t rows, width, length, capacity;
    float scale;
    bool causal;                 // query r sees keys up to length - rows + r
    const float *bias;           // or NULL; element (r, c) at r * bias_row_step + c * bias_column_step
    size_t bias_row_step, bias_column_step;
    // or NULL; as keys, 2 length - 1 of them for distances length - 1 down to 1 - length, which rows of distance_q meet.
    // Their products are not scaled any more.
    const void *distances;
    const float *distance_q;     // [rows][width]
    float *probabilities;        // or NULL; [rows][length]
} ck_attention_head;
bool ck_attention(const ck_attention_head *head);

// All heads of a sequence that attends to itself, divided over idle cores.
typedef struct {
    const float *qkv;            // rows of queries, keys, values, each [heads][width]
    size_t step;                 // between rows
    float *out;                  // rows of [heads][width]
    size_t out_step;             // between rows, heads * width
    size_t heads, width, length;
    float scale;
    bool bfloat16;
    // Relative positions, or NULL: rows [heads][width] for distances length - 1 down to 1 - length, and what is added to
    // queries [heads][width] before they meet keys and distances.
    const float *distances, *bias_u, *bias_v;
} ck_self_attention;
bool ck_attend_all(const ck_self_attention *attention);

// y[t][c] = bias[c] + sum over j of x[t * stride + j * dilation][c] * weight[j][c]. `bias` may be NULL.
void ck_depthwise(const float *x, const float *weight, const float *bias, float *y, size_t length, size_t channels,
                  size_t kernel, size_t stride, size_t dilation);

// Element by element ----------------------------------------------------------------------------------------------

typedef enum {
    CK_RELU, CK_LEAKY_RELU, CK_ELU, CK_SILU, CK_GELU, CK_GELU_TANH, CK_MISH, CK_TANH, CK_SIGMOID, CK_EXP, CK_SIN, CK_COS
} ck_function;

// `parameter` is the slope of CK_LEAKY_RELU; the others ignore it.
void ck_apply(ck_function function, const float *x, float *y, size_t count, float parameter);
void ck_affine(const float *x, float factor, float term, float *y, size_t count);
void ck_clamp(const float *x, float low, float high, float *y, size_t count);
// y = x + sin^2(alpha x) / (alpha + 1e-9), `alpha` for each channel.
void ck_snake(const float *x, const float *alpha, float *y, size_t rows, size_t channels);
// Rows of 2 * half floats to rows of half: silu(first) * second.
void ck_silu_gate(const float *x, float *y, size_t rows, size_t half);

typedef enum { CK_ADD, CK_SUBTRACT, CK_MULTIPLY } ck_operator;
// y[i] = a[i] op b[i * b_step], b_step being 0 or 1.
void ck_combine(ck_operator operator, const float *a, const float *b, size_t b_step, float *y, size_t count);

// Row by row ------------------------------------------------------------------------------------------------------

void ck_softmax(const float *x, float *y, size_t rows, size_t width);
void ck_layer_norm(const float *x, const float *weight, const float *bias, float *y, size_t rows, size_t width, float epsilon);
void ck_rms_norm(const float *x, const float *weight, float *y, size_t rows, size_t width, float epsilon);
// Rotary positions: channels i and i + half turn together by the angle of [cosine, sine][half].
void ck_rotate(const float *x, const float *cosine, const float *sine, float *y, size_t half);
// [rows][columns] to [columns][rows].
void ck_transpose(const float *x, float *y, size_t rows, size_t columns);

// Fourier transform -----------------------------------------------------------------------------------------------

// Of `size` real values, size even. NULL when memory is short.
typedef struct ck_fourier ck_fourier;
ck_fourier *ck_fourier_create(size_t size);
void ck_fourier_destroy(ck_fourier *plan);
// size values to size / 2 + 1 bins. `work` holds 2 * size floats.
void ck_fourier_forward(const ck_fourier *plan, const float *x, float *real, float *imaginary, float *work);
// The inverse, divided by size. The imaginary parts of the first and the last bin count for nothing.
void ck_fourier_inverse(const ck_fourier *plan, const float *real, const float *imaginary, float *x, float *work);

#ifdef __cplusplus
}
#endif
