// A piece of work on the cores that nobody computes on: helper threads, and a count of who is at work.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "kernel_table.h"

enum { MOST_HELPERS = 63, SPINS = 20000 };                  // of some 20 ns each, before a helper goes to sleep

typedef struct {
    void (*body)(void *context, size_t index);
    void *context;
    size_t count;
    atomic_size_t next;                                     // index that nobody has taken
    atomic_size_t helping;                                  // helpers that are not done
} job;

typedef struct {
    _Atomic(job *) work;                                    // that it may begin
    atomic_bool claimed;                                    // by a caller
    atomic_bool asleep;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
} helper;

static helper helpers[MOST_HELPERS];
static atomic_size_t helper_count;
static atomic_size_t busy;                                  // threads that compute, and helpers claimed
static pthread_mutex_t growth = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int working;                          // calls of ck_begin_work that have no end yet
static _Thread_local bool inside;                           // a piece of a job: it is not divided again

static void relax(void) {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void run(job *j) {
    bool before = inside;
    inside = true;
    for (size_t i; (i = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed)) < j->count;) j->body(j->context, i);
    inside = before;
}

// Whoever takes the work from its place, the helper or the caller, is the only one to do it.
static job *take(helper *h) { return atomic_load_explicit(&h->work, memory_order_relaxed) ? atomic_exchange(&h->work, NULL) : NULL; }

static job *wait_for_work(helper *h) {
    for (int spin = 0; spin < SPINS; spin++) {
        job *j = take(h);
        if (j) return j;
        relax();
    }
    pthread_mutex_lock(&h->mutex);
    atomic_store(&h->asleep, true);
    job *j;
    while (!(j = atomic_exchange(&h->work, NULL))) pthread_cond_wait(&h->wake, &h->mutex);
    atomic_store(&h->asleep, false);
    pthread_mutex_unlock(&h->mutex);
    return j;
}

static void release(helper *h, job *j) {
    atomic_fetch_sub(&busy, 1);
    atomic_store_explicit(&h->claimed, false, memory_order_release);
    atomic_fetch_sub_explicit(&j->helping, 1, memory_order_release);        // the job may be gone after this
}

static void *help(void *argument) {
    helper *h = argument;
    for (;;) {
        job *j = wait_for_work(h);
        run(j);
        release(h, j);
    }
    return NULL;
}

void ck_set_cores(size_t cores) {
    pthread_mutex_lock(&growth);
    size_t wanted = cores > MOST_HELPERS ? MOST_HELPERS : cores ? cores - 1 : 0;
    size_t count = atomic_load(&helper_count);
    for (; count < wanted; count++) {
        helper *h = &helpers[count];
        pthread_mutex_init(&h->mutex, NULL);
        pthread_cond_init(&h->wake, NULL);
        pthread_t thread;
        if (pthread_create(&thread, NULL, help, h)) break;
        pthread_detach(thread);
    }
    if (count > atomic_load(&helper_count)) atomic_store(&helper_count, count);
    pthread_mutex_unlock(&growth);
}

size_t ck_cores(void) { return atomic_load_explicit(&helper_count, memory_order_relaxed) + 1; }

void ck_begin_work(void) {
    working++;
    atomic_fetch_add(&busy, 1);
}

void ck_end_work(void) {
    working--;
    atomic_fetch_sub(&busy, 1);
}

bool ck_is_working(void) { return working; }

// Gives the job to helpers while there are cores that nobody uses.
static void enlist(job *j, size_t most) {
    size_t cores = ck_cores();
    for (size_t i = 0; i + 1 < cores && most > 0; i++) {
        helper *h = &helpers[i];
        bool no = false;
        if (!atomic_compare_exchange_strong(&h->claimed, &no, true)) continue;
        size_t others = atomic_fetch_add(&busy, 1);
        // The caller itself may not have said that it is at work.
        if ((others ? others : 1) >= cores) {
            atomic_fetch_sub(&busy, 1);
            atomic_store(&h->claimed, false);
            return;
        }
        atomic_fetch_add(&j->helping, 1);
        atomic_store(&h->work, j);
        if (atomic_load(&h->asleep)) {
            pthread_mutex_lock(&h->mutex);
            pthread_cond_signal(&h->wake);
            pthread_mutex_unlock(&h->mutex);
        }
        most--;
    }
}

void ck_parallel(size_t count, void (*body)(void *context, size_t index), void *context) {
    job j = {.body = body, .context = context, .count = count};
    if (!inside && count > 1 && !ck_path_is_forced()) enlist(&j, count - 1);
    run(&j);
    // Helpers that were asleep may come too late: nobody waits for them.
    for (size_t i = 0; i + 1 < ck_cores() && atomic_load(&j.helping); i++) {
        job *mine = &j;
        if (atomic_compare_exchange_strong(&helpers[i].work, &mine, NULL)) release(&helpers[i], &j);
    }
    while (atomic_load_explicit(&j.helping, memory_order_acquire)) relax();
}
