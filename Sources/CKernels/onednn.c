// oneDNN 2.x and 3.x, and nothing else of either leaves this file.
//
// Our panels are one of oneDNN's own weight formats (BA16a64b, in bf16 BA16a64b2a), the one its AVX-512 and AMX kernels
// like best: weights are packed once and both sides read the same memory. Where it would fall back to its slow reference
// code (any CPU without AVX-512 in 2.6.3) it is not used at all.
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "kernel_table.h"
#include "onednn.h"

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t descriptor;                      // a pointer
typedef const_dnnl_memory_desc_t const_descriptor;
#else
typedef dnnl_memory_desc_t *descriptor;
typedef const dnnl_memory_desc_t *const_descriptor;
#endif

typedef struct {
    dnnl_primitive_t primitive;
    descriptor x, y, scratchpad;
    size_t scratchpad_bytes;
} block;

struct ck_onednn {
    block blocks[CK_BLOCKS];
    descriptor weight, bias;
    const void *panels;
    const float *bias_values;
};

static dnnl_engine_t engine;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start(void) {
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success) engine = NULL;
}

static descriptor describe(size_t rows, size_t columns, dnnl_data_type_t type, dnnl_format_tag_t format) {
    dnnl_dims_t shape = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    descriptor result = NULL;
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_tag(&result, 2, shape, type, format) == dnnl_success ? result : NULL;
#else
    result = malloc(sizeof *result);
    if (result && dnnl_memory_desc_init_by_tag(result, 2, shape, type, format) == dnnl_success) return result;
    free(result);
    return NULL;
#endif
}

static void forget(descriptor d) {
    if (!d) return;
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_destroy(d);
#else
    free(d);
#endif
}

static descriptor copy_of(const_descriptor d) {
    if (!d) return NULL;
    descriptor result = NULL;
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_clone(&result, d) == dnnl_success ? result : NULL;
#else
    result = malloc(sizeof *result);
    if (result) *result = *d;
    return result;
#endif
}

static bool make_block(ck_onednn *p, block *b, size_t rows, size_t outputs, size_t inputs, dnnl_data_type_t type) {
    b->x = describe(rows, inputs, type, dnnl_ab);
    b->y = describe(rows, outputs, dnnl_f32, dnnl_ab);
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t plan = NULL;
    bool made = false;
    if (!b->x || !b->y || dnnl_primitive_attr_create(&attributes) != dnnl_success) goto done;
    // oneDNN's own scratchpad is not made for several threads; ours is each thread's.
    if (dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user) != dnnl_success) goto done;
#if DNNL_VERSION_MAJOR >= 3
    if (dnnl_matmul_primitive_desc_create(&plan, engine, b->x, p->weight, p->bias, b->y, attributes) != dnnl_success) goto done;
#else
    dnnl_matmul_desc_t matmul;
    if (dnnl_matmul_desc_init(&matmul, b->x, p->weight, p->bias, b->y) != dnnl_success
        || dnnl_primitive_desc_create(&plan, &matmul, attributes, engine, NULL) != dnnl_success) goto done;
#endif
    const char *name = NULL;
    if (dnnl_primitive_desc_query(plan, dnnl_query_impl_info_str, 0, &name) != dnnl_success || !name
        || strncmp(name, "brg", 3) != 0) goto done;
    const_descriptor scratchpad = dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
    b->scratchpad = copy_of(scratchpad);
    b->scratchpad_bytes = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
    made = b->scratchpad && dnnl_primitive_create(&b->primitive, plan) == dnnl_success;
done:
    if (plan) dnnl_primitive_desc_destroy(plan);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    return made;
}

size_t ck_onednn_inputs(size_t inputs, ck_precision precision) {
    size_t step = precision == CK_BFLOAT16 ? 32 : 16;
    return (inputs + step - 1) / step * step;
}

ck_onednn *ck_onednn_create(size_t outputs, size_t inputs, bool bfloat16, const void *panels, const float *bias) {
    pthread_once(&once, start);
    if (!engine || !ck_onednn_allowed()) return NULL;
    ck_onednn *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->panels = panels;
    p->bias_values = bias;
    dnnl_data_type_t type = bfloat16 ? dnnl_bf16 : dnnl_f32;
    p->weight = describe(inputs, outputs, type, bfloat16 ? dnnl_BA16a64b2a : dnnl_BA16a64b);
    if (bias) p->bias = describe(1, outputs, dnnl_f32, dnnl_ab);
    bool made = p->weight && (p->bias || !bias);
    for (int i = 0; made && i < CK_BLOCKS; i++)
        made = make_block(p, &p->blocks[i], ck_block_rows[i], outputs, inputs, type);
    if (made) return p;
    ck_onednn_destroy(p);
    return NULL;
}

void ck_onednn_destroy(ck_onednn *p) {
    if (!p) return;
    for (int i = 0; i < CK_BLOCKS; i++) {
        block *b = &p->blocks[i];
        if (b->primitive) dnnl_primitive_destroy(b->primitive);
        forget(b->x);
        forget(b->y);
        forget(b->scratchpad);
    }
    forget(p->weight);
    forget(p->bias);
    free(p);
}

bool ck_onednn_run(const ck_onednn *p, int which, const void *x, float *y) {
    const block *b = &p->blocks[which];
    void *scratchpad = ck_scratch(CK_SCRATCH_ONEDNN, b->scratchpad_bytes + 64);
    if (!scratchpad) return false;
    struct { int argument; const_descriptor description; void *data; } parts[5] = {
        {DNNL_ARG_SRC, b->x, (void *)x},
        {DNNL_ARG_WEIGHTS, p->weight, (void *)p->panels},
        {DNNL_ARG_DST, b->y, y},
        {DNNL_ARG_SCRATCHPAD, b->scratchpad, scratchpad},
        {DNNL_ARG_BIAS, p->bias, (void *)p->bias_values},
    };
    int count = p->bias ? 5 : 4, made = 0;
    dnnl_exec_arg_t arguments[5];
    dnnl_stream_t stream = NULL;
    bool ran = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) == dnnl_success;
    for (; ran && made < count; made++) {
        arguments[made].arg = parts[made].argument;
        if (dnnl_memory_create(&arguments[made].memory, parts[made].description, engine, parts[made].data) != dnnl_success) {
            ran = false;
            break;
        }
    }
    ran = ran && dnnl_primitive_execute(b->primitive, stream, count, arguments) == dnnl_success
        && dnnl_stream_wait(stream) == dnnl_success;
    for (int i = 0; i < made; i++) dnnl_memory_destroy(arguments[i].memory);
    if (stream) dnnl_stream_destroy(stream);
    return ran;
}
