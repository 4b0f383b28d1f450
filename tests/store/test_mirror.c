/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include <skep/event.h>
#include <skep/mirror.h>

#include "harness/points.h"
#include "store/faulty.h"
#include "store/memory.h"
#include "store/mirror.h"
#include "store/tools.h"

/* A mirror of stores in memory, each behind a faulty one. */
typedef struct set {
    skep_store *mirror;
    skep_store *stores[SKEP_MIRROR_STORES_MAX]; /* the faulty ones */
    skep_store *under[SKEP_MIRROR_STORES_MAX];  /* what is there, without faults */
    size_t n;
} set;

static set set_open(size_t n, skep_mirror_mode mode, skep_conflict conflict)
{
    set s = {.n = n};
    skep_mirror_opts opts = SKEP_MIRROR_OPTS_INIT;
    for (size_t i = 0; i < n; i++) {
        assert_ok(memory_store_open(MEMORY_CAPS, &s.under[i]));
        assert_ok(faulty_store_open(s.under[i], &s.stores[i]));
    }
    opts.mode = mode;
    opts.conflict = conflict;
    opts.queue = mode == SKEP_MIRROR_ASYNC ? harness_path("queue") : NULL;
    assert_ok(skep_store_mirror(s.stores, n, &opts, &s.mirror));
    return s;
}

static void set_close(set *s)
{
    assert_ok(skep_store_close(s->mirror));
}

static void flush(set *s)
{
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    io.timeout_ms = 60000;
    assert_ok(skep_mirror_flush(s->mirror, &io));
}

static skep_mirror_lag lag_of(set *s)
{
    skep_mirror_lag lag = {.size = (uint32_t)sizeof(lag)};
    assert_ok(skep_mirror_lag_of(s->mirror, &lag));
    return lag;
}

static void always(skep_store *store, faulty_call call, int code)
{
    faulty_add(store, &(faulty_step){.call = call, .what = FAULTY_BEFORE, .code = code});
}

/* Nothing of this store answers. */
static void down(skep_store *store)
{
    for (int call = 0; call < FAULTY_CALLS; call++)
        always(store, (faulty_call)call, SKEP_ENET);
}

static int put_text(skep_store *store, const char *key, const char *text)
{
    return skep_store_put(store, key, skep_slice_str(text), NULL, NULL);
}

/* ---- synchronous ---- */

TEST(a_put_is_in_all_stores)
{
    set s = set_open(3, SKEP_MIRROR_SYNC, SKEP_CONFLICT_LATEST);
    store_put(s.mirror, "k", "text");
    store_put_bytes(s.mirror, "large", (2 << 20) + 3, 9);
    for (size_t i = 0; i < s.n; i++) {
        store_holds(s.under[i], "k", "text");
        store_same(s.mirror, s.under[i], "large");
    }
    assert_ok(skep_store_copy(s.mirror, "k", "copy", NULL, NULL));
    store_holds(s.under[2], "copy", "text");
    const char *keys[] = {"large", "k", "none", "k"};
    assert_ok(skep_store_delete_many(s.mirror, keys, 4, NULL, NULL));
    for (size_t i = 0; i < s.n; i++) {
        store_lacks(s.under[i], "k");
        store_lacks(s.under[i], "large");
        store_holds(s.under[i], "copy", "text");
    }
    ck_assert_uint_eq(lag_of(&s).objects, 0);
    flush(&s);
    set_close(&s);
}

TEST(conditions_are_decided_by_the_primary)
{
    set s = set_open(2, SKEP_MIRROR_SYNC, SKEP_CONFLICT_LATEST);
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object made = SKEP_OBJECT_INIT;
    opts.create = 1;
    assert_ok(skep_store_put(s.mirror, "k", skep_slice_str("1"), &opts, &made));
    assert_fails(skep_store_put(s.mirror, "k", skep_slice_str("2"), &opts, NULL), SKEP_EEXISTS);
    store_holds(s.under[1], "k", "1");
    opts.create = 0;
    opts.if_etag = made.etag;
    assert_ok(skep_store_put(s.mirror, "k", skep_slice_str("3"), &opts, NULL));
    assert_fails(skep_store_put(s.mirror, "k", skep_slice_str("4"), &opts, NULL), SKEP_ECONFLICT);
    store_holds(s.under[0], "k", "3");
    store_holds(s.under[1], "k", "3");
    set_close(&s);
}

TEST(a_replica_that_fails_before_the_commit_leaves_nothing_changed)
{
    static const faulty_call calls[] = {FAULTY_PUT_BEGIN, FAULTY_PUT_WRITE};
    set s = set_open(3, SKEP_MIRROR_SYNC, SKEP_CONFLICT_LATEST);
    store_put(s.mirror, "k", "old");
    for (size_t i = 0; i < 2; i++) {
        always(s.stores[2], calls[i], SKEP_EDENIED);
        assert_fails(put_text(s.mirror, "k", "new"), SKEP_EDENIED);
        ck_assert_int_eq(skep_last_error()->outcome, SKEP_OUTCOME_NONE);
        for (size_t k = 0; k < s.n; k++)
            store_holds(s.under[k], "k", "old");
        faulty_clear(s.stores[2]);
    }
    set_close(&s);
}

TEST(a_primary_that_fails_leaves_nothing_changed)
{
    set s = set_open(2, SKEP_MIRROR_SYNC, SKEP_CONFLICT_LATEST);
    store_put(s.mirror, "k", "old");
    always(s.stores[0], FAULTY_PUT_COMMIT, SKEP_EFULL);
    assert_fails(put_text(s.mirror, "k", "new"), SKEP_EFULL);
    store_holds(s.under[0], "k", "old");
    store_holds(s.under[1], "k", "old");
    set_close(&s);
}

TEST(a_replica_that_fails_in_its_commit_is_told_as_unreplicated)
{
    set s = set_open(2, SKEP_MIRROR_SYNC, SKEP_CONFLICT_LATEST);
    store_put(s.mirror, "k", "old");
    always(s.stores[1], FAULTY_PUT_COMMIT, SKEP_EDENIED);
    assert_fails_with(put_text(s.mirror, "k", "new"), SKEP_EUNREPLICATED, SKEP_OUTCOME_COMMITTED);
    store_holds(s.mirror, "k", "new");
    store_holds(s.under[1], "k", "old");
    faulty_clear(s.stores[1]);
    assert_ok(skep_store_sync(s.under[0], s.under[1], NULL, NULL)); /* as the text says */
    store_holds(s.under[1], "k", "new");
    always(s.stores[1], FAULTY_REMOVE, SKEP_EDENIED);
    assert_fails_with(skep_store_delete(s.mirror, "k", NULL), SKEP_EUNREPLICATED,
                      SKEP_OUTCOME_COMMITTED);
    store_lacks(s.mirror, "k"); /* and does not come back from the replica */
    faulty_clear(s.stores[1]);
    store_put(s.mirror, "k", "1");
    always(s.stores[1], FAULTY_PUT_COMMIT, SKEP_EDENIED);
    assert_fails_with(skep_store_copy(s.mirror, "k", "copy", NULL, NULL), SKEP_EUNREPLICATED,
                      SKEP_OUTCOME_COMMITTED);
    faulty_clear(s.stores[1]);
    set_close(&s);
}

/* ---- A22: two mirrors of the same stores, as two processes have them ---- */

typedef struct race {
    skep_store *mirrors[2];
    skep_store *primary;
    skep_store *replica;
} race;

static void race_put(size_t index, void *ctx)
{
    race *r = ctx;
    for (int i = 0; i < 40; i++) {
        char text[32];
        char key[8];
        (void)snprintf(text, sizeof(text), "%zu:%d", index, i);
        (void)snprintf(key, sizeof(key), "k%d", i % 3);
        skep_store *m = r->mirrors[index % 2];
        int rc = i % 9 == 8 ? skep_store_delete(m, key, NULL) : put_text(m, key, text);
        ck_assert_msg(rc >= 0 || rc == SKEP_EUNREPLICATED, "%s", skep_last_error()->text);
    }
}

static int make_pair(race *r, skep_mirror_mode mode)
{
    assert_ok(memory_store_open(MEMORY_CAPS, &r->primary));
    assert_ok(memory_store_open(MEMORY_CAPS, &r->replica));
    for (int i = 0; i < 2; i++) {
        skep_mirror_opts opts = SKEP_MIRROR_OPTS_INIT;
        skep_store *stores[2];
        opts.mode = mode;
        opts.queue = mode == SKEP_MIRROR_ASYNC ? harness_path(i == 0 ? "q0" : "q1") : NULL;
        stores[0] = faulty_store_lend(r->primary);
        stores[1] = faulty_store_lend(r->replica);
        assert_ok(skep_store_mirror(stores, 2, &opts, &r->mirrors[i]));
    }
    return 0;
}

static void end_pair(race *r)
{
    for (int i = 0; i < 2; i++)
        assert_ok(skep_store_close(r->mirrors[i]));
    assert_ok(skep_store_close(r->primary));
    assert_ok(skep_store_close(r->replica));
}

TEST(A22_two_synchronous_writers_leave_stores_that_agree)
{
    race r;
    (void)make_pair(&r, SKEP_MIRROR_SYNC);
    harness_threads(4, race_put, &r);
    for (int i = 0; i < 3; i++) { /* deletes and puts that cross are repaired by the next put */
        char key[8];
        (void)snprintf(key, sizeof(key), "k%d", i);
        store_put(r.mirrors[0], key, "last");
    }
    stores_alike(r.primary, r.replica);
    end_pair(&r);
}

static void other_puts(void *ctx)
{
    store_put(ctx, "k", "the other's");
}

/* The other one's put, all of it, falls between the primary and the replica of ours. */
TEST(A22_the_writer_that_the_primary_took_last_is_right)
{
    race r;
    (void)make_pair(&r, SKEP_MIRROR_SYNC);
    point_run("mirror.after_primary", 1, other_puts, r.mirrors[1]);
    store_put(r.mirrors[0], "k", "ours");
    store_holds(r.primary, "k", "the other's");
    store_holds(r.replica, "k", "the other's");
    point_clear();
    end_pair(&r);
}

TEST(what_changes_in_the_primary_while_it_is_copied_is_copied_again)
{
    set s = set_open(2, SKEP_MIRROR_ASYNC, SKEP_CONFLICT_LATEST);
    point_run("mirror.after_replica", 1, other_puts, s.under[0]);
    store_put(s.mirror, "k", "ours");
    flush(&s);
    store_holds(s.under[1], "k", "the other's");
    point_clear();
    set_close(&s);
}

TEST(A22_two_asynchronous_writers_leave_stores_that_agree)
{
    race r;
    (void)make_pair(&r, SKEP_MIRROR_ASYNC);
    harness_threads(4, race_put, &r);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++)
            assert_ok(skep_mirror_flush(r.mirrors[i], NULL));
    }
    for (int i = 0; i < 3; i++) {
        char key[8];
        (void)snprintf(key, sizeof(key), "k%d", i);
        ck_assert_int_eq(store_has(r.primary, key), store_has(r.replica, key));
        if (store_has(r.primary, key))
            store_same(r.primary, r.replica, key);
    }
    end_pair(&r);
}

/* ---- reading ---- */

TEST(reads_fall_back_where_the_primary_is_down)
{
    set s = set_open(3, SKEP_MIRROR_SYNC, SKEP_CONFLICT_LATEST);
    skep_object info = SKEP_OBJECT_INIT;
    store_put(s.mirror, "a", "1");
    store_put(s.mirror, "b", "2");
    store_put_bytes(s.mirror, "large", (3 << 20) + 1, 4);
    down(s.stores[0]);
    down(s.stores[1]);
    store_holds(s.mirror, "a", "1");
    store_same(s.mirror, s.under[2], "large");
    assert_ok(skep_store_head(s.mirror, "b", NULL, &info));
    ck_assert_uint_eq(store_count(s.mirror, ""), 3);
    assert_fails(skep_store_head(s.mirror, "none", NULL, &info), SKEP_ENET); /* not: not found */
    down(s.stores[2]);
    assert_fails(skep_store_head(s.mirror, "b", NULL, &info), SKEP_ENET);
    set_close(&s);
}

TEST(a_transfer_and_a_list_that_are_cut_go_on_elsewhere)
{
    set s = set_open(2, SKEP_MIRROR_SYNC, SKEP_CONFLICT_LATEST);
    store_put_bytes(s.mirror, "large", 5 << 20, 4);
    for (int i = 0; i < 9; i++) {
        char key[8];
        (void)snprintf(key, sizeof(key), "k%d", i);
        store_put(s.mirror, key, key);
    }
    faulty_add(s.stores[0],
               &(faulty_step){.call = FAULTY_GET_READ, .what = FAULTY_CUT, .at = 3 << 20});
    store_same(s.mirror, s.under[1], "large");
    faulty_add(s.stores[0],
               &(faulty_step){.call = FAULTY_LIST_NEXT, .what = FAULTY_BEFORE, .nth = 4});
    ck_assert_uint_eq(store_count(s.mirror, ""), 10);
    set_close(&s);
}

TEST(what_the_primary_lacks_is_not_there)
{
    skep_object info = SKEP_OBJECT_INIT;
    for (int rule = SKEP_CONFLICT_LATEST; rule <= SKEP_CONFLICT_REPLICA; rule++) {
        set s = set_open(2, SKEP_MIRROR_SYNC, (skep_conflict)rule);
        store_put(s.under[1], "k", "only in the replica");
        assert_fails(skep_store_head(s.mirror, "k", NULL, &info), SKEP_ENOTFOUND);
        set_close(&s);
    }
}

static void flip_primary(set *s, const char *key)
{
    /* What a bit that fell over on a disk looks like to a reader: content that is not its hash's.
     * The first reading of the object through this store is another one than is there. */
    (void)key;
    faulty_add(s->stores[0], &(faulty_step){.call = FAULTY_GET_READ, .what = FAULTY_FLIP, .at = 0});
}

static uint64_t repaired;

static void count_repairs(const skep_event *event, void *ctx)
{
    (void)ctx;
    if (strcmp(event->name, "store.mirror_repaired") == 0)
        repaired++;
}

TEST(A29_a_damaged_object_is_read_from_a_replica_and_repaired)
{
    set s = set_open(2, SKEP_MIRROR_SYNC, SKEP_CONFLICT_LATEST);
    skep_set_event_sink(count_repairs, NULL, SKEP_INFO);
    store_put(s.mirror, "k", "whole");
    const uint64_t puts = faulty_count(s.stores[0], FAULTY_PUT_COMMIT);
    flip_primary(&s, "k");
    store_holds(s.mirror, "k", "whole");
    ck_assert_uint_eq(repaired, 1);
    ck_assert_uint_eq(faulty_count(s.stores[0], FAULTY_PUT_COMMIT), puts + 1);
    faulty_clear(s.stores[0]);
    store_holds(s.under[0], "k", "whole");
    /* One that is longer than what is held back fails, and is repaired all the same. */
    store_put_bytes(s.mirror, "large", 2 << 20, 3);
    flip_primary(&s, "large");
    skep_arena *arena = NULL;
    skep_slice out;
    assert_ok(skep_arena_new(0, &arena));
    assert_fails(skep_store_get(s.mirror, "large", NULL, arena, &out, NULL), SKEP_ECORRUPT);
    ck_assert_uint_eq(repaired, 2);
    skep_arena_free(arena);
    faulty_clear(s.stores[0]);
    store_same(s.mirror, s.under[1], "large");
    set_close(&s);
}

TEST(a_repair_that_fails_is_no_failure_of_the_read)
{
    set s = set_open(2, SKEP_MIRROR_SYNC, SKEP_CONFLICT_LATEST);
    store_put(s.mirror, "k", "whole");
    flip_primary(&s, "k");
    always(s.stores[0], FAULTY_PUT_COMMIT, SKEP_EFULL);
    store_holds(s.mirror, "k", "whole");
    set_close(&s);
}

/* ---- asynchronous ---- */

TEST(an_asynchronous_put_reaches_all_replicas)
{
    set s = set_open(3, SKEP_MIRROR_ASYNC, SKEP_CONFLICT_LATEST);
    store_put(s.mirror, "k", "1");
    store_put_bytes(s.mirror, "large", (2 << 20) + 3, 9);
    assert_ok(skep_store_copy(s.mirror, "k", "copy", NULL, NULL));
    flush(&s);
    for (size_t i = 1; i < s.n; i++)
        stores_alike(s.under[0], s.under[i]);
    store_put(s.mirror, "k", "2");
    assert_ok(skep_store_delete(s.mirror, "copy", NULL));
    flush(&s);
    for (size_t i = 1; i < s.n; i++) {
        stores_alike(s.under[0], s.under[i]);
        store_holds(s.under[i], "k", "2");
    }
    ck_assert_uint_eq(store_count(s.mirror, "branches/"), 0); /* nothing was foreign */
    ck_assert_uint_eq(lag_of(&s).objects, 0);
    ck_assert_uint_eq(lag_of(&s).failing, 0);
    set_close(&s);
}

TEST(a_replica_that_was_down_catches_up)
{
    set s = set_open(2, SKEP_MIRROR_ASYNC, SKEP_CONFLICT_LATEST);
    store_put(s.mirror, "a", "0");
    store_put(s.mirror, "b", "0");
    flush(&s);
    down(s.stores[1]);
    for (int i = 1; i <= 20; i++) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%d", i);
        store_put(s.mirror, i % 2 == 0 ? "a" : "c", text);
    }
    assert_ok(skep_store_delete(s.mirror, "b", NULL));
    skep_mirror_lag lag = lag_of(&s);
    ck_assert_uint_eq(lag.objects, 3);
    ck_assert_uint_ge(lag.bytes, 2);
    ck_assert_int_ge(lag.seconds, 1);
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    io.timeout_ms = 1;
    assert_fails(skep_mirror_flush(s.mirror, &io), SKEP_ETIMEOUT);
    while (lag.failing == 0)
        lag = lag_of(&s);
    ck_assert_int_eq(lag.error.code, SKEP_ENET);
    store_holds(s.under[1], "b", "0");
    faulty_clear(s.stores[1]);
    flush(&s);
    stores_alike(s.under[0], s.under[1]);
    ck_assert_uint_eq(store_count(s.mirror, "branches/"), 0);
    ck_assert_uint_eq(lag_of(&s).failing, 0);
    set_close(&s);
}

TEST(a_replica_that_is_behind_does_not_answer)
{
    set s = set_open(2, SKEP_MIRROR_ASYNC, SKEP_CONFLICT_LATEST);
    skep_object info = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    store_put(s.mirror, "k", "old");
    store_put(s.mirror, "same", "same");
    flush(&s);
    always(s.stores[1], FAULTY_PUT_COMMIT, SKEP_ENET);
    store_put(s.mirror, "k", "new");
    down(s.stores[0]);
    assert_fails(skep_store_head(s.mirror, "k", NULL, &info), SKEP_ENET);
    store_holds(s.mirror, "same", "same");
    assert_fails(skep_list_open(s.mirror, NULL, &list), SKEP_ENET);
    faulty_clear(s.stores[0]);
    faulty_clear(s.stores[1]);
    flush(&s);
    down(s.stores[0]);
    store_holds(s.mirror, "k", "new");
    set_close(&s);
}

TEST(a_full_queue_refuses_puts)
{
    skep_store *stores[2];
    skep_store *mirror = NULL;
    skep_mirror_opts opts = SKEP_MIRROR_OPTS_INIT;
    for (int i = 0; i < 2; i++) {
        assert_ok(memory_store_open(MEMORY_CAPS, &stores[i]));
        assert_ok(faulty_store_open(stores[i], &stores[i]));
    }
    opts.mode = SKEP_MIRROR_ASYNC;
    opts.queue = harness_path("queue");
    opts.queue_objects = 2;
    opts.queue_bytes = 1000;
    assert_ok(skep_store_mirror(stores, 2, &opts, &mirror));
    down(stores[1]);
    store_put(mirror, "a", "1");
    store_put(mirror, "b", "1");
    assert_fails(put_text(mirror, "c", "1"), SKEP_ELIMIT);
    store_lacks(mirror, "c");
    store_put(mirror, "a", "2"); /* it waits already */
    faulty_clear(stores[1]);
    assert_ok(skep_mirror_flush(mirror, NULL));
    store_put(mirror, "c", "1");
    assert_ok(skep_store_close(mirror));
}

TEST(what_waits_at_the_end_is_told_if_it_was_to_be_waited_for)
{
    skep_store *stores[2];
    skep_store *mirror = NULL;
    skep_mirror_opts opts = SKEP_MIRROR_OPTS_INIT;
    for (int i = 0; i < 2; i++) {
        assert_ok(memory_store_open(MEMORY_CAPS, &stores[i]));
        assert_ok(faulty_store_open(stores[i], &stores[i]));
    }
    opts.mode = SKEP_MIRROR_ASYNC;
    opts.queue = harness_path("queue");
    opts.close_timeout_ms = 1;
    assert_ok(skep_store_mirror(stores, 2, &opts, &mirror));
    down(stores[1]);
    store_put(mirror, "a", "1");
    assert_fails_with(skep_store_close(mirror), SKEP_EUNREPLICATED, SKEP_OUTCOME_COMMITTED);
}

/* ---- conflicts ---- */

/* The replica is down while the mirror puts "mine", and somebody else puts "theirs" there. */
static set conflict_of(skep_conflict rule, bool theirs_last, bool removes)
{
    set s = set_open(2, SKEP_MIRROR_ASYNC, rule);
    store_put(s.mirror, "k", "base");
    flush(&s);
    down(s.stores[1]);
    if (!theirs_last)
        store_put(s.under[1], "k", "theirs");
    if (removes)
        assert_ok(skep_store_delete(s.mirror, "k", NULL));
    else
        store_put(s.mirror, "k", "mine");
    if (theirs_last)
        store_put(s.under[1], "k", "theirs");
    faulty_clear(s.stores[1]);
    flush(&s);
    flush(&s); /* the branch, too */
    stores_alike(s.under[0], s.under[1]);
    return s;
}

static void check_branch(set *s, const char *loser)
{
    ck_assert_uint_eq(store_count(s->mirror, "branches/k/"), 1);
    store_holds(s->under[0], store_first(s->under[0], "branches/k/"), loser);
    store_holds(s->under[1], store_first(s->under[1], "branches/k/"), loser);
}

TEST(the_loser_of_a_conflict_is_kept_as_a_branch)
{
    static const struct {
        skep_conflict rule;
        bool theirs_last;
        const char *winner;
        const char *loser;
    } cases[] = {
        {SKEP_CONFLICT_LATEST, true, "theirs", "mine"},
        {SKEP_CONFLICT_LATEST, false, "mine", "theirs"},
        {SKEP_CONFLICT_PRIMARY, true, "mine", "theirs"},
        {SKEP_CONFLICT_PRIMARY, false, "mine", "theirs"},
        {SKEP_CONFLICT_REPLICA, true, "theirs", "mine"},
        {SKEP_CONFLICT_REPLICA, false, "theirs", "mine"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set s = conflict_of(cases[i].rule, cases[i].theirs_last, false);
        store_holds(s.mirror, "k", cases[i].winner);
        check_branch(&s, cases[i].loser);
        set_close(&s);
    }
}

TEST(a_delete_does_not_take_away_what_somebody_else_wrote)
{
    set s = conflict_of(SKEP_CONFLICT_LATEST, true, true);
    store_holds(s.mirror, "k", "theirs"); /* it is younger than the delete */
    ck_assert_uint_eq(store_count(s.mirror, "branches/"), 0);
    set_close(&s);
    s = conflict_of(SKEP_CONFLICT_LATEST, false, true);
    store_lacks(s.mirror, "k");
    check_branch(&s, "theirs");
    set_close(&s);
    s = conflict_of(SKEP_CONFLICT_PRIMARY, true, true);
    store_lacks(s.mirror, "k");
    check_branch(&s, "theirs");
    set_close(&s);
    s = conflict_of(SKEP_CONFLICT_REPLICA, false, true);
    store_holds(s.mirror, "k", "theirs");
    set_close(&s);
}

TEST(branch_names_follow_from_what_is_kept)
{
    skep_object object = SKEP_OBJECT_INIT;
    char branch[SKEP_STORE_KEY_MAX + 1];
    char key[SKEP_STORE_KEY_MAX + 1];
    object.modified_us = INT64_C(1795255638123456);
    memset(object.hash, 0xab, sizeof(object.hash));
    assert_ok(skep__mirror_branch_key("a/b", &object, 8, branch));
    ck_assert_str_eq(branch, "branches/a/b/20261121T100718.123456Z-abababab");
    memset(key, 'x', sizeof(key));
    key[SKEP_STORE_KEY_MAX] = '\0';
    assert_ok(skep__mirror_branch_key(key, &object, 8, branch));
    ck_assert_int_eq(strncmp(branch, "branches/.long/", 15), 0);
    ck_assert_ptr_nonnull(strstr(branch, "/20261121T100718.123456Z-abababab"));
}

TEST(the_rule_is_the_same_whoever_looks)
{
    skep_object p = SKEP_OBJECT_INIT;
    skep_object r = SKEP_OBJECT_INIT;
    p.modified_us = 10;
    r.modified_us = 11;
    ck_assert(!skep__mirror_primary_wins(SKEP_CONFLICT_LATEST, &p, 0, &r));
    ck_assert(skep__mirror_primary_wins(SKEP_CONFLICT_PRIMARY, &p, 0, &r));
    ck_assert(!skep__mirror_primary_wins(SKEP_CONFLICT_REPLICA, &p, 0, &r));
    r.modified_us = 10; /* at the same time: by their hashes */
    p.hash[0] = 2;
    r.hash[0] = 1;
    ck_assert(skep__mirror_primary_wins(SKEP_CONFLICT_LATEST, &p, 0, &r));
    p.hash[0] = 0;
    ck_assert(!skep__mirror_primary_wins(SKEP_CONFLICT_LATEST, &p, 0, &r));
    ck_assert(skep__mirror_primary_wins(SKEP_CONFLICT_LATEST, NULL, 11, &r));
    ck_assert(!skep__mirror_primary_wins(SKEP_CONFLICT_LATEST, NULL, 9, &r));
}

TEST(a_repair_makes_stores_alike_after_the_rule)
{
    for (int mode = SKEP_MIRROR_SYNC; mode <= SKEP_MIRROR_ASYNC; mode++) {
        for (int rule = SKEP_CONFLICT_LATEST; rule <= SKEP_CONFLICT_REPLICA; rule++) {
            set s = set_open(3, (skep_mirror_mode)mode, (skep_conflict)rule);
            skep_sync_sum sum = {.size = (uint32_t)sizeof(sum)};
            store_put(s.mirror, "same", "same");
            flush(&s);
            store_put(s.under[0], "lost-there", "1");
            store_put(s.under[1], "only-there", "2");
            store_put(s.under[0], "k", "primary");
            store_put(s.under[2], "k", "replica"); /* the latest */
            assert_ok(skep_mirror_repair(s.mirror, NULL, &sum));
            flush(&s);
            assert_ok(skep_mirror_repair(s.mirror, NULL, NULL)); /* what it put in the first one */
            flush(&s);
            stores_alike(s.under[0], s.under[1]);
            stores_alike(s.under[0], s.under[2]);
            store_holds(s.mirror, "same", "same");
            store_holds(s.under[2], "lost-there", "1");
            store_holds(s.mirror, "k", rule == SKEP_CONFLICT_PRIMARY ? "primary" : "replica");
            store_holds(s.mirror, store_first(s.mirror, "branches/k/"),
                        rule == SKEP_CONFLICT_PRIMARY ? "replica" : "primary");
            if (rule == SKEP_CONFLICT_PRIMARY) {
                store_lacks(s.mirror, "only-there");
                store_holds(s.mirror, store_first(s.mirror, "branches/only-there/"), "2");
            } else {
                store_holds(s.under[2], "only-there", "2");
            }
            ck_assert_uint_ge(sum.same, 2);
            ck_assert_uint_ge(sum.copied, 2);
            ck_assert_uint_ge(sum.replaced, 2);
            ck_assert_uint_eq(sum.failed, 0);
            assert_ok(skep_mirror_repair(s.mirror, NULL, &sum));
            ck_assert_uint_eq(sum.copied + sum.replaced + sum.failed, 0);
            set_close(&s);
        }
    }
}

TEST(a_repair_tells_what_it_could_not_do)
{
    set s = set_open(2, SKEP_MIRROR_SYNC, SKEP_CONFLICT_LATEST);
    skep_sync_sum sum = {.size = (uint32_t)sizeof(sum)};
    store_put(s.under[0], "a", "1");
    store_put(s.under[0], "b", "2");
    faulty_add(s.stores[1], &(faulty_step){.call = FAULTY_PUT_COMMIT,
                                           .what = FAULTY_BEFORE,
                                           .nth = 1,
                                           .code = SKEP_EDENIED});
    assert_fails(skep_mirror_repair(s.mirror, NULL, &sum), SKEP_EDENIED);
    ck_assert_uint_eq(sum.failed, 1);
    ck_assert_uint_eq(sum.copied, 1);
    down(s.stores[1]);
    assert_fails(skep_mirror_repair(s.mirror, NULL, NULL), SKEP_ENET);
    assert_fails(skep_mirror_repair(s.under[0], NULL, NULL), SKEP_EUNSUPPORTED);
    set_close(&s);
}

/* ---- being asked wrongly ---- */

TEST(options_that_contradict_each_other_are_refused)
{
    skep_store *stores[2];
    skep_store *mirror = NULL;
    skep_mirror_opts opts = SKEP_MIRROR_OPTS_INIT;
    skep_mirror_lag lag = {.size = (uint32_t)sizeof(lag)};
    for (int i = 0; i < 2; i++)
        assert_ok(memory_store_open(MEMORY_CAPS, &stores[i]));
    assert_fails(skep_store_mirror(stores, 1, &opts, &mirror), SKEP_EINVALID);
    skep_store *twice[] = {stores[0], stores[0]};
    assert_fails(skep_store_mirror(twice, 2, &opts, &mirror), SKEP_EINVALID);
    opts.queue = harness_path("q");
    assert_fails(skep_store_mirror(stores, 2, &opts, &mirror), SKEP_EINVALID);
    opts.mode = SKEP_MIRROR_ASYNC;
    opts.queue = NULL;
    assert_fails(skep_store_mirror(stores, 2, &opts, &mirror), SKEP_EINVALID);
    opts.mode = 7;
    assert_fails(skep_store_mirror(stores, 2, &opts, &mirror), SKEP_EINVALID);
    opts.mode = SKEP_MIRROR_SYNC;
    opts.conflict = 7;
    assert_fails(skep_store_mirror(stores, 2, &opts, &mirror), SKEP_EINVALID);
    assert_fails(skep_mirror_lag_of(stores[0], &lag), SKEP_EUNSUPPORTED);
    assert_fails(skep_mirror_flush(stores[0], NULL), SKEP_EUNSUPPORTED);
    for (int i = 0; i < 2; i++) /* they are still ours */
        assert_ok(skep_store_close(stores[i]));
}

/* ---- random work against a model ---- */

enum { KEYS = 12 };

static void random_key(rng *r, char out[16], size_t *index)
{
    *index = rng_below(r, KEYS);
    (void)snprintf(out, 16, "k%zu", *index);
}

/* What failed may have been done or not; what was done is seen. */
static void random_round(skep_mirror_mode mode, uint64_t seed, uint64_t steps)
{
    rng r = rng_of(seed);
    set s = set_open(3, mode, SKEP_CONFLICT_PRIMARY);
    char model[KEYS][16] = {""};
    bool sure[KEYS];
    memset(sure, 1, sizeof(sure));
    for (size_t i = 0; i < s.n; i++)
        faulty_odds(s.stores[i], rng_next(&r), 40);
    for (uint64_t step = 0; step < steps; step++) {
        char key[16];
        size_t k = 0;
        random_key(&r, key, &k);
        char text[16] = "";
        const bool removes = rng_below(&r, 4) == 0;
        if (!removes)
            (void)snprintf(text, sizeof(text), "t%llu", (unsigned long long)step);
        int rc = removes ? skep_store_delete(s.mirror, key, NULL) : put_text(s.mirror, key, text);
        if (rc >= 0 || skep_last_error()->outcome == SKEP_OUTCOME_COMMITTED) {
            memcpy(model[k], text, sizeof(text));
            sure[k] = true;
        } else if (skep_last_error()->outcome == SKEP_OUTCOME_UNKNOWN) {
            sure[k] = false;
        }
    }
    for (size_t i = 0; i < s.n; i++)
        faulty_clear(s.stores[i]);
    flush(&s);
    for (size_t k = 0; k < KEYS; k++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%zu", k);
        if (sure[k] && model[k][0] == '\0')
            store_lacks(s.mirror, key);
        else if (sure[k])
            store_holds(s.mirror, key, model[k]);
        for (size_t i = 1; mode == SKEP_MIRROR_ASYNC && i < s.n; i++) {
            ck_assert_int_eq(store_has(s.under[0], key), store_has(s.under[i], key));
            if (store_has(s.under[0], key))
                store_same(s.under[0], s.under[i], key);
        }
    }
    ck_assert_uint_eq(store_count(s.mirror, "branches/"), 0); /* nobody else wrote */
    set_close(&s);
}

TEST(random_work_with_faults_agrees_with_a_model)
{
    const uint64_t rounds = 4 + harness_size(SIZE_MODEL_STEPS) / 2000;
    for (uint64_t i = 0; i < rounds; i++) {
        random_round(SKEP_MIRROR_SYNC, harness_seed() + i, 150);
        random_round(SKEP_MIRROR_ASYNC, harness_seed() + i, 100);
    }
}

static void share(size_t index, void *ctx)
{
    set *s = ctx;
    for (int i = 0; i < 25; i++) {
        char key[16];
        char text[16];
        (void)snprintf(key, sizeof(key), "k%d", i % 7);
        (void)snprintf(text, sizeof(text), "%zu-%d", index, i);
        if (i % 6 == 5)
            assert_ok(skep_store_delete(s->mirror, key, NULL));
        else
            store_put(s->mirror, key, text);
        (void)store_has(s->mirror, key);
        (void)store_count(s->mirror, "k");
    }
}

TEST(sixteen_threads_share_a_mirror)
{
    for (int mode = SKEP_MIRROR_SYNC; mode <= SKEP_MIRROR_ASYNC; mode++) {
        set s = set_open(3, (skep_mirror_mode)mode, SKEP_CONFLICT_LATEST);
        harness_threads(16, share, &s);
        flush(&s);
        stores_alike(s.under[0], s.under[1]);
        stores_alike(s.under[0], s.under[2]);
        ck_assert_uint_eq(store_count(s.mirror, "branches/"), 0);
        set_close(&s);
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(a_put_is_in_all_stores),
    HARNESS_TEST(conditions_are_decided_by_the_primary),
    HARNESS_TEST(a_replica_that_fails_before_the_commit_leaves_nothing_changed),
    HARNESS_TEST(a_primary_that_fails_leaves_nothing_changed),
    HARNESS_TEST(a_replica_that_fails_in_its_commit_is_told_as_unreplicated),
    HARNESS_TEST(A22_two_synchronous_writers_leave_stores_that_agree),
    HARNESS_TEST(A22_the_writer_that_the_primary_took_last_is_right),
    HARNESS_TEST(what_changes_in_the_primary_while_it_is_copied_is_copied_again),
    HARNESS_TEST(A22_two_asynchronous_writers_leave_stores_that_agree),
    HARNESS_TEST(reads_fall_back_where_the_primary_is_down),
    HARNESS_TEST(a_transfer_and_a_list_that_are_cut_go_on_elsewhere),
    HARNESS_TEST(what_the_primary_lacks_is_not_there),
    HARNESS_TEST(A29_a_damaged_object_is_read_from_a_replica_and_repaired),
    HARNESS_TEST(a_repair_that_fails_is_no_failure_of_the_read),
    HARNESS_TEST(an_asynchronous_put_reaches_all_replicas),
    HARNESS_TEST(a_replica_that_was_down_catches_up),
    HARNESS_TEST(a_replica_that_is_behind_does_not_answer),
    HARNESS_TEST(a_full_queue_refuses_puts),
    HARNESS_TEST(what_waits_at_the_end_is_told_if_it_was_to_be_waited_for),
    HARNESS_TEST(the_loser_of_a_conflict_is_kept_as_a_branch),
    HARNESS_TEST(a_delete_does_not_take_away_what_somebody_else_wrote),
    HARNESS_TEST(branch_names_follow_from_what_is_kept),
    HARNESS_TEST(the_rule_is_the_same_whoever_looks),
    HARNESS_TEST(a_repair_makes_stores_alike_after_the_rule),
    HARNESS_TEST(a_repair_tells_what_it_could_not_do),
    HARNESS_TEST(options_that_contradict_each_other_are_refused),
    HARNESS_TEST(random_work_with_faults_agrees_with_a_model),
    HARNESS_TEST(sixteen_threads_share_a_mirror),
};
const harness_suite mirror_suite = HARNESS_SUITE("mirror", tests);
