/* SPDX-License-Identifier: MIT */
/* Calls that are ended: by a cancel, by their deadline; and what they tell on the way. */
#include "conformance.h"

#include <string.h>

#define MIB ((size_t)1024 * 1024)

static void cancelled_put(world *w, const skep_io_opts *io)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_put *stream = NULL;
    opts.io = *io;
    assert_fails(skep_store_put(w->store, "k", sample(2, 10), &opts, NULL), SKEP_ECANCELLED);
    assert_fails(skep_store_put_file(w->store, "k", harness_path("file"), &opts, NULL),
                 SKEP_ECANCELLED);
    assert_fails(skep_store_copy(w->store, "k", "copy", &opts, NULL), SKEP_ECANCELLED);
    assert_fails(skep_put_begin(w->store, "k", &opts, &stream), SKEP_ECANCELLED);
}

static void cancelled_get(world *w, const skep_io_opts *io)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_object info = SKEP_OBJECT_INIT;
    skep_arena *arena = NULL;
    skep_slice got = {0};
    skep_get *get = NULL;
    opts.io = *io;
    assert_ok(skep_arena_new(0, &arena));
    assert_fails(skep_store_get(w->store, "k", &opts, arena, &got, NULL), SKEP_ECANCELLED);
    assert_fails(skep_get_open(w->store, "k", &opts, &get, NULL), SKEP_ECANCELLED);
    assert_fails(skep_store_get_file(w->store, "k", harness_path("to"), &opts, NULL),
                 SKEP_ECANCELLED);
    ck_assert(!harness_exists(harness_path("to")));
    assert_fails(skep_store_head(w->store, "k", io, &info), SKEP_ECANCELLED);
    skep_arena_free(arena);
}

/* A list that is open, or opens, ends so too. */
static void cancelled_list(world *w, const skep_io_opts *io)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    opts.io = *io;
    int rc = skep_list_open(w->store, &opts, &list);
    if (rc == SKEP_OK) {
        assert_fails(skep_list_next(list, &object), SKEP_ECANCELLED);
        skep_list_close(list);
        return;
    }
    assert_fails(rc, SKEP_ECANCELLED);
}

void a_fired_cancel_ends_each_call(world *w)
{
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    const char *key = "k";
    int result = 0;
    harness_write_file(harness_path("file"), "file", 4);
    put(w, "k", sample(1, 1000));
    assert_ok(skep_cancel_new(&io.cancel));
    skep_cancel_fire(io.cancel);
    cancelled_put(w, &io);
    cancelled_get(w, &io);
    cancelled_list(w, &io);
    assert_fails(skep_store_delete(w->store, "k", &io), SKEP_ECANCELLED);
    assert_fails(skep_store_delete_many(w->store, &key, 1, &io, &result), SKEP_ECANCELLED);
    ck_assert_int_eq(result, SKEP_ECANCELLED);
    assert_holds(w->store, "k", sample(1, 1000));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"k", NULL});
    skep_cancel_free(io.cancel);
}

static void fire(uint64_t done, uint64_t total, void *ctx)
{
    (void)total;
    if (done > 0)
        skep_cancel_fire(ctx);
}

static void cancel_streams(world *w, skep_cancel *cancel)
{
    skep_put_opts how = SKEP_PUT_OPTS_INIT;
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_put *stream = NULL;
    skep_get *get = NULL;
    char piece[100];
    size_t got = 0;
    how.io.cancel = opts.io.cancel = cancel;
    assert_ok(skep_put_begin(w->store, "k", &how, &stream));
    assert_ok(skep_put_write(stream, sample(2, 100000).data, 100000));
    skep_put *committed = NULL;
    assert_ok(skep_put_begin(w->store, "k", &how, &committed));
    assert_ok(skep_put_write(committed, sample(3, 100).data, 100));
    assert_ok(skep_get_open(w->store, "k", &opts, &get, NULL));
    assert_ok(skep_get_read(get, piece, sizeof(piece), &got));
    skep_cancel_fire(cancel);
    assert_fails(skep_put_write(stream, sample(2, 100000).data, 100000), SKEP_ECANCELLED);
    skep_put_abort(stream);
    assert_fails(skep_put_commit(committed, NULL), SKEP_ECANCELLED);
    assert_fails(skep_get_read(get, piece, sizeof(piece), &got), SKEP_ECANCELLED);
    skep_get_close(get);
}

void a_cancel_in_the_middle_leaves_nothing(world *w)
{
    skep_cancel *cancel = NULL;
    put(w, "k", sample(1, 300000));
    assert_ok(skep_cancel_new(&cancel));
    cancel_streams(w, cancel);
    skep_cancel_free(cancel);
    assert_holds(w->store, "k", sample(1, 300000));

    /* Out of the progress of a call, where it tells of any before the end. */
    skep_put_opts how = SKEP_PUT_OPTS_INIT;
    assert_ok(skep_cancel_new(&how.io.cancel));
    how.io.progress = fire;
    how.io.ctx = how.io.cancel;
    int rc = skep_store_put(w->store, "k", sample(2, 12 * MIB), &how, NULL);
    if (rc < 0) {
        assert_fails(rc, SKEP_ECANCELLED);
        assert_holds(w->store, "k", sample(1, 300000));
    } else {
        assert_holds(w->store, "k", sample(2, 12 * MIB));
    }
    skep_cancel_free(how.io.cancel);
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"k", NULL});
}

/* A deadline that has passed for sure: the clock was seen behind it. */
static void pass(uint64_t until_ns)
{
    while (harness_now_ns() <= until_ns)
        continue;
}

/* Each of these opens a stream that may live so long, and uses it later. False: it was too short to
 * open it. */
static bool late_write(world *w, int64_t ms)
{
    skep_put_opts how = SKEP_PUT_OPTS_INIT;
    skep_put *stream = NULL;
    how.io.timeout_ms = ms;
    int rc = skep_put_begin(w->store, "k", &how, &stream);
    if (rc == SKEP_ETIMEOUT)
        return false;
    assert_ok(rc);
    pass(harness_now_ns() + (uint64_t)ms * 1000000u);
    assert_fails(skep_put_write(stream, "x", 1), SKEP_ETIMEOUT);
    skep_put_abort(stream);
    return true;
}

static bool late_commit(world *w, int64_t ms)
{
    skep_put_opts how = SKEP_PUT_OPTS_INIT;
    skep_put *stream = NULL;
    how.io.timeout_ms = ms;
    int rc = skep_put_begin(w->store, "new", &how, &stream);
    if (rc == SKEP_ETIMEOUT)
        return false;
    assert_ok(rc);
    pass(harness_now_ns() + (uint64_t)ms * 1000000u);
    assert_fails(skep_put_commit(stream, NULL), SKEP_ETIMEOUT);
    return true;
}

static bool late_read(world *w, int64_t ms)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_get *get = NULL;
    char piece[10];
    size_t got = 0;
    opts.io.timeout_ms = ms;
    int rc = skep_get_open(w->store, "k", &opts, &get, NULL);
    if (rc == SKEP_ETIMEOUT)
        return false;
    assert_ok(rc);
    pass(harness_now_ns() + (uint64_t)ms * 1000000u);
    assert_fails(skep_get_read(get, piece, sizeof(piece), &got), SKEP_ETIMEOUT);
    skep_get_close(get);
    return true;
}

static bool late_list(world *w, int64_t ms)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    opts.io.timeout_ms = ms;
    int rc = skep_list_open(w->store, &opts, &list);
    if (rc == SKEP_ETIMEOUT)
        return false;
    assert_ok(rc);
    pass(harness_now_ns() + (uint64_t)ms * 1000000u);
    assert_fails(skep_list_next(list, &object), SKEP_ETIMEOUT);
    skep_list_close(list);
    return true;
}

void a_deadline_ends_streams(world *w)
{
    static bool (*const late[])(world * w, int64_t ms) = {late_write, late_commit, late_read,
                                                          late_list};
    put(w, "k", sample(1, 300000));
    for (size_t i = 0; i < LENGTH(late); i++) {
        for (int64_t ms = 10; !late[i](w, ms); ms *= 2)
            ck_assert_int_lt(ms, 60000);
    }
    assert_holds(w->store, "k", sample(1, 300000));
    assert_listed(w->store, NULL, NULL, 0, (const char *const[]){"k", NULL});
}

/* ---- progress ---- */

typedef struct told {
    uint64_t calls;
    uint64_t done;
    uint64_t total;
} told;

static void tell(uint64_t done, uint64_t total, void *ctx)
{
    told *t = ctx;
    ck_assert_uint_ge(done, t->done); /* what is sent again does not count again */
    ck_assert(total == SKEP_BYTES_UNKNOWN || done <= total);
    *t = (told){.calls = t->calls + 1, .done = done, .total = total};
}

void progress_is_told_to_the_end(world *w)
{
    skep_slice data = sample(1, 5 * MIB + 1);
    skep_put_opts how = SKEP_PUT_OPTS_INIT;
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_arena *arena = NULL;
    skep_slice got = {0};
    told t = {0};
    assert_ok(skep_arena_new(0, &arena));
    how.io.progress = opts.io.progress = tell;
    how.io.ctx = opts.io.ctx = &t;
    assert_ok(skep_store_put(w->store, "k", data, &how, NULL));
    ck_assert_uint_gt(t.calls, 0);
    ck_assert_uint_eq(t.done, data.len);
    ck_assert_uint_eq(t.total, data.len);
    t = (told){0};
    assert_ok(skep_store_get(w->store, "k", &opts, arena, &got, NULL));
    ck_assert_uint_gt(t.calls, 0);
    ck_assert_uint_eq(t.done, data.len);
    ck_assert_uint_eq(t.total, data.len);
    t = (told){0};
    opts.offset = 1000;
    opts.bytes = 2 * MIB;
    assert_ok(skep_store_get(w->store, "k", &opts, arena, &got, NULL));
    ck_assert_uint_eq(t.done, 2 * MIB); /* of what was asked for */
    skep_arena_free(arena);
}
