// Which instruction set a thread uses, its scratch memory, and that oneDNN starts no others.
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include "kernel_table.h"

typedef struct {
    void *memory[CK_SCRATCH_SLOTS];
    size_t bytes[CK_SCRATCH_SLOTS];
} scratch;

static pthread_key_t scratch_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const ck_kernels *best;
static bool amx;
static void (*omp_set_threads)(int);

static _Thread_local const ck_kernels *forced;
static _Thread_local bool onednn_asked;
static _Thread_local bool threads_bounded;

bool ck_path_available(ck_path path) {
#if defined(__x86_64__)
    switch (path) {
    case CK_PLAIN: return true;
    case CK_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case CK_AVX512_DOT:
        if (!__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512vnni")) return false;
        // and what AVX-512 has at least
    case CK_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
    }
#endif
    return path == CK_PLAIN;
}

static const ck_kernels *table(ck_path path) {
#if defined(__x86_64__)
    if (path == CK_AVX512_DOT) return &ck_kernels_avx512_dot;
    if (path == CK_AVX512) return &ck_kernels_avx512;
    if (path == CK_AVX2) return &ck_kernels_avx2;
#endif
    return &ck_kernels_plain;
}

static void free_scratch(void *pointer) {
    scratch *s = pointer;
    for (int i = 0; i < CK_SCRATCH_SLOTS; i++) ck_pages_free(s->memory[i], s->bytes[i]);
    free(s);
}

// Our own products are at the limit of everything but AMX, which oneDNN has kernels for.
static bool has_amx(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & 1u << 22) && (d & 1u << 24);
#else
    return false;
#endif
}

static void start(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    ck_path path = CK_AVX512_DOT;
    while (!ck_path_available(path)) path--;
    best = table(path);
    amx = has_amx();
    pthread_key_create(&scratch_key, free_scratch);
    // oneDNN brings an OpenMP library in, GNU's or LLVM's; asking for it by name saves linking the right one.
    omp_set_threads = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");
}

const ck_kernels *ck_current(void) {
    if (forced) return forced;
    pthread_once(&once, start);
    return best;
}

bool ck_onednn_allowed(void) {
    pthread_once(&once, start);
    if (forced ? !onednn_asked : !amx) return false;
    if (!threads_bounded) {
        if (omp_set_threads) omp_set_threads(1);        // counts for this thread alone
        threads_bounded = true;
    }
    return true;
}

void ck_force_path(ck_path path, bool onednn) {
    pthread_once(&once, start);
    forced = table(path);
    onednn_asked = onednn;
}

void ck_unforce_path(void) { forced = NULL; }

bool ck_path_is_forced(void) { return forced; }

void *ck_scratch(int slot, size_t bytes) {
    pthread_once(&once, start);
    scratch *s = pthread_getspecific(scratch_key);
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s || pthread_setspecific(scratch_key, s)) {
            free(s);
            return NULL;
        }
    }
    if (s->bytes[slot] < bytes) {
        ck_pages_free(s->memory[slot], s->bytes[slot]);
        s->bytes[slot] = 0;
        size_t rounded = (bytes + bytes / 2 + 4095) / 4096 * 4096;
        s->memory[slot] = ck_pages(rounded);
        if (!s->memory[slot]) return NULL;
        s->bytes[slot] = rounded;
    }
    return s->memory[slot];
}
