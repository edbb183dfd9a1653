// Products of rows with packed panels, for kernel_bodies.h. With DOT the instruction set has products of bf16 pairs and of
// int8 fours (AVX512_BF16 and AVX512_VNNI).

static void to_bf16(const float *x, uint16_t *y, size_t count) {
#ifdef DOT
    size_t done = count / VECTOR * VECTOR;
    for (size_t i = 0; i < done; i += VECTOR) _mm256_storeu_si256((void *)(y + i), (__m256i)_mm512_cvtneps_pbh((__m512)load(x + i)));
    x += done;
    y += done;
    count -= done;
#endif
    EACH for (size_t i = 0; i < count; i++) {
        uint32_t u = float_to_bits(x[i]);
        y[i] = (uint16_t)((u + 0x7FFF + (u >> 16 & 1)) >> 16);
    }
}

// Up to one vector of sums, cut off at `columns`.
INLINE void put(float *to, vf sums, size_t first, size_t columns) {
    if (first + VECTOR <= columns) store(to, sums);
    else if (first < columns) {
        float part[VECTOR];
        store(part, sums);
        memcpy(to, part, (columns - first) * sizeof(float));
    }
}

// Sums stay in registers only if every loop over rows and vectors is written out.
#define UNROLL _Pragma("clang loop unroll(full)")

enum { F32, BF16, INT8 };

// y[ROWS][columns] = x * panel + bias for one panel slice of VECTORS registers, sums kept in registers throughout.
// A bf16 panel keeps inputs 2i and 2i + 1 of a column side by side in 32 bits, so a shift and a mask make floats of them; an
// int8 panel four inputs.
INLINE void tile(const int ROWS, const int VECTORS, const int KIND, const float *x, size_t x_step, const void *panel,
                 const float *scales, const float *bias, float *y, size_t y_step, size_t k, size_t columns) {
    vf sums[6][4];
    UNROLL for (int r = 0; r < ROWS; r++)
        UNROLL for (int v = 0; v < VECTORS; v++) sums[r][v] = bias && KIND != INT8 ? load(bias + v * VECTOR) : splat(0);
    // Weights of one input at a time against every row: sums, weights and one value of x are all that registers must hold.
#define STEP(INPUT, LOAD)                                                                                               \
    {                                                                                                                   \
        vf w[4];                                                                                                        \
        UNROLL for (int v = 0; v < VECTORS; v++) w[v] = LOAD;                                                                  \
        UNROLL for (int r = 0; r < ROWS; r++) {                                                                                \
            vf value = splat(x[r * x_step + (INPUT)]);                                                                  \
            UNROLL for (int v = 0; v < VECTORS; v++) sums[r][v] += w[v] * value;                                               \
        }                                                                                                               \
    }
#define WORD (*(const vu *)(words + v * VECTOR))
#define BYTE(J) __builtin_convertvector((vi)(WORD << (24 - 8 * (J))) >> 24, vf)
    const uint32_t *words = panel;
    if (KIND == INT8) {
        for (size_t i = 0; i < k; i += 4, words += CK_PANEL) {
            STEP(i, BYTE(0))
            if (i + 1 < k) STEP(i + 1, BYTE(1))
            if (i + 2 < k) STEP(i + 2, BYTE(2))
            if (i + 3 < k) STEP(i + 3, BYTE(3))
        }
    } else if (KIND == BF16) {
        for (size_t i = 0; i + 1 < k; i += 2, words += CK_PANEL) {
            STEP(i, (vf)(WORD << 16))
            STEP(i + 1, (vf)(WORD & 0xFFFF0000u))
        }
        if (k & 1) STEP(k - 1, (vf)(WORD << 16))
    } else {
        const float *weights = panel;
        for (size_t i = 0; i < k; i++, weights += CK_PANEL) STEP(i, load(weights + v * VECTOR))
    }
#undef STEP
#undef WORD
#undef BYTE
    UNROLL for (int r = 0; r < ROWS; r++)
        UNROLL for (int v = 0; v < VECTORS; v++) {
            vf sum = sums[r][v];
            if (KIND == INT8) {
                sum *= load(scales + v * VECTOR);
                if (bias) sum += load(bias + v * VECTOR);
            }
            put(y + r * y_step + v * VECTOR, sum, (size_t)v * VECTOR, columns);
        }
}

#define PARTS(KIND) ((KIND) == F32 ? 1 : (KIND) == BF16 ? 2 : 4)
// ROWS rows from row r on of one panel, in slices of VECTORS registers.
#define SLICES(ROWS, VECTORS, KIND)                                                                                     \
    for (size_t c = 0; c < end; c += (VECTORS) * VECTOR)                                                                \
        tile(ROWS, VECTORS, KIND, x + r * x_step, x_step, panel + c * sizeof(uint32_t), b->scales ? b->scales + first + c : 0, \
             b->bias ? b->bias + first + c : 0, y + r * y_step + first + c, y_step, b->k, end - c)
#define GEMM(NAME, KIND)                                                                                                \
    static void NAME(const float *x, size_t x_step, const ck_panels *b, float *y, size_t y_step, size_t rows) {         \
        for (size_t first = 0; first < b->n; first += CK_PANEL) {                                                       \
            const char *panel = (const char *)b->panels + first * b->panel_k * sizeof(uint32_t) / PARTS(KIND);          \
            size_t end = b->n - first < CK_PANEL ? b->n - first : CK_PANEL, r = 0;                                      \
            for (; r + TILE_ROWS <= rows; r += TILE_ROWS) SLICES(TILE_ROWS, TILE_VECTORS, KIND);                        \
            for (; r + 2 <= rows; r += 2) SLICES(2, 4, KIND);                                                           \
            for (; r < rows; r++) SLICES(1, 4, KIND);                                                                   \
        }                                                                                                               \
    }
GEMM(gemm_f32, F32)
GEMM(gemm_bf16, BF16)
GEMM(gemm_int8, INT8)

#ifdef DOT
INLINE void dot_tile_bf16(const int ROWS, const uint32_t *x, size_t x_step, const uint32_t *panel, const float *bias, float *y,
                          size_t y_step, size_t pairs, size_t columns) {
    __m512 sums[6][4];
    UNROLL for (int r = 0; r < ROWS; r++)
        UNROLL for (int v = 0; v < 4; v++) sums[r][v] = bias ? (__m512)load(bias + v * VECTOR) : _mm512_setzero_ps();
    for (size_t i = 0; i < pairs; i++, panel += CK_PANEL) {
        __m512bh w[4];
        UNROLL for (int v = 0; v < 4; v++) w[v] = (__m512bh)_mm512_loadu_si512(panel + v * VECTOR);
        UNROLL for (int r = 0; r < ROWS; r++) {
            __m512bh value = (__m512bh)_mm512_set1_epi32((int)x[r * x_step + i]);
            UNROLL for (int v = 0; v < 4; v++) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], w[v], value);
        }
    }
    UNROLL for (int r = 0; r < ROWS; r++)
        UNROLL for (int v = 0; v < 4; v++) put(y + r * y_step + v * VECTOR, (vf)sums[r][v], (size_t)v * VECTOR, columns);
}

static void dot_bf16(const uint16_t *rows_of_x, size_t x_step, const ck_panels *b, float *y, size_t y_step, size_t rows) {
    const uint32_t *x = (const uint32_t *)rows_of_x;
    x_step /= 2;
    for (size_t first = 0; first < b->n; first += CK_PANEL) {
        const uint32_t *panel = (const uint32_t *)b->panels + first * b->panel_k / 2;
        const float *bias = b->bias ? b->bias + first : 0;
        size_t left = b->n - first, pairs = (b->k + 1) / 2, r = 0;
        for (; r + 6 <= rows; r += 6)
            dot_tile_bf16(6, x + r * x_step, x_step, panel, bias, y + r * y_step + first, y_step, pairs, left);
        for (; r + 2 <= rows; r += 2)
            dot_tile_bf16(2, x + r * x_step, x_step, panel, bias, y + r * y_step + first, y_step, pairs, left);
        for (; r < rows; r++)
            dot_tile_bf16(1, x + r * x_step, x_step, panel, bias, y + r * y_step + first, y_step, pairs, left);
    }
}

// x = scale * (256 * (high - 128) + low), 16 bits of it.
static float quantise(const float *x, size_t count, uint8_t *high, uint8_t *low) {
    vf tops = splat(0);
    float top = 0;
    size_t i = 0;
    for (; i + VECTOR <= count; i += VECTOR) {
        tops = greater((vf)((vu)load(x + i) & 0x7FFFFFFFu), tops);
    }
    for (; i < count; i++) top = fabsf(x[i]) > top ? fabsf(x[i]) : top;
    for (int j = 0; j < VECTOR; j++) top = tops[j] > top ? tops[j] : top;
    float scale = top / 32767.0f, inverse = top > 0 ? 32767.0f / top : 0;
    const float shift = 12582912.0f;
    EACH for (i = 0; i < count; i++) {
        int32_t q = (int32_t)((x[i] * inverse + shift) - shift);
        high[i] = (uint8_t)((q >> 8) + 128);
        low[i] = (uint8_t)(q & 255);
    }
    return scale;
}

INLINE void dot_tile_int8(const int ROWS, const ck_quantised *x, size_t row, const uint32_t *panel, const float *scales,
                          const int32_t *column_sums, const float *bias, float *y, size_t y_step, size_t fours, size_t columns) {
    __m512i high[3][4], low[3][4];
    const uint32_t *highs = (const uint32_t *)(x->high + row * x->step), *lows = (const uint32_t *)(x->low + row * x->step);
    size_t step = x->step / 4;
    UNROLL for (int r = 0; r < ROWS; r++)
        UNROLL for (int v = 0; v < 4; v++) high[r][v] = low[r][v] = _mm512_setzero_si512();
    for (size_t i = 0; i < fours; i++, panel += CK_PANEL) {
        __m512i w[4];
        UNROLL for (int v = 0; v < 4; v++) w[v] = _mm512_loadu_si512(panel + v * VECTOR);
        UNROLL for (int r = 0; r < ROWS; r++) {
            __m512i h = _mm512_set1_epi32((int)highs[r * step + i]), l = _mm512_set1_epi32((int)lows[r * step + i]);
            UNROLL for (int v = 0; v < 4; v++) {
                high[r][v] = _mm512_dpbusd_epi32(high[r][v], h, w[v]);
                low[r][v] = _mm512_dpbusd_epi32(low[r][v], l, w[v]);
            }
        }
    }
    UNROLL for (int v = 0; v < 4; v++) {
        // The high bytes were read as 128 too much.
        __m512i excess = _mm512_slli_epi32(_mm512_loadu_si512(column_sums + v * VECTOR), 7);
        UNROLL for (int r = 0; r < ROWS; r++) {
            vf sum = (vf)_mm512_cvtepi32_ps(_mm512_sub_epi32(high[r][v], excess)) * 256.0f + (vf)_mm512_cvtepi32_ps(low[r][v]);
            sum *= load(scales + v * VECTOR) * x->scales[row + r];
            if (bias) sum += load(bias + v * VECTOR);
            put(y + (row + r) * y_step + v * VECTOR, sum, (size_t)v * VECTOR, columns);
        }
    }
}

static void dot_int8(const ck_quantised *x, const ck_panels *b, float *y, size_t y_step, size_t rows) {
    for (size_t first = 0; first < b->n; first += CK_PANEL) {
        const uint32_t *panel = (const uint32_t *)b->panels + first * b->panel_k / 4;
        const float *scales = b->scales + first, *bias = b->bias ? b->bias + first : 0;
        const int32_t *sums = b->column_sums + first;
        size_t left = b->n - first, fours = (b->k + 3) / 4, r = 0;
        for (; r + 3 <= rows; r += 3) dot_tile_int8(3, x, r, panel, scales, sums, bias, y + first, y_step, fours, left);
        for (; r + 2 <= rows; r += 2) dot_tile_int8(2, x, r, panel, scales, sums, bias, y + first, y_step, fours, left);
        for (; r < rows; r++) dot_tile_int8(1, x, r, panel, scales, sums, bias, y + first, y_step, fours, left);
    }
}

// e^(x - top), x and top in units of log 2: within 2^-17 of the truth, which bf16 can't tell.
INLINE __m512 exp2_less(__m512 x, __m512 top) {
    __m512 t = _mm512_sub_ps(x, top), n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 f = _mm512_sub_ps(t, n), p = _mm512_set1_ps(9.6181291e-3f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.5504109e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.4022651e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.9314718e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, n);
}

// In two passes, the first for the greatest.
static float exponentials_bf16(const float *x, float scale, const float *bias, size_t bias_step, size_t count, uint16_t *y) {
    const float log2e = 1.44269504f;
    const __m512 factor = _mm512_set1_ps(scale * log2e), unit = _mm512_set1_ps(bias_step ? log2e : 0);
    __m512 tops = _mm512_set1_ps(-INFINITY), sums = _mm512_setzero_ps();
    if (!bias_step) bias = x;                               // one bias for all cancels out
#define SCORE(MASK, I)                                                                                                  \
    _mm512_fmadd_ps(_mm512_maskz_loadu_ps(MASK, x + (I)), factor, _mm512_mul_ps(_mm512_maskz_loadu_ps(MASK, bias + (I)), unit))
#define LEFT(I) (count - (I) >= VECTOR ? (__mmask16)0xFFFF : (__mmask16)((1u << (count - (I))) - 1))
    for (size_t i = 0; i < count; i += VECTOR) tops = _mm512_mask_max_ps(tops, LEFT(i), tops, SCORE(LEFT(i), i));
    const __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(tops));
    for (size_t i = 0; i < count; i += VECTOR) {
        __m512 e = exp2_less(SCORE(LEFT(i), i), top);
        sums = _mm512_mask_add_ps(sums, LEFT(i), sums, e);
        _mm256_mask_storeu_epi16(y + i, LEFT(i), (__m256i)_mm512_cvtneps_pbh(e));
    }
    return _mm512_reduce_add_ps(sums);
#undef SCORE
#undef LEFT
}
#endif
