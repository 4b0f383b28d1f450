/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORE_FAULTY_H
#define TESTS_STORE_FAULTY_H

#include <stdint.h>

#include <skep/store.h>

/* A filter whose calls fail by script or by chance; without either it only passes them on. It
 * stands in front of the store that holds it, so what is failed here is what an engine fails. */

typedef enum faulty_call {
    FAULTY_CAPS,
    FAULTY_HEAD,
    FAULTY_REMOVE, /* of one or of many */
    FAULTY_COPY,
    FAULTY_PUT_BEGIN,
    FAULTY_PUT_WRITE,
    FAULTY_PUT_COMMIT,
    FAULTY_GET_OPEN,
    FAULTY_GET_READ,
    FAULTY_LIST_OPEN,
    FAULTY_LIST_NEXT,
    FAULTY_CALLS
} faulty_call;

typedef enum faulty_what {
    FAULTY_PASS,   /* do nothing but `run` */
    FAULTY_BEFORE, /* fail, and nothing was done */
    FAULTY_AFTER,  /* do it, then fail: the answer is lost; the outcome is unknown */
    FAULTY_CUT,    /* of a write or read: fail behind `at` bytes of the stream */
    FAULTY_ETAG,   /* tell of an object with another ETag than it has */
    FAULTY_FLIP    /* of a write or read: flip a bit of byte `at` of the stream */
} faulty_what;

typedef struct faulty_step {
    faulty_call call;
    faulty_what what;
    uint64_t nth; /* the n-th such call from now on, 1 is the next; 0: every one. CUT and FLIP: the
                     call that reaches `at` in such a stream, and nth counts no calls */
    uint64_t at;
    int code;               /* 0: SKEP_ENET */
    void (*run)(void *ctx); /* first, in the thread of the call: wait at a gate, fire a cancel … */
    void *ctx;
} faulty_step;

#define FAULTY_STEPS_MAX 32

/* `next` belongs to it from here on, also when this fails. */
int faulty_store_open(skep_store *next, skep_store **out) SKEP_CHECK;
/* The same over a store that stays the caller's: so many can hold one. Fails the test. */
skep_store *faulty_store_lend(skep_store *next);

/* All of these may be called while the store is used. */
void faulty_add(skep_store *store, const faulty_step *step);
/* One call in `one_in` fails by chance with SKEP_ENET, before or after it was done; 0: none. */
void faulty_odds(skep_store *store, uint64_t seed, uint64_t one_in);
void faulty_clear(skep_store *store); /* the script and the odds */
/* How many calls of that kind there were. */
uint64_t faulty_count(skep_store *store, faulty_call call);
skep_store *faulty_next(skep_store *store); /* the one that it holds */

#endif
