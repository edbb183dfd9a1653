// Fourier transform of real values through a complex one of half the size, for any sizes whose factors are small.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "CKernels.h"

enum { MOST_FACTORS = 32 };

struct ck_fourier {
    size_t half;                            // complex size
    size_t factors[MOST_FACTORS], count;
    // For each factor p, from the outermost: cosine and sine of -2 pi q k / (p m), [p][m], m being what is left within.
    float *cosine[MOST_FACTORS], *sine[MOST_FACTORS];
    float *roots[MOST_FACTORS];             // cosine and sine of -2 pi q / p in turns
    float *real_cosine, *real_sine;         // of -2 pi k / size, k = 0 ... half
    float *memory;
};

ck_fourier *ck_fourier_create(size_t size) {
    ck_fourier *plan = calloc(1, sizeof *plan);
    if (!plan) return NULL;
    plan->half = size / 2;
    size_t rest = plan->half, floats = 2 * (plan->half + 1);
    while (rest > 1) {
        // Odd factors outermost, where rows are long, so that the many innermost transforms are the cheap ones of 4.
        size_t p = 3;
        while (p <= rest && rest % p) p += 2;
        if (p > rest) p = rest % 4 || rest == 8 ? 2 : 4;
        plan->factors[plan->count++] = p;
        floats += 2 * rest + 2 * p;
        rest /= p;
    }
    plan->memory = malloc(floats * sizeof(float));
    if (!plan->memory) {
        free(plan);
        return NULL;
    }
    float *next = plan->memory;
    rest = plan->half;
    for (size_t f = 0; f < plan->count; f++) {
        size_t p = plan->factors[f], m = rest / p;
        plan->cosine[f] = next;
        plan->sine[f] = next + rest;
        plan->roots[f] = next + 2 * rest;
        next += 2 * rest + 2 * p;
        for (size_t q = 0; q < p; q++) {
            plan->roots[f][2 * q] = (float)cos(-2 * M_PI * (double)q / (double)p);
            plan->roots[f][2 * q + 1] = (float)sin(-2 * M_PI * (double)q / (double)p);
        }
        for (size_t q = 0; q < p; q++)
            for (size_t k = 0; k < m; k++) {
                double angle = -2 * M_PI * (double)(q * k) / (double)rest;
                plan->cosine[f][q * m + k] = (float)cos(angle);
                plan->sine[f][q * m + k] = (float)sin(angle);
            }
        rest = m;
    }
    plan->real_cosine = next;
    plan->real_sine = next + plan->half + 1;
    for (size_t k = 0; k <= plan->half; k++) {
        double angle = -M_PI * (double)k / (double)plan->half;
        plan->real_cosine[k] = (float)cos(angle);
        plan->real_sine[k] = (float)sin(angle);
    }
    return plan;
}

void ck_fourier_destroy(ck_fourier *plan) {
    if (plan) free(plan->memory);
    free(plan);
}

// The p-point transforms across p rows of m values, already turned; in place. Rows are m apart.
static void across(size_t p, size_t m, const float *roots, float *restrict yr, float *restrict yi) {
    if (p == 2) {
        for (size_t k = 0; k < m; k++) {
            float ar = yr[k], ai = yi[k], br = yr[k + m], bi = yi[k + m];
            yr[k] = ar + br, yi[k] = ai + bi;
            yr[k + m] = ar - br, yi[k + m] = ai - bi;
        }
    } else if (p == 4) {
        for (size_t k = 0; k < m; k++) {
            float ar = yr[k] + yr[k + 2 * m], ai = yi[k] + yi[k + 2 * m];
            float br = yr[k] - yr[k + 2 * m], bi = yi[k] - yi[k + 2 * m];
            float cr = yr[k + m] + yr[k + 3 * m], ci = yi[k + m] + yi[k + 3 * m];
            float dr = yr[k + m] - yr[k + 3 * m], di = yi[k + m] - yi[k + 3 * m];
            yr[k] = ar + cr, yi[k] = ai + ci;
            yr[k + m] = br + di, yi[k + m] = bi - dr;
            yr[k + 2 * m] = ar - cr, yi[k + 2 * m] = ai - ci;
            yr[k + 3 * m] = br - di, yi[k + 3 * m] = bi + dr;
        }
    } else {
        float tr[p], ti[p];
        for (size_t k = 0; k < m; k++) {
            for (size_t q = 0; q < p; q++) {
                float r = yr[k], i = yi[k];
                for (size_t j = 1, w = q; j < p; j++, w = w + q < p ? w + q : w + q - p) {
                    r += yr[j * m + k] * roots[2 * w] - yi[j * m + k] * roots[2 * w + 1];
                    i += yr[j * m + k] * roots[2 * w + 1] + yi[j * m + k] * roots[2 * w];
                }
                tr[q] = r, ti[q] = i;
            }
            for (size_t q = 0; q < p; q++) yr[q * m + k] = tr[q], yi[q * m + k] = ti[q];
        }
    }
}

// Complex transform of n values, `step` apart in (xr, xi), into (yr, yi): p transforms of n / p, then p-point ones across.
static void transform(const ck_fourier *plan, size_t factor, size_t n, const float *xr, const float *xi, size_t step,
                      float *restrict yr, float *restrict yi) {
    if (n == 1) {
        *yr = *xr;
        *yi = *xi;
        return;
    }
    size_t p = plan->factors[factor], m = n / p;
    if (m == 1) {
        for (size_t q = 0; q < p; q++) yr[q] = xr[q * step], yi[q] = xi[q * step];
    } else {
        for (size_t q = 0; q < p; q++)
            transform(plan, factor + 1, m, xr + q * step, xi + q * step, step * p, yr + q * m, yi + q * m);
        const float *restrict c = plan->cosine[factor], *restrict s = plan->sine[factor];
        for (size_t i = m; i < n; i++) {
            float r = yr[i] * c[i] - yi[i] * s[i];
            yi[i] = yr[i] * s[i] + yi[i] * c[i];
            yr[i] = r;
        }
    }
    across(p, m, plan->roots[factor], yr, yi);
}

void ck_fourier_forward(const ck_fourier *plan, const float *x, float *real, float *imaginary, float *work) {
    size_t h = plan->half;
    float *zr = work, *zi = work + h;
    transform(plan, 0, h, x, x + 1, 2, zr, zi);
    for (size_t k = 0; k <= h; k++) {
        size_t a = k % h, b = (h - k) % h;
        float er = 0.5f * (zr[a] + zr[b]), ei = 0.5f * (zi[a] - zi[b]);         // of the even values
        float or = 0.5f * (zi[a] + zi[b]), oi = -0.5f * (zr[a] - zr[b]);        // of the odd ones
        real[k] = er + plan->real_cosine[k] * or - plan->real_sine[k] * oi;
        imaginary[k] = ei + plan->real_cosine[k] * oi + plan->real_sine[k] * or;
    }
}

void ck_fourier_inverse(const ck_fourier *plan, const float *real, const float *imaginary, float *x, float *work) {
    size_t h = plan->half;
    float *zr = work, *zi = work + h, *yr = work + 2 * h, *yi = work + 3 * h;
    for (size_t k = 0; k < h; k++) {
        float ai = k ? imaginary[k] : 0, bi = k ? imaginary[h - k] : 0;
        float er = 0.5f * (real[k] + real[h - k]), ei = 0.5f * (ai - bi);
        float dr = 0.5f * (real[k] - real[h - k]), di = 0.5f * (ai + bi);
        float or = dr * plan->real_cosine[k] + di * plan->real_sine[k];
        float oi = di * plan->real_cosine[k] - dr * plan->real_sine[k];
        zr[k] = er - oi;
        zi[k] = ei + or;
    }
    transform(plan, 0, h, zi, zr, 1, yi, yr);               // real and imaginary swapped: the inverse
    for (size_t j = 0; j < h; j++) {
        x[2 * j] = yr[j] / (float)h;
        x[2 * j + 1] = yi[j] / (float)h;
    }
}
