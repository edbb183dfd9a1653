// Packed weights and their products: by our own loops, or by oneDNN where that is faster.
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "kernel_table.h"
#include "onednn.h"

struct ck_matrix {
    size_t outputs, inputs;
    ck_precision precision;
    ck_panels panels;
    void *owned;                // pages that the panels are in; NULL if they are somebody else's
    ck_onednn *product;         // or NULL
};

enum {
    BLOCK_ROWS = 48,            // converted at a time: a whole number of tiles, and few enough to stay in the cache
    SHARED_ROWS = 1 << 20,      // multiplications from which rows are divided over cores,
    SHARED_COLUMNS = 1 << 18,   // and weights from which columns are
};

static size_t element_bytes(ck_precision precision) {
    return precision == CK_FLOAT32 ? sizeof(float) : precision == CK_BFLOAT16 ? sizeof(uint16_t) : sizeof(int8_t);
}

static void *zeroed(size_t bytes) {
    size_t rounded = (bytes + 63) / 64 * 64;
    void *memory = aligned_alloc(64, rounded ? rounded : 64);
    if (memory) memset(memory, 0, rounded);
    return memory;
}

static size_t padded(size_t outputs) { return (outputs + CK_PANEL - 1) / CK_PANEL * CK_PANEL; }

static size_t panel_bytes(size_t outputs, size_t inputs, ck_precision precision) {
    return padded(outputs) * ck_onednn_inputs(inputs, precision) * element_bytes(precision);
}

// Packing ---------------------------------------------------------------------------------------------------------

typedef struct {
    const float *weight;
    ptrdiff_t output_step, input_step;
    ck_matrix *matrix;
    atomic_bool failed;
} packing;

static void pack_panel(void *context, size_t index) {
    packing *p = context;
    const ck_matrix *m = p->matrix;
    const ck_kernels *kernels = ck_current();
    size_t first = index * CK_PANEL, inputs = m->inputs;
    size_t count = m->outputs - first < CK_PANEL ? m->outputs - first : CK_PANEL;
    float *row = ck_scratch(CK_SCRATCH_ROWS, inputs * (sizeof(float) + sizeof(uint16_t)));
    if (!row) {
        atomic_store(&p->failed, true);
        return;
    }
    uint16_t *half = (uint16_t *)(row + inputs);
    char *panel = (char *)m->panels.panels + first * m->panels.panel_k * element_bytes(m->precision);
    for (size_t column = 0; column < count; column++) {
        const float *from = p->weight + (ptrdiff_t)(first + column) * p->output_step;
        if (p->input_step == 1) memcpy(row, from, inputs * sizeof(float));
        else for (size_t i = 0; i < inputs; i++) row[i] = from[(ptrdiff_t)i * p->input_step];
        switch (m->precision) {
        case CK_FLOAT32:
            for (size_t i = 0; i < inputs; i++) ((float *)panel)[i * CK_PANEL + column] = row[i];
            break;
        case CK_BFLOAT16:
            kernels->to_bf16(row, half, inputs);
            for (size_t i = 0; i < inputs; i++) ((uint16_t *)panel)[(i / 2 * CK_PANEL + column) * 2 + i % 2] = half[i];
            break;
        case CK_INT8: {
            float top = 0;
            for (size_t i = 0; i < inputs; i++) top = fabsf(row[i]) > top ? fabsf(row[i]) : top;
            float scale = top / 127, inverse = top > 0 ? 127 / top : 0;
            int32_t sum = 0;
            for (size_t i = 0; i < inputs; i++) {
                int8_t q = (int8_t)lrintf(row[i] * inverse);
                ((int8_t *)panel)[(i / 4 * CK_PANEL + column) * 4 + i % 4] = q;
                sum += q;
            }
            ((float *)m->panels.scales)[first + column] = scale;
            ((int32_t *)m->panels.column_sums)[first + column] = sum;
        }
        }
    }
}

// Panels, then of int8 the columns' scales and sums.
size_t ck_matrix_bytes(size_t outputs, size_t inputs, ck_precision precision) {
    return panel_bytes(outputs, inputs, precision)
        + (precision == CK_INT8 ? padded(outputs) * (sizeof(float) + sizeof(int32_t)) : 0);
}

const void *ck_matrix_packed(const ck_matrix *m) { return m->panels.panels; }

// Without what oneDNN makes of the panels.
static ck_matrix *of_panels(const void *packed, size_t outputs, size_t inputs, const float *bias, ck_precision precision) {
    ck_matrix *m = calloc(1, sizeof *m);
    float *filled = bias ? zeroed(padded(outputs) * sizeof(float)) : NULL;
    if (!m || (bias && !filled)) {
        free(m);
        free(filled);
        return NULL;
    }
    if (bias) memcpy(filled, bias, outputs * sizeof(float));
    m->outputs = outputs;
    m->inputs = inputs;
    m->precision = precision;
    m->panels = (ck_panels){.panels = packed, .bias = filled, .k = inputs,
                            .panel_k = ck_onednn_inputs(inputs, precision), .n = outputs};
    if (precision == CK_INT8) {
        m->panels.scales = (const float *)((const char *)packed + panel_bytes(outputs, inputs, precision));
        m->panels.column_sums = (const int32_t *)(m->panels.scales + padded(outputs));
    }
    return m;
}

static void add_product(ck_matrix *m) {
    if (m->outputs && m->inputs && m->precision != CK_INT8 && ck_onednn_allowed())
        m->product = ck_onednn_create(m->outputs, m->inputs, m->precision == CK_BFLOAT16, m->panels.panels, m->panels.bias);
}

ck_matrix *ck_matrix_adopt(const void *packed, size_t outputs, size_t inputs, const float *bias, ck_precision precision) {
    ck_matrix *m = of_panels(packed, outputs, inputs, bias, precision);
    if (m) add_product(m);
    return m;
}

ck_matrix *ck_matrix_create(const float *weight, size_t outputs, size_t inputs, ptrdiff_t output_step,
                            ptrdiff_t input_step, const float *bias, ck_precision precision) {
    size_t bytes = ck_matrix_bytes(outputs, inputs, precision);
    void *pages = ck_pages(bytes ? bytes : 1);
    ck_matrix *m = pages ? of_panels(pages, outputs, inputs, bias, precision) : NULL;
    if (!m) {
        ck_pages_free(pages, bytes ? bytes : 1);
        return NULL;
    }
    m->owned = pages;
    packing p = {.weight = weight, .output_step = output_step, .input_step = input_step, .matrix = m};
    ck_parallel(padded(outputs) / CK_PANEL, pack_panel, &p);
    if (atomic_load(&p.failed)) {
        ck_matrix_destroy(m);
        return NULL;
    }
    add_product(m);
    return m;
}

void ck_matrix_destroy(ck_matrix *m) {
    if (!m) return;
    size_t bytes = ck_matrix_bytes(m->outputs, m->inputs, m->precision);
    ck_onednn_destroy(m->product);
    ck_pages_free(m->owned, bytes ? bytes : 1);
    free((void *)m->panels.bias);
    free(m);
}

const char *ck_matrix_backend(const ck_matrix *m) { return m->product ? "oneDNN" : "own"; }

// Products --------------------------------------------------------------------------------------------------------

typedef struct {
    const ck_matrix *matrix;
    const float *x;
    size_t row_step, taps, tap_step;
    float *y;
    size_t rows;
    const struct converted *shared;     // all rows, when columns are divided
    size_t groups;
    atomic_bool failed;
} product;

// Some rows as the kernel reads them.
typedef struct converted {
    const float *plain;
    size_t step;
    const uint16_t *halves;
    ck_quantised quantised;
} converted;

static bool side_by_side(const product *p) { return p->taps == 1 || p->tap_step * p->taps == p->matrix->inputs; }

// Row r with its taps one behind the other.
static void join(const product *p, size_t r, float *to) {
    size_t width = p->matrix->inputs / p->taps;
    for (size_t j = 0; j < p->taps; j++) memcpy(to + j * width, p->x + r * p->row_step + j * p->tap_step, width * sizeof(float));
}

static void join_halves(const product *p, size_t r, uint16_t *to) {
    size_t inputs = p->matrix->inputs, taps = side_by_side(p) ? 1 : p->taps, width = inputs / taps;
    for (size_t j = 0; j < taps; j++) ck_current()->to_bf16(p->x + r * p->row_step + j * p->tap_step, to + j * width, width);
}

static bool convert(const product *p, size_t first, size_t count, converted *to) {
    const ck_kernels *kernels = ck_current();
    size_t inputs = p->matrix->inputs;
    if (p->matrix->precision == CK_BFLOAT16 && kernels->dot_bf16) {
        to->step = (inputs + 1) / 2 * 2;
        uint16_t *halves = ck_scratch(CK_SCRATCH_CONVERTED, count * to->step * sizeof(uint16_t));
        if (!halves) return false;
        for (size_t r = 0; r < count; r++) {
            join_halves(p, first + r, halves + r * to->step);
            if (inputs & 1) halves[r * to->step + inputs] = 0;
        }
        to->halves = halves;
        return true;
    }
    to->plain = p->x + first * p->row_step;
    to->step = p->row_step;
    if (!side_by_side(p)) {
        float *joined = ck_scratch(CK_SCRATCH_ROWS, count * inputs * sizeof(float));
        if (!joined) return false;
        for (size_t r = 0; r < count; r++) join(p, first + r, joined + r * inputs);
        to->plain = joined;
        to->step = inputs;
    }
    if (p->matrix->precision != CK_INT8 || !kernels->dot_int8) return true;
    size_t step = (inputs + 3) / 4 * 4;
    uint8_t *memory = ck_scratch(CK_SCRATCH_CONVERTED, count * (2 * step + sizeof(float)) + 64);
    if (!memory) return false;
    uint8_t *high = memory, *low = memory + count * step;
    float *scales = (float *)(low + count * step);
    for (size_t r = 0; r < count; r++) {
        scales[r] = kernels->quantise(to->plain + r * to->step, inputs, high + r * step, low + r * step);
        memset(high + r * step + inputs, 0, step - inputs);
        memset(low + r * step + inputs, 0, step - inputs);
    }
    to->quantised = (ck_quantised){high, low, scales, step};
    return true;
}

// Columns first to first + n, first being a whole number of panels.
static void multiply(const ck_matrix *m, const converted *x, float *y, size_t rows, size_t first, size_t n) {
    const ck_kernels *kernels = ck_current();
    ck_panels b = m->panels;
    b.panels = (const char *)b.panels + first * b.panel_k * element_bytes(m->precision);
    b.n = n;
    if (b.bias) b.bias += first;
    if (b.scales) b.scales += first;
    if (b.column_sums) b.column_sums += first;
    y += first;
    switch (m->precision) {
    case CK_FLOAT32: kernels->gemm_f32(x->plain, x->step, &b, y, m->outputs, rows); break;
    case CK_BFLOAT16:
        if (x->halves) kernels->dot_bf16(x->halves, x->step, &b, y, m->outputs, rows);
        else kernels->gemm_bf16(x->plain, x->step, &b, y, m->outputs, rows);
        break;
    case CK_INT8:
        if (x->quantised.high) kernels->dot_int8(&x->quantised, &b, y, m->outputs, rows);
        else kernels->gemm_int8(x->plain, x->step, &b, y, m->outputs, rows);
    }
}

static void row_block(void *context, size_t index) {
    product *p = context;
    size_t first = index * BLOCK_ROWS, count = p->rows - first < BLOCK_ROWS ? p->rows - first : BLOCK_ROWS;
    converted x = {0};
    if (convert(p, first, count, &x)) multiply(p->matrix, &x, p->y + first * p->matrix->outputs, count, 0, p->matrix->outputs);
    else atomic_store(&p->failed, true);
}

static void column_group(void *context, size_t index) {
    const product *p = context;
    size_t outputs = p->matrix->outputs, panels = (outputs + CK_PANEL - 1) / CK_PANEL;
    size_t first = panels * index / p->groups * CK_PANEL, end = panels * (index + 1) / p->groups * CK_PANEL;
    if (end > outputs) end = outputs;
    if (end > first) multiply(p->matrix, p->shared, p->y, p->rows, first, end - first);
}

// Rows in oneDNN's blocks, from index * the largest on.
static void onednn_block(void *context, size_t index) {
    product *p = context;
    const ck_matrix *m = p->matrix;
    size_t done = index * ck_block_rows[0], end = done + ck_block_rows[0] < p->rows ? done + ck_block_rows[0] : p->rows;
    bool bfloat16 = m->precision == CK_BFLOAT16, dense = side_by_side(p) && p->row_step == m->inputs && !bfloat16;
    ck_onednn_allowed();        // bounds oneDNN's threads on this one
    while (done < end) {
        size_t left = end - done, count;
        int block = 0;
        while (block < CK_BLOCKS - 1 && ck_block_rows[block] > left) block++;
        count = ck_block_rows[block];
        if (count > left) done = end - count;                           // the last few rows once more, with their neighbours
        const void *from = p->x + done * p->row_step;
        if (!dense) {
            void *to = ck_scratch(CK_SCRATCH_ROWS, count * m->inputs * element_bytes(m->precision));
            if (!to) break;
            for (size_t r = 0; r < count; r++) {
                if (bfloat16) join_halves(p, done + r, (uint16_t *)to + r * m->inputs);
                else join(p, done + r, (float *)to + r * m->inputs);
            }
            from = to;
        }
        if (!ck_onednn_run(m->product, block, from, p->y + done * m->outputs)) break;
        done += count;
    }
    if (done < end) atomic_store(&p->failed, true);
}

bool ck_matrix_multiply(const ck_matrix *m, const float *x, size_t row_step, size_t taps, size_t tap_step, float *y,
                        size_t rows) {
    product p = {.matrix = m, .x = x, .row_step = row_step, .taps = taps, .tap_step = tap_step, .y = y, .rows = rows};
    size_t weights = m->inputs * m->outputs;
    if (m->product && rows >= ck_block_rows[0] && ck_onednn_allowed()) {
        ck_parallel((rows + ck_block_rows[0] - 1) / ck_block_rows[0], onednn_block, &p);
        return !atomic_load(&p.failed);
    }
    size_t blocks = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
    if (blocks > 1) {
        if (rows * weights >= SHARED_ROWS) ck_parallel(blocks, row_block, &p);
        else for (size_t i = 0; i < blocks; i++) row_block(&p, i);
        return !atomic_load(&p.failed);
    }
    converted all = {0};
    if (!convert(&p, 0, rows, &all)) return false;
    p.shared = &all;
    p.groups = weights >= SHARED_COLUMNS ? ck_cores() : 1;
    ck_parallel(p.groups, column_group, &p);
    return true;
}
