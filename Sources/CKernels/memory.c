// Memory by the page, past malloc: what a thread's heap has freed stays in that heap, and there is one for every thread.
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif
#include <string.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <sys/mman.h>
#include "CKernels.h"

void *ck_pages(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void ck_pages_free(void *memory, size_t bytes) {
    if (memory) munmap(memory, bytes);
}

// Eight sums side by side, each a chain of multiplications that any changed bit changes: one chain would wait for itself.
uint64_t ck_checksum(const void *memory, size_t bytes) {
    enum { LANES = 8 };
    const uint64_t prime = 0x9E3779B97F4A7C15;
    const char *from = memory;
    uint64_t sums[LANES], words[LANES];
    for (int i = 0; i < LANES; i++) sums[i] = prime * (uint64_t)(i + 1);
    size_t at = 0;
    for (; at + sizeof words <= bytes; at += sizeof words) {
        memcpy(words, from + at, sizeof words);
        for (int i = 0; i < LANES; i++) sums[i] = (sums[i] ^ words[i]) * prime;
    }
    memset(words, 0, sizeof words);
    if (bytes > at) memcpy(words, from + at, bytes - at);
    uint64_t result = bytes;
    for (int i = 0; i < LANES; i++) {
        result = (result ^ (sums[i] ^ words[i])) * prime;
        result ^= result >> 32;
    }
    return result;
}

void ck_bound_heap(void) {
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

void ck_give_back_memory(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}
