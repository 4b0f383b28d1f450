/* SPDX-License-Identifier: MIT */
/* `skep store test`: each ability tried on the live store. What is said to work is what was seen
 * to work. */
#include "cli/store/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli/stop.h"

#define SETTLE_MS 30000 /* and no call takes longer */

/* ---- results ---- */

bool try_ok(try_result *r, int rc, const char *what)
{
    if (rc >= 0)
        return true;
    r->state = TRY_FAILED;
    (void)snprintf(r->how, sizeof(r->how), "%s: %s (%s)", what, skep_last_error()->text,
                   skep_code_name(rc));
    return false;
}

bool try_holds(try_result *r, bool truth, const char *otherwise)
{
    if (truth)
        return true;
    r->state = TRY_FAILED;
    (void)snprintf(r->how, sizeof(r->how), "%s", otherwise);
    return false;
}

static void yes(try_result *r, const char *how)
{
    r->state = TRY_YES;
    (void)snprintf(r->how, sizeof(r->how), "%s", how);
}

static int later(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

static uint64_t median(uint64_t *times, size_t n)
{
    qsort(times, n, sizeof(times[0]), later);
    return times[n / 2];
}

static double rate_of(size_t bytes, uint64_t took_ns)
{
    return took_ns > 0 ? (double)bytes * 1e9 / (double)took_ns : 0;
}

skep_io_opts try_io(void)
{
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    io.timeout_ms = SETTLE_MS;
    return io;
}

try_key try_key_of(const trial *t, const char *name, unsigned number)
{
    try_key key;
    (void)snprintf(key.s, sizeof(key.s), "%s%s-%02u", t->prefix, name, number);
    return key;
}

/* ---- small objects ---- */

static skep_slice small_data(const trial *t, unsigned number)
{
    return skep_slice_of(t->data + (size_t)number * TRY_SMALL_BYTES, TRY_SMALL_BYTES);
}

static int put_small(trial *t, const char *name, unsigned number, skep_object *out)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.io = try_io();
    *out = (skep_object)SKEP_OBJECT_INIT;
    return skep_store_put(t->store, try_key_of(t, name, number).s, small_data(t, number), &opts,
                          out);
}

static void try_put(trial *t, try_result *r)
{
    uint64_t times[TRY_SMALL_TIMES];
    for (unsigned i = 0; i < TRY_SMALL_TIMES; i++) {
        uint64_t begun = cli_now_ns();
        if (cli_stopping() || !try_ok(r, put_small(t, "small", i, &t->small), "put"))
            return;
        times[i] = cli_now_ns() - begun;
    }
    r->latency_ns = median(times, TRY_SMALL_TIMES);
    yes(r, "4 KiB, one after the other");
}

/* Reads it in pieces and compares with what was put. */
static bool is_there(trial *t, try_result *r, const char *key, const skep_get_opts *with,
                     skep_slice want)
{
    skep_get_opts opts = *with;
    skep_get *get = NULL;
    uint8_t piece[16384];
    size_t done = 0;
    size_t got = 1;
    bool same = true;
    opts.io = store_io(t->s);
    if (!try_ok(r, skep_get_open(t->store, key, &opts, &get, NULL), "get"))
        return false;
    while (same && got > 0) {
        if (!try_ok(r, skep_get_read(get, piece, sizeof(piece), &got), "get")) {
            skep_get_close(get);
            return false;
        }
        same = got <= want.len - done && memcmp(piece, (const uint8_t *)want.data + done, got) == 0;
        done += got;
    }
    skep_get_close(get);
    return try_holds(r, same && done == want.len, "what came back is not what was put");
}

static void try_get(trial *t, try_result *r)
{
    static const skep_get_opts whole = SKEP_GET_OPTS_INIT;
    uint64_t times[TRY_SMALL_TIMES];
    for (unsigned i = 0; i < TRY_SMALL_TIMES; i++) {
        uint64_t begun = cli_now_ns();
        if (!is_there(t, r, try_key_of(t, "small", i).s, &whole, small_data(t, i)))
            return;
        times[i] = cli_now_ns() - begun;
    }
    r->latency_ns = median(times, TRY_SMALL_TIMES);
    yes(r, "4 KiB, compared byte by byte");
}

static void try_head(trial *t, try_result *r)
{
    uint64_t times[TRY_SMALL_TIMES];
    skep_io_opts io = store_io(t->s);
    skep_object object = SKEP_OBJECT_INIT;
    for (unsigned i = 0; i < TRY_SMALL_TIMES; i++) {
        uint64_t begun = cli_now_ns();
        if (!try_ok(r, skep_store_head(t->store, try_key_of(t, "small", i).s, &io, &object),
                    "head") ||
            !try_holds(r, object.bytes == TRY_SMALL_BYTES, "head tells another size"))
            return;
        times[i] = cli_now_ns() - begun;
    }
    r->latency_ns = median(times, TRY_SMALL_TIMES);
    yes(r, (t->caps & SKEP_STORE_KEEPS_HASH) != 0 ? "size, time, etag, hash"
                                                  : "size, time, etag; no hash");
}

static int list_small(trial *t, unsigned *seen, bool *ordered)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    opts.prefix = t->prefix;
    opts.io = store_io(t->s);
    int rc = skep_list_open(t->store, &opts, &list);
    while (rc >= 0 && (rc = skep_list_next(list, &object)) > 0) {
        *ordered = *ordered && strcmp(object.key, try_key_of(t, "small", *seen).s) == 0;
        (*seen)++;
    }
    skep_list_close(list);
    return rc;
}

static void try_list(trial *t, try_result *r)
{
    uint64_t times[3];
    for (unsigned i = 0; i < 3; i++) {
        unsigned seen = 0;
        bool ordered = true;
        uint64_t begun = cli_now_ns();
        if (!try_ok(r, list_small(t, &seen, &ordered), "list") ||
            !try_holds(r, seen == TRY_SMALL_TIMES, "a list lacks what was put before it") ||
            !try_holds(r, ordered, "a list is not in the order of the keys"))
            return;
        times[i] = cli_now_ns() - begun;
    }
    r->latency_ns = median(times, 3);
    yes(r, "all that was put, in order");
}

static void try_range(trial *t, try_result *r)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_slice all = small_data(t, 7);
    uint64_t begun = cli_now_ns();
    opts.offset = 1000;
    opts.bytes = 2001;
    if (!is_there(t, r, try_key_of(t, "small", 7).s, &opts,
                  skep_slice_of((const uint8_t *)all.data + 1000, 2001)))
        return;
    r->latency_ns = cli_now_ns() - begun;
    yes(r, "2001 bytes from the middle");
}

/* `small` is the object put last. */
static void try_pinned(trial *t, try_result *r)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_get *get = NULL;
    try_key key = try_key_of(t, "small", TRY_SMALL_TIMES - 1);
    opts.if_etag = t->small.etag;
    if (!is_there(t, r, key.s, &opts, small_data(t, TRY_SMALL_TIMES - 1)))
        return;
    opts.if_etag = "0123456789abcdef0123456789abcdef";
    opts.io = store_io(t->s);
    int rc = skep_get_open(t->store, key.s, &opts, &get, NULL);
    skep_get_close(get);
    if (rc != SKEP_ECONFLICT && !try_ok(r, rc, "get of another etag"))
        return;
    if (try_holds(r, rc == SKEP_ECONFLICT, "a get of another etag gave this one"))
        yes(r, "a get is of the object that it began with");
}

static void try_replace(trial *t, try_result *r)
{
    static const skep_get_opts whole = SKEP_GET_OPTS_INIT;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    try_key key = try_key_of(t, "small", 3);
    skep_slice other;
    opts.io = try_io();
    for (unsigned i = 0; i < 3; i++) { /* each seen at once */
        other = small_data(t, 100 + i);
        if (!try_ok(r, skep_store_put(t->store, key.s, other, &opts, NULL), "put") ||
            !is_there(t, r, key.s, &whole, other))
            return;
    }
    yes(r, "what is put is what the next get sees");
}

static void try_copy(trial *t, try_result *r)
{
    static const skep_get_opts whole = SKEP_GET_OPTS_INIT;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    try_key to = try_key_of(t, "copy", 0);
    opts.io = try_io();
    uint64_t begun = cli_now_ns();
    if (!try_ok(r, skep_store_copy(t->store, try_key_of(t, "small", 5).s, to.s, &opts, NULL),
                "copy"))
        return;
    r->latency_ns = cli_now_ns() - begun;
    if (is_there(t, r, to.s, &whole, small_data(t, 5)))
        yes(r, (t->caps & SKEP_STORE_CAN_COPY) != 0 ? "within the store"
                                                    : "through this machine: the store cannot");
}

static void try_delete(trial *t, try_result *r)
{
    skep_io_opts io = store_io(t->s);
    skep_object object = SKEP_OBJECT_INIT;
    try_key key = try_key_of(t, "small", 0);
    uint64_t begun = cli_now_ns();
    if (!try_ok(r, skep_store_delete(t->store, key.s, &io), "delete"))
        return;
    r->latency_ns = cli_now_ns() - begun;
    int rc = skep_store_head(t->store, key.s, &io, &object);
    if (rc != SKEP_ENOTFOUND && !try_ok(r, rc, "head"))
        return;
    if (try_holds(r, rc == SKEP_ENOTFOUND, "it is still there after the delete") &&
        try_ok(r, skep_store_delete(t->store, key.s, &io), "delete of what is not there"))
        yes(r, "gone at once; again is no failure");
}

static void try_delete_many(trial *t, try_result *r)
{
    try_key keys[TRY_SMALL_TIMES];
    const char *names[TRY_SMALL_TIMES];
    skep_io_opts io = store_io(t->s);
    unsigned seen = 0;
    bool ordered = true;
    for (unsigned i = 0; i < TRY_SMALL_TIMES; i++) {
        keys[i] = try_key_of(t, "small", i);
        names[i] = keys[i].s;
    }
    uint64_t begun = cli_now_ns();
    if (!try_ok(r, skep_store_delete_many(t->store, names, TRY_SMALL_TIMES, &io, NULL), "delete"))
        return;
    r->latency_ns = cli_now_ns() - begun;
    if (try_ok(r, list_small(t, &seen, &ordered), "list") &&
        try_holds(r, seen <= 1, "a list still has them")) /* the copy */
        yes(r, "20 at once, one of them not there");
}

/* ---- large ones ---- */

static void try_large_put(trial *t, try_result *r)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_put *put = NULL;
    uint64_t begun = cli_now_ns();
    opts.io = try_io();
    opts.io.timeout_ms = 0; /* a slow line is no failure */
    if (!try_ok(r, skep_put_begin(t->store, try_key_of(t, "large", 0).s, &opts, &put), "put"))
        return;
    for (size_t at = 0; at < TRY_LARGE_BYTES; at += (size_t)1 << 20) {
        if (cli_stopping() ||
            !try_ok(r, skep_put_write(put, t->data + at, (size_t)1 << 20), "put")) {
            skep_put_abort(put);
            return;
        }
    }
    if (!try_ok(r, skep_put_commit(put, NULL), "put"))
        return;
    r->rate = rate_of(TRY_LARGE_BYTES, cli_now_ns() - begun);
    yes(r, "20 MiB, streamed");
}

static void try_large_get(trial *t, try_result *r)
{
    static const skep_get_opts whole = SKEP_GET_OPTS_INIT;
    uint64_t begun = cli_now_ns();
    if (!is_there(t, r, try_key_of(t, "large", 0).s, &whole,
                  skep_slice_of(t->data, TRY_LARGE_BYTES)))
        return;
    r->rate = rate_of(TRY_LARGE_BYTES, cli_now_ns() - begun);
    yes(r, "20 MiB, compared byte by byte");
}

/* ---- all of it ---- */

static const struct {
    const char *name;
    try_fn *run;
} tries[] = {
    {"put", try_put},
    {"get", try_get},
    {"head", try_head},
    {"list", try_list},
    {"range", try_range},
    {"pinned get", try_pinned},
    {"replace", try_replace},
    {"copy", try_copy},
    {"delete", try_delete},
    {"delete many", try_delete_many},
    {"large put", try_large_put},
    {"large get", try_large_get},
    {"create only", try_create},
    {"swap", try_swap},
};
#define TRIES (sizeof(tries) / sizeof(tries[0]))
_Static_assert(TRIES <= TRY_MOST, "each has room for its result");

static cli_exit run_all(trial *t)
{
    cli_exit status = CLI_DONE;
    skep_io_opts io = try_io();
    if (skep_store_caps(t->store, &io, &t->caps) < 0)
        t->caps = 0; /* what is wrong is wrong with the first put too, which says it */
    cli_progress_begin(&t->s->progress, t->s->ui, "trying", "abilities", TRIES);
    for (size_t i = 0; i < TRIES && !cli_stopping(); i++) {
        try_result *r = &t->results[t->count++];
        r->name = tries[i].name;
        tries[i].run(t, r);
        if (r->state == TRY_FAILED)
            status = CLI_WRONG;
        if (r->state == TRY_FAILED && i == 0)
            break; /* the others need what it puts */
        cli_progress_at(&t->s->progress, t->count);
    }
    cli_progress_end(&t->s->progress);
    return status;
}

/* Also when Ctrl-C has cancelled everything else. */
static cli_exit clean_up(trial *t)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    skep_list *list = NULL;
    opts.prefix = t->prefix;
    opts.io.timeout_ms = SETTLE_MS;
    io.timeout_ms = SETTLE_MS;
    int rc = skep_list_open(t->store, &opts, &list);
    while (rc >= 0 && (rc = skep_list_next(list, &object)) > 0)
        rc = skep_store_delete(t->store, object.key, &io);
    skep_err err = *skep_last_error();
    skep_list_close(list);
    if (rc >= 0)
        return CLI_DONE;
    cli_say(t->s->ui, "objects of %s stay there, whose keys begin with %s",
            skep_store_name(t->store), t->prefix);
    return store_fail_err(t->s, &err);
}

/* xorshift: nothing that a store could compress, and not the same in two runs. */
static cli_exit fill(trial *t)
{
    uint64_t x = 0;
    if (getrandom(&x, sizeof(x), 0) != (ssize_t)sizeof(x))
        return cli_fail_errno(t->s->ui, errno, "read", "random bytes");
    (void)snprintf(t->prefix, sizeof(t->prefix), "skep-test-%016llx-", (unsigned long long)x);
    x |= 1;
    t->data = malloc(TRY_LARGE_BYTES);
    if (t->data == NULL)
        return cli_fail_memory(t->s->ui);
    for (size_t i = 0; i < TRY_LARGE_BYTES; i += sizeof(x)) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(t->data + i, &x, sizeof(x));
    }
    return CLI_DONE;
}

cli_exit cli_store_test(const cli_call *call)
{
    store_session s;
    trial t = {.s = &s};
    cli_exit status = store_begin(&s, call);
    if (status == CLI_DONE)
        status = fill(&t);
    if (status == CLI_DONE)
        status = store_open(&s, call->args[0], STORE_CHANGE, true, &t.store);
    if (status == CLI_DONE) {
        status = run_all(&t);
        cli_exit cleaned = status != CLI_FAILED ? clean_up(&t) : CLI_DONE;
        if (cli_stopping())
            cli_say(s.ui, "stopped; what was tried with is deleted again");
        else if (status != CLI_FAILED)
            status = try_show(&t, cleaned != CLI_DONE ? cleaned : status);
        status = store_close(&s, t.store, status);
    }
    free(t.data);
    return store_end(&s, status);
}
