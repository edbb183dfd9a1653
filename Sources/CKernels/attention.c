// Products of activations with each other: attention over packed keys and values.
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include "kernel_table.h"

enum { ROWS = 48 };             // of scores at a time, so that they stay in the cache

static size_t even(size_t n) { return (n + 1) / 2 * 2; }
static size_t whole(size_t n) { return (n + CK_PANEL - 1) / CK_PANEL * CK_PANEL; }

size_t ck_key_bytes(size_t capacity, size_t width, bool bfloat16) {
    return whole(capacity) * (bfloat16 ? even(width) * sizeof(uint16_t) : width * sizeof(float));
}

size_t ck_value_bytes(size_t capacity, size_t width, bool bfloat16) {
    return whole(capacity) * whole(width) * (bfloat16 ? sizeof(uint16_t) : sizeof(float));
}

bool ck_pack_columns(const float *rows, size_t row_step, size_t count, size_t width, bool bfloat16, void *panels, size_t first) {
    size_t pairs = even(width) / 2;
    uint32_t *words = NULL;
    if (bfloat16) {
        words = ck_scratch(CK_SCRATCH_CONVERTED, pairs * sizeof(uint32_t));
        if (!words) return false;
    }
    for (size_t r = 0; r < count; r++) {
        size_t panel = (first + r) / CK_PANEL * CK_PANEL, column = (first + r) % CK_PANEL;
        const float *row = rows + r * row_step;
        if (bfloat16) {
            words[pairs - 1] = 0;
            ck_current()->to_bf16(row, (uint16_t *)words, width);
            uint32_t *to = (uint32_t *)panels + panel * pairs + column;
            for (size_t i = 0; i < pairs; i++) to[i * CK_PANEL] = words[i];
        } else {
            float *to = (float *)panels + panel * width + column;
            for (size_t i = 0; i < width; i++) to[i * CK_PANEL] = row[i];
        }
    }
    return true;
}

bool ck_pack_rows(const float *rows, size_t row_step, size_t count, size_t width, bool bfloat16, void *panels, size_t capacity,
                  size_t first) {
    uint16_t *half = NULL;
    if (bfloat16) {
        half = ck_scratch(CK_SCRATCH_CONVERTED, width * sizeof(uint16_t));
        if (!half) return false;
    }
    for (size_t r = 0; r < count; r++) {
        size_t position = first + r;
        const float *row = rows + r * row_step;
        if (bfloat16) ck_current()->to_bf16(row, half, width);
        for (size_t c = 0; c < width; c += CK_PANEL) {
            size_t columns = width - c < CK_PANEL ? width - c : CK_PANEL;
            if (bfloat16) {
                uint16_t *to = (uint16_t *)panels + c * capacity + position / 2 * 2 * CK_PANEL + position % 2;
                for (size_t i = 0; i < columns; i++) to[2 * i] = half[c + i];
            } else {
                memcpy((float *)panels + c * capacity + position * CK_PANEL, row + c, columns * sizeof(float));
            }
        }
    }
    return true;
}

// y = x b, x being floats that are brought to the panels' precision.
static bool product(const float *x, size_t x_step, const ck_panels *b, bool bfloat16, float *y, size_t y_step, size_t rows) {
    const ck_kernels *kernels = ck_current();
    if (!bfloat16) kernels->gemm_f32(x, x_step, b, y, y_step, rows);
    else if (!kernels->dot_bf16) kernels->gemm_bf16(x, x_step, b, y, y_step, rows);
    else {
        size_t step = even(b->k);
        uint16_t *halves = ck_scratch(CK_SCRATCH_CONVERTED, rows * step * sizeof(uint16_t));
        if (!halves) return false;
        for (size_t r = 0; r < rows; r++) {
            kernels->to_bf16(x + r * x_step, halves + r * step, b->k);
            if (b->k & 1) halves[r * step + b->k] = 0;
        }
        kernels->dot_bf16(halves, step, b, y, y_step, rows);
    }
    return true;
}

bool ck_multiply_transposed(const float *a, const float *b, float *y, size_t m, size_t n, size_t k) {
    void *panels = ck_scratch(CK_SCRATCH_KEYS, ck_key_bytes(n, k, false) + 1);
    if (!panels || !ck_pack_columns(b, k, n, k, false, panels, 0)) return false;
    return product(a, k, &(ck_panels){.panels = panels, .k = k, .panel_k = k, .n = n}, false, y, n, m);
}

bool ck_attention(const ck_attention_head *h) {
    const ck_kernels *kernels = ck_current();
    size_t most = h->rows < ROWS ? h->rows : ROWS;
    size_t window = h->distances ? h->length + most + CK_PANEL : 0;
    // Weights become halves at once where products take them, unless somebody wants to see them.
    bool halves = h->bfloat16 && kernels->exponentials_bf16 && !h->probabilities;
    size_t half_step = halves ? even(h->length) : 0;
    float *scores = ck_scratch(CK_SCRATCH_SCORES, (most * (h->length + window + half_step / 2) + 1) * sizeof(float));
    if (!scores) return false;
    float *by_distance = scores + most * h->length;
    uint16_t *weights = (uint16_t *)(by_distance + most * window);
    size_t padded = h->bfloat16 ? even(h->width) : h->width;
    ck_panels keys = {.panels = h->keys, .k = h->width, .panel_k = padded, .n = h->length};
    ck_panels values = {.panels = h->values, .k = h->length, .panel_k = h->capacity, .n = h->width};
    float sums[ROWS];
    for (size_t first = 0; first < h->rows; first += ROWS) {
        size_t count = h->rows - first < ROWS ? h->rows - first : ROWS;
        float *out = h->out + first * h->out_step;
        if (!product(h->q + first * h->q_step, h->q_step, &keys, h->bfloat16, scores, h->length, count)) return false;
        size_t start = 0, distances = 0;
        if (h->distances) {     // those that these rows meet: query r finds key c at row c + length - 1 - r
            start = (h->length - first - count) / CK_PANEL * CK_PANEL;
            distances = 2 * h->length - 1 - first - start;
            ck_panels b = {.panels = (const char *)h->distances + start * padded * (h->bfloat16 ? sizeof(uint16_t) : sizeof(float)),
                           .k = h->width, .panel_k = padded, .n = distances};
            if (!product(h->distance_q + first * h->width, h->width, &b, h->bfloat16, by_distance, distances, count)) return false;
        }
        for (size_t r = 0; r < count; r++) {
            float *row = scores + r * h->length;
            size_t seen = h->causal ? h->length - h->rows + first + r + 1 : h->length;
            const float *bias = h->bias ? h->bias + (first + r) * h->bias_row_step
                : h->distances ? by_distance + r * distances + h->length - 1 - first - r - start : NULL;
            size_t bias_step = h->distances ? 1 : h->bias_column_step;
            if (halves) {
                uint16_t *to = weights + r * half_step;
                sums[r] = kernels->exponentials_bf16(row, h->scale, bias, bias ? bias_step : 0, seen, to);
                memset(to + seen, 0, (half_step - seen) * sizeof(uint16_t));
                continue;
            }
            sums[r] = kernels->exponentials(row, h->scale, bias, bias_step, seen);
            memset(row + seen, 0, (h->length - seen) * sizeof(float));
            if (h->probabilities)
                kernels->affine(row, 1 / sums[r], 0, h->probabilities + (first + r) * h->length, h->length);
        }
        if (halves) kernels->dot_bf16(weights, half_step, &values, out, h->out_step, count);
        else if (!product(scores, h->length, &values, h->bfloat16, out, h->out_step, count)) return false;
        for (size_t r = 0; r < count; r++) kernels->affine(out + r * h->out_step, 1 / sums[r], 0, out + r * h->out_step, h->width);
    }
    return true;
}

// A whole projection ------------------------------------------------------------------------------------------------

typedef struct {
    const ck_self_attention *all;
    atomic_bool failed;
} heads;

static bool attend(const ck_self_attention *a, size_t head) {
    size_t at = head * a->width, inner = a->heads * a->width, capacity = whole(a->length), distances = 2 * a->length - 1;
    size_t key_bytes = ck_key_bytes(a->length, a->width, a->bfloat16);
    size_t value_bytes = ck_value_bytes(a->length, a->width, a->bfloat16);
    size_t distance_bytes = a->distances ? ck_key_bytes(distances, a->width, a->bfloat16) : 0;
    size_t rows = a->distances ? a->length * a->width : 0;
    char *packed = ck_scratch(CK_SCRATCH_KEYS, key_bytes + value_bytes + distance_bytes + 2 * rows * sizeof(float) + 1);
    if (!packed) return false;
    const float *q = a->qkv + at;
    ck_attention_head h = {
        .q = q, .q_step = a->step, .keys = packed, .values = packed + key_bytes, .out = a->out + at, .out_step = a->out_step,
        .rows = a->length, .width = a->width, .length = a->length, .capacity = capacity, .scale = a->scale,
        .bfloat16 = a->bfloat16,
    };
    // What is left over of the last pair meets a weight of 0, and must be a number.
    if (a->length & 1) memset(packed + key_bytes, 0, value_bytes);
    if (!ck_pack_columns(q + inner, a->step, a->length, a->width, a->bfloat16, packed, 0)
        || !ck_pack_rows(q + 2 * inner, a->step, a->length, a->width, a->bfloat16, packed + key_bytes, capacity, 0)) return false;
    if (a->distances) {
        char *to = packed + key_bytes + value_bytes;
        float *for_keys = (float *)(to + distance_bytes), *for_distances = for_keys + rows;
        if (!ck_pack_columns(a->distances + at, inner, distances, a->width, a->bfloat16, to, 0)) return false;
        for (size_t r = 0; r < a->length; r++)
            for (size_t i = 0; i < a->width; i++) {
                float value = q[r * a->step + i];
                for_keys[r * a->width + i] = value + a->bias_u[at + i];
                for_distances[r * a->width + i] = (value + a->bias_v[at + i]) * a->scale;
            }
        h.q = for_keys;
        h.q_step = a->width;
        h.distances = to;
        h.distance_q = for_distances;
    }
    return ck_attention(&h);
}

static void attend_head(void *context, size_t index) {
    heads *all = context;
    if (!attend(all->all, index)) atomic_store(&all->failed, true);
}

bool ck_attend_all(const ck_self_attention *attention) {
    heads all = {.all = attention};
    ck_parallel(attention->heads, attend_head, &all);
    return !atomic_load(&all.failed);
}
