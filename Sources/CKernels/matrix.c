// Packed weights and their products: few rows by our own loops, many by oneDNN where it has fast code.
#include <stdlib.h>
#include <string.h>
#include "kernel_table.h"
#include "onednn.h"

struct ck_matrix {
    size_t outputs, inputs, panel_inputs;
    bool bfloat16;
    void *panels;               // ceil(outputs / 64) of [panel_inputs][64]; bf16 keeps inputs in pairs: [panel_inputs / 2][64][2]
    float *bias;                // filled up to whole panels, or NULL
    ck_onednn *product;         // or NULL
};

static void *zeroed(size_t bytes) {
    size_t rounded = (bytes + 63) / 64 * 64;
    void *memory = aligned_alloc(64, rounded ? rounded : 64);
    if (memory) memset(memory, 0, rounded);
    return memory;
}

ck_matrix *ck_matrix_create(const float *weight, size_t outputs, size_t inputs, ptrdiff_t output_step,
                            ptrdiff_t input_step, const float *bias, bool bfloat16) {
    ck_matrix *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    size_t padded = (outputs + CK_PANEL - 1) / CK_PANEL * CK_PANEL;
    m->outputs = outputs;
    m->inputs = inputs;
    m->bfloat16 = bfloat16;
    m->panel_inputs = ck_onednn_inputs(inputs, bfloat16);
    m->panels = zeroed(padded * m->panel_inputs * (bfloat16 ? sizeof(uint16_t) : sizeof(float)));
    if (bias) m->bias = zeroed(padded * sizeof(float));
    if (!m->panels || (bias && !m->bias)) {
        ck_matrix_destroy(m);
        return NULL;
    }
    if (bias) memcpy(m->bias, bias, outputs * sizeof(float));
    const ck_kernels *kernels = ck_current();
    for (size_t o = 0; o < outputs; o++) {
        size_t panel = o / CK_PANEL * CK_PANEL * m->panel_inputs, column = o % CK_PANEL;
        const float *row = weight + (ptrdiff_t)o * output_step;
        for (size_t i = 0; i < inputs; i++) {
            float w = row[(ptrdiff_t)i * input_step];
            if (bfloat16) kernels->to_bf16(&w, (uint16_t *)m->panels + panel + (i / 2 * CK_PANEL + column) * 2 + i % 2, 1);
            else ((float *)m->panels)[panel + i * CK_PANEL + column] = w;
        }
    }
    if (outputs && inputs) m->product = ck_onednn_create(outputs, inputs, bfloat16, m->panels, m->bias);
    return m;
}

void ck_matrix_destroy(ck_matrix *m) {
    if (!m) return;
    ck_onednn_destroy(m->product);
    free(m->panels);
    free(m->bias);
    free(m);
}

const char *ck_matrix_backend(const ck_matrix *m) { return m->product ? "oneDNN" : "own"; }

static void own(const ck_matrix *m, const float *x, size_t row_step, float *y, size_t rows) {
    const ck_kernels *kernels = ck_current();
    if (m->bfloat16)
        kernels->gemm_bf16(x, row_step, m->panels, m->bias, y, m->outputs, rows, m->inputs, m->panel_inputs, m->outputs);
    else
        kernels->gemm_f32(x, row_step, m->panels, m->bias, y, m->outputs, rows, m->inputs, m->panel_inputs, m->outputs);
}

// Rows with their taps side by side, in the precision asked for.
static void gather(const float *x, size_t row_step, size_t taps, size_t tap_step, size_t width, size_t rows, bool bfloat16,
                   void *to) {
    const ck_kernels *kernels = ck_current();
    if (tap_step == width) {    // the taps lie side by side already
        width *= taps;
        taps = 1;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < taps; j++) {
            const float *from = x + r * row_step + j * tap_step;
            size_t at = (r * taps + j) * width;
            if (bfloat16) kernels->to_bf16(from, (uint16_t *)to + at, width);
            else memcpy((float *)to + at, from, width * sizeof(float));
        }
}

bool ck_matrix_multiply(const ck_matrix *m, const float *x, size_t row_step, size_t taps, size_t tap_step, float *y,
                        size_t rows) {
    size_t width = taps ? m->inputs / taps : 0;
    bool joined = taps == 1 || tap_step == width;
    bool by_onednn = m->product && rows >= ck_block_rows[CK_BLOCKS - 1] && ck_onednn_allowed();
    if (!by_onednn && joined) {
        own(m, x, row_step, y, rows);
        return true;
    }
    bool dense = joined && row_step == m->inputs && !m->bfloat16;      // oneDNN can read x where it is
    size_t most = rows < ck_block_rows[0] ? rows : ck_block_rows[0];
    void *gathered = NULL;
    if (!dense) {
        gathered = ck_scratch(CK_SCRATCH_ROWS, most * m->inputs * (m->bfloat16 && by_onednn ? sizeof(uint16_t) : sizeof(float)));
        if (!gathered) return false;
    }
    for (size_t done = 0; done < rows;) {
        size_t left = rows - done, count = left < most ? left : most;
        int block = 0;
        if (by_onednn) {
            while (block < CK_BLOCKS - 1 && ck_block_rows[block] > left) block++;
            count = ck_block_rows[block];
            if (count > left) done = rows - count;                      // the last few rows once more, with their neighbours
        }
        const void *from = x + done * row_step;
        if (gathered) {
            gather(x + done * row_step, row_step, taps, tap_step, width, count, m->bfloat16 && by_onednn, gathered);
            from = gathered;
        }
        if (by_onednn) {
            if (!ck_onednn_run(m->product, block, from, y + done * m->outputs)) return false;
        } else own(m, from, m->inputs, y + done * m->outputs, count);
        done += count;
    }
    return true;
}
