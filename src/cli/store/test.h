/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_STORE_TEST_H
#define SKEP__CLI_STORE_TEST_H

#include "cli/store/store.h"

/* `skep store test`: what is tried, and what came of it. */

#define TRY_SMALL_BYTES 4096
#define TRY_SMALL_TIMES 20
#define TRY_LARGE_BYTES ((size_t)20 << 20)
#define TRY_RACERS 16
#define TRY_MOST 16

typedef enum try_state { TRY_NO, TRY_YES, TRY_FAILED } try_state;

typedef struct try_result {
    const char *name;
    try_state state;
    uint64_t latency_ns; /* the median; 0: not measured */
    double rate;         /* bytes a second; 0: not measured */
    char how[SKEP_ERR_TEXT_MAX + 128];
} try_result;

typedef struct trial {
    store_session *s;
    skep_store *store;
    char prefix[48]; /* "skep-test-…-": all keys begin so. No folder: a directory would stay */
    uint8_t *data;   /* TRY_LARGE_BYTES that nothing compresses */
    uint32_t caps;
    skep_object small; /* one that was put */
    try_result results[TRY_MOST];
    size_t count;
} trial;

typedef void try_fn(trial *t, try_result *r);

/* A key that begins so. */
typedef struct try_key {
    char s[96];
} try_key;
try_key try_key_of(const trial *t, const char *name, unsigned number);

/* False, and the result says so: the call has failed; it has answered something else. */
bool try_ok(try_result *r, int rc, const char *what);
bool try_holds(try_result *r, bool truth, const char *otherwise);

/* For what leaves something behind: it is not cancelled, as nobody would know then what it still
 * leaves there, after the cleaning up. */
skep_io_opts try_io(void);

/* Sixteen at once (test_race.c). */
try_fn try_create, try_swap;

cli_exit try_show(const trial *t, cli_exit status);

#endif
