/* SPDX-License-Identifier: MIT */
/* Sixteen at once want the same: exactly one may get it. Stores that only look at the condition
 * before they write pass every test but this. */
#include <string.h>

#include "cli/store/test.h"

/* Where all wait until all are there. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int opened; /* 1: go; -1: go home */
} gate;

typedef struct racer {
    trial *t;
    gate *start;
    const char *key;
    const char *if_etag; /* NULL: create */
    unsigned number;
    int code;
    skep_err error;
    uint64_t took_ns;
} racer;

static bool gate_wait(gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    while (g->opened == 0)
        (void)pthread_cond_wait(&g->changed, &g->lock);
    bool go = g->opened > 0;
    (void)pthread_mutex_unlock(&g->lock);
    return go;
}

static void gate_open(gate *g, int how)
{
    (void)pthread_mutex_lock(&g->lock);
    g->opened = how;
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->lock);
}

static void *race(void *arg)
{
    racer *me = arg;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_slice data =
        skep_slice_of(me->t->data + (size_t)me->number * TRY_SMALL_BYTES, TRY_SMALL_BYTES);
    opts.create = me->if_etag == NULL;
    opts.if_etag = me->if_etag;
    opts.io = try_io();
    if (!gate_wait(me->start))
        return NULL;
    uint64_t begun = cli_now_ns();
    me->code = skep_store_put(me->t->store, me->key, data, &opts, NULL);
    me->took_ns = cli_now_ns() - begun;
    if (me->code < 0)
        me->error = *skep_last_error();
    return NULL;
}

/* False: there are not so many threads to be had. */
static bool run_racers(racer racers[TRY_RACERS])
{
    gate start = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    pthread_t threads[TRY_RACERS];
    unsigned begun = 0;
    for (; begun < TRY_RACERS; begun++) {
        racers[begun].start = &start;
        if (pthread_create(&threads[begun], NULL, race, &racers[begun]) != 0)
            break;
    }
    gate_open(&start, begun == TRY_RACERS ? 1 : -1);
    for (unsigned i = 0; i < begun; i++)
        (void)pthread_join(threads[i], NULL);
    return begun == TRY_RACERS;
}

/* Who has won: one, whose bytes are there. */
static bool one_won(trial *t, try_result *r, racer racers[TRY_RACERS], int loss)
{
    uint8_t found[TRY_SMALL_BYTES];
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    const racer *winner = NULL;
    skep_get *get = NULL;
    unsigned won = 0;
    size_t got = 0;
    for (unsigned i = 0; i < TRY_RACERS; i++) {
        if (racers[i].code >= 0) {
            winner = &racers[i];
            won++;
        } else if (racers[i].code != loss) {
            (void)snprintf(r->how, sizeof(r->how), "one of sixteen: %s (%s)", racers[i].error.text,
                           skep_code_name(racers[i].code));
            r->state = TRY_FAILED;
            return false;
        }
    }
    if (!try_holds(r, won != 0, "none of sixteen at once was let through") ||
        !try_holds(r, won == 1, "several of sixteen at once were let through"))
        return false;
    r->latency_ns = winner->took_ns;
    opts.io = store_io(t->s);
    if (!try_ok(r, skep_get_open(t->store, winner->key, &opts, &get, NULL), "get"))
        return false;
    int rc = skep_get_read(get, found, sizeof(found), &got);
    bool read = try_ok(r, rc, "get");
    skep_get_close(get);
    return read &&
           try_holds(r,
                     memcmp(found, t->data + (size_t)winner->number * TRY_SMALL_BYTES, got) == 0 &&
                         got > 0,
                     "what is there is not what the winner has put");
}

static void try_race(trial *t, try_result *r, const char *key, const char *etag, int loss)
{
    racer racers[TRY_RACERS];
    memset(racers, 0, sizeof(racers));
    for (unsigned i = 0; i < TRY_RACERS; i++) {
        racers[i].t = t;
        racers[i].key = key;
        racers[i].if_etag = etag;
        racers[i].number = 200 + i;
    }
    if (!run_racers(racers)) {
        (void)try_holds(r, false, "this machine has no sixteen threads for it");
        return;
    }
    if (!one_won(t, r, racers, loss))
        return;
    r->state = TRY_YES;
    (void)snprintf(r->how, sizeof(r->how), "sixteen at once: one is let through");
}

void try_create(trial *t, try_result *r)
{
    try_key key = try_key_of(t, "create", 0);
    if ((t->caps & SKEP_STORE_CAN_CREATE) == 0)
        (void)snprintf(r->how, sizeof(r->how), "the store does not keep the condition");
    else
        try_race(t, r, key.s, NULL, SKEP_EEXISTS);
}

void try_swap(trial *t, try_result *r)
{
    try_key key = try_key_of(t, "swap", 0);
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    opts.io = try_io();
    if ((t->caps & SKEP_STORE_CAN_SWAP) == 0) {
        (void)snprintf(r->how, sizeof(r->how), "the store does not keep the condition");
        return;
    }
    if (try_ok(r, skep_store_put(t->store, key.s, skep_slice_str("first"), &opts, &object), "put"))
        try_race(t, r, key.s, object.etag, SKEP_ECONFLICT);
}
