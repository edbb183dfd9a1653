// Memory by the page, past malloc: what a thread's heap has freed stays in that heap, and there is one for every thread.
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
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
