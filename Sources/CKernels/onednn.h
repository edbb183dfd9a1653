#pragma once
#include "CKernels.h"

// Products of fixed row counts with a packed matrix that stays the caller's. Immutable once made, so any thread may run it.
typedef struct ck_onednn ck_onednn;

// Row counts that a product is made for; others are put together from these.
enum { CK_BLOCKS = 3 };
static const size_t ck_block_rows[CK_BLOCKS] = {128, 32, 8};

// `panels` as in matrix.c with inputs filled up to `ck_onednn_inputs`. NULL when oneDNN has no fast code for it here.
ck_onednn *ck_onednn_create(size_t outputs, size_t inputs, bool bfloat16, const void *panels, const float *bias);
void ck_onednn_destroy(ck_onednn *product);
// Inputs per panel, filled up with zeros, that oneDNN's format asks for.
size_t ck_onednn_inputs(size_t inputs, ck_precision precision);
// x [rows][inputs] in the matrix's precision, y [rows][outputs] floats.
bool ck_onednn_run(const ck_onednn *product, int block, const void *x, float *y);
