/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/hash.h"
#include "base/mem.h"
#include "harness/points.h"
#include "harness/syscalls.h"
#include "harness/vfs_disk.h"
#include "store/mirror_queue.h"

static const uint64_t ids[] = {11, 22, 33};

static int open_queue(const char *dir, size_t replicas, skep__mq **out)
{
    const skep__mq_opts opts = {
        .dir = dir, .ids = ids, .replicas = replicas, .objects_max = 1000, .bytes_max = 1 << 20};
    return skep__mq_open(&opts, out);
}

static skep__mq *opened(const char *dir, size_t replicas)
{
    skep__mq *q = NULL;
    assert_ok(open_queue(dir, replicas, &q));
    return q;
}

static int intend(skep__mq *q, const char *key, bool removes, uint64_t bytes, int base)
{
    skep__mq_intent intent = {
        .key = key, .removes = removes, .bytes = bytes, .has_base = base != 0};
    memset(intent.base, base, sizeof(intent.base));
    SKEP__TRY(skep__mq_intents(q, &intent, 1));
    skep__mq_settle(q, key);
    return SKEP_OK;
}

static void do_next(skep__mq *q, size_t replica, const char *key)
{
    skep__mq_task task;
    ck_assert(skep__mq_next(q, replica, 0, &task));
    ck_assert_str_eq(task.key, key);
    skep__mq_done(q, replica, &task);
}

static skep_mirror_lag lag_of(skep__mq *q)
{
    skep_mirror_lag lag = {.size = (uint32_t)sizeof(lag)};
    skep__mq_lag(q, &lag);
    return lag;
}

TEST(an_intent_survives_and_a_done_ends_it)
{
    const char *dir = harness_path("q");
    skep__mq *q = opened(dir, 2);
    assert_ok(intend(q, "a/b", false, 5, 0));
    assert_ok(intend(q, "c", true, 0, 7));
    do_next(q, 0, "a/b");
    skep__mq_close(q);
    q = opened(dir, 2);
    ck_assert(!skep__mq_behind(q, 0, "a/b"));
    ck_assert(skep__mq_behind(q, 1, "a/b"));
    ck_assert_uint_eq(lag_of(q).objects, 2);
    ck_assert_uint_eq(lag_of(q).bytes, 5);
    ck_assert_int_ge(lag_of(q).seconds, 1);
    skep__mq_task task;
    ck_assert(skep__mq_next(q, 0, 0, &task));
    ck_assert_str_eq(task.key, "c");
    ck_assert(task.removed);
    ck_assert_uint_eq(task.bases, 1);
    ck_assert_uint_eq(task.base[0][0], 7);
    skep__mq_done(q, 0, &task);
    do_next(q, 1, "a/b");
    do_next(q, 1, "c");
    ck_assert_uint_eq(lag_of(q).objects, 0);
    ck_assert_int_eq(lag_of(q).seconds, 0);
    skep__mq_close(q);
    q = opened(dir, 2);
    ck_assert_uint_eq(lag_of(q).objects, 0);
    skep__mq_close(q);
}

TEST(changes_of_one_key_are_one_entry_with_all_its_bases)
{
    const char *dir = harness_path("q");
    skep__mq *q = opened(dir, 1);
    for (int i = 1; i <= 6; i++)
        assert_ok(intend(q, "k", i == 2, (uint64_t)i, i));
    for (int round = 0; round < 2; round++) {
        skep__mq_task task;
        ck_assert_uint_eq(lag_of(q).objects, 1);
        ck_assert_uint_eq(lag_of(q).bytes, 6);
        ck_assert(skep__mq_next(q, 0, 0, &task));
        ck_assert(task.removed);
        ck_assert_uint_eq(task.bases, SKEP__MQ_BASES_MAX); /* the oldest and the newest */
        ck_assert_uint_eq(task.base[0][0], 1);
        ck_assert_uint_eq(task.base[1][0], 4);
        ck_assert_uint_eq(task.base[3][0], 6);
        skep__mq_failed(q, 0, &task);
        skep__mq_close(q);
        q = opened(dir, 1);
    }
    skep__mq_close(q);
}

TEST(a_key_that_changes_while_it_is_done_stays)
{
    skep__mq *q = opened(harness_path("q"), 1);
    skep__mq_task task;
    assert_ok(intend(q, "k", false, 1, 0));
    ck_assert(skep__mq_next(q, 0, 0, &task));
    assert_ok(intend(q, "k", false, 2, 0));
    skep__mq_done(q, 0, &task);
    ck_assert(skep__mq_behind(q, 0, "k"));
    do_next(q, 0, "k");
    ck_assert(!skep__mq_behind(q, 0, NULL));
    skep__mq_close(q);
}

TEST(a_key_that_is_being_committed_is_not_taken_up)
{
    skep__mq *q = opened(harness_path("q"), 1);
    const skep__mq_intent intent = {.key = "a"};
    assert_ok(skep__mq_intents(q, &intent, 1));
    assert_ok(intend(q, "b", false, 1, 0));
    do_next(q, 0, "b"); /* "a" came first */
    skep__mq_settle(q, "a");
    do_next(q, 0, "a");
    skep__mq_close(q);
}

TEST(the_queue_is_one_process_s)
{
    const char *dir = harness_path("q");
    skep__mq *other = NULL;
    skep__mq *q = opened(dir, 1);
    assert_fails(open_queue(dir, 1, &other), SKEP_EBUSY);
    skep__mq_close(q);
    q = opened(dir, 1);
    skep__mq_close(q);
}

TEST(the_bounds_hold_but_not_for_keys_that_wait_already)
{
    const skep__mq_opts opts = {
        .dir = harness_path("q"), .ids = ids, .replicas = 1, .objects_max = 2, .bytes_max = 100};
    skep__mq *q = NULL;
    assert_ok(skep__mq_open(&opts, &q));
    assert_ok(intend(q, "a", false, 60, 0));
    assert_fails(intend(q, "b", false, 60, 0), SKEP_ELIMIT);
    assert_fails(skep__mq_room(q, "b", 60), SKEP_ELIMIT);
    assert_ok(skep__mq_room(q, "a", 1000)); /* alone it may be as large as it likes */
    assert_ok(intend(q, "b", false, 40, 0));
    assert_fails(intend(q, "c", false, 0, 0), SKEP_ELIMIT);
    assert_ok(intend(q, "a", false, 10, 0));
    const skep__mq_intent forced = {.key = "c", .forced = true, .bytes = 1000};
    assert_ok(skep__mq_intents(q, &forced, 1));
    skep__mq_settle(q, "c");
    ck_assert_uint_eq(lag_of(q).objects, 3);
    do_next(q, 0, "a");
    do_next(q, 0, "b");
    do_next(q, 0, "c");
    assert_ok(intend(q, "d", false, 60, 0));
    skep__mq_close(q);
}

TEST(several_intents_are_noted_or_none)
{
    const skep__mq_opts opts = {
        .dir = harness_path("q"), .ids = ids, .replicas = 1, .objects_max = 2, .bytes_max = 100};
    skep__mq *q = NULL;
    skep__mq_task task;
    const skep__mq_intent three[] = {{.key = "a"}, {.key = "b"}, {.key = "c"}};
    assert_ok(skep__mq_open(&opts, &q));
    assert_fails(skep__mq_intents(q, three, 3), SKEP_ELIMIT);
    ck_assert(skep__mq_next(q, 0, 0, &task)); /* what was noted is no longer being committed */
    skep__mq_done(q, 0, &task);
    assert_ok(skep__mq_intents(q, three, 2));
    skep__mq_settle(q, "a");
    skep__mq_settle(q, "b");
    skep__mq_close(q);
}

TEST(a_new_replica_waits_for_what_waits)
{
    const char *dir = harness_path("q");
    skep__mq *q = opened(dir, 1);
    assert_ok(intend(q, "k", false, 1, 0));
    skep__mq_close(q);
    q = opened(dir, 3);
    ck_assert(skep__mq_behind(q, 2, "k"));
    do_next(q, 0, "k");
    do_next(q, 1, "k");
    skep__mq_close(q);
    q = opened(dir, 3);
    ck_assert(!skep__mq_behind(q, 0, "k"));
    ck_assert(!skep__mq_behind(q, 1, "k"));
    do_next(q, 2, "k");
    skep__mq_close(q);
}

TEST(flush_waits_for_what_was_there)
{
    skep__mq *q = opened(harness_path("q"), 1);
    const skep_io soon = {.deadline_ns = 1};
    const skep_io none = {.deadline_ns = 0};
    assert_ok(skep__mq_flush(q, &none));
    assert_ok(intend(q, "k", false, 1, 0));
    assert_fails(skep__mq_flush(q, &soon), SKEP_ETIMEOUT);
    do_next(q, 0, "k");
    assert_ok(skep__mq_flush(q, &soon));
    assert_ok(intend(q, "k", false, 1, 0));
    skep__mq_stop(q);
    assert_fails(skep__mq_flush(q, &none), SKEP_ECLOSED);
    skep__mq_close(q);
}

/* ---- the file ---- */

/* One that says: "a/b" was put after nothing, "c" deleted after base 7…; replica 11 has "a/b". */
static const char *write_example(void)
{
    const char *dir = harness_path("example");
    skep__buf file = SKEP__BUF_INIT(4096);
    skep__buf records = SKEP__BUF_INIT(4096);
    uint8_t head[SKEP__MQ_HEAD_BYTES];
    skep__mq_record r = {.kind = SKEP__MQ_INTENT,
                         .seq = 1,
                         .time_us = INT64_C(1795255638123456),
                         .bytes = 5,
                         .key = skep_slice_str("a/b")};
    skep__mq_head(head);
    (void)skep__buf_add(&file, head, sizeof(head));
    skep__mq_encode(&records, &r);
    r.seq = 2;
    r.flags = SKEP__MQ_DELETE | SKEP__MQ_BASE;
    r.bytes = 0;
    memset(r.base, 7, sizeof(r.base));
    r.key = skep_slice_str("c");
    skep__mq_encode(&records, &r);
    skep__mq_frame(&file, skep__buf_slice(&records), file.len, file.len, false);
    skep__buf_clear(&records);
    r = (skep__mq_record){
        .kind = SKEP__MQ_DONE, .seq = 1, .replica = 11, .key = skep_slice_str("a/b")};
    r.flags = SKEP__MQ_BASE;
    memset(r.base, 9, sizeof(r.base));
    skep__mq_encode(&records, &r);
    skep__mq_frame(&file, skep__buf_slice(&records), file.len, file.len, false);
    assert_ok(skep__buf_status(&file));
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    harness_write_file(harness_path("example/queue"), file.data, file.len);
    skep__buf_dispose(&records);
    skep__buf_dispose(&file);
    return dir;
}

static int decode_ok(void *ctx, const skep__mq_record *record)
{
    (void)record;
    ++*(int *)ctx;
    return SKEP_OK;
}

static int decode_file(const void *data, size_t size, int *records, size_t *whole)
{
    *records = 0;
    return skep__mq_decode(skep_slice_of(data, size), "queue", decode_ok, records, whole);
}

TEST(the_example_of_the_format_is_what_is_written_and_read)
{
    size_t size = 0;
    size_t doc_size = 0;
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/docs/format/mirror-queue.md", getenv("SKEP_SOURCE_DIR"));
    const char *doc = harness_read_file(path, &doc_size);
    (void)write_example();
    const uint8_t *file = harness_read_file(harness_path("example/queue"), &size);
    const char *at = strstr(doc, "```\n");
    ck_assert_ptr_nonnull(at);
    at += 4;
    for (size_t i = 0; i < size; i++) {
        unsigned byte = 256;
        int used = 0;
        ck_assert_int_eq(sscanf(at, " %2x%n", &byte, &used), 1);
        ck_assert_msg(byte == file[i], "byte %zu is %02x, and %02x in the document", i, file[i],
                      byte);
        at += used;
    }
    ck_assert_int_eq(strncmp(at, "\n```", 4), 0);
    skep__mq *q = opened(harness_path("example"), 2);
    ck_assert(!skep__mq_behind(q, 0, "a/b"));
    do_next(q, 1, "a/b");
    do_next(q, 0, "c");
    do_next(q, 1, "c");
    skep__mq_close(q);
}

TEST(a_torn_end_is_cut_and_what_was_before_it_stays)
{
    size_t size = 0;
    int records = 0;
    (void)write_example();
    char *file = harness_read_file(harness_path("example/queue"), &size);
    size_t whole = 0;
    assert_ok(decode_file(file, size, &records, &whole));
    ck_assert_int_eq(records, 3);
    ck_assert_uint_eq(whole, size);
    const size_t second = size - SKEP__MQ_FRAME_BYTES - skep__mq_bytes(SKEP__MQ_DONE, 3);
    for (size_t cut = second; cut < size; cut++) {
        assert_ok(decode_file(file, cut, &records, &whole));
        ck_assert_int_eq(records, 2);
        ck_assert_uint_eq(whole, second);
    }
    for (size_t cut = 0; cut < SKEP__MQ_HEAD_BYTES; cut++)
        assert_fails(decode_file(file, cut, &records, &whole), SKEP_ECORRUPT);
    harness_write_file(harness_path("example/queue"), file, size - 3);
    skep__mq *q = opened(harness_path("example"), 1);
    do_next(q, 0, "a/b"); /* its done was lost: it is looked at again */
    do_next(q, 0, "c");
    skep__mq_close(q);
}

/* A flipped bit in what was durable when a later frame was written is never taken for a torn end.
 */
TEST(a_flipped_bit_is_found)
{
    size_t size = 0;
    int records = 0;
    size_t whole = 0;
    (void)write_example();
    uint8_t *file = harness_read_file(harness_path("example/queue"), &size);
    const size_t second = size - SKEP__MQ_FRAME_BYTES - skep__mq_bytes(SKEP__MQ_DONE, 3);
    for (size_t bit = 0; bit < second * 8; bit++) {
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_fails(decode_file(file, size, &records, &whole), SKEP_ECORRUPT);
        ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "skep store sync"));
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = second * 8; bit < size * 8; bit++) { /* might be torn: then it is cut */
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_ok(decode_file(file, size, &records, &whole));
        ck_assert_int_eq(records, 2);
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    file[30] ^= 4;
    harness_write_file(harness_path("example/queue"), file, size);
    skep__mq *q = NULL;
    assert_fails(open_queue(harness_path("example"), 1, &q), SKEP_ECORRUPT);
    file[30] ^= 4;
    harness_write_file(harness_path("example/queue"), file, size);
    q = opened(harness_path("example"), 1); /* the lock was let go */
    skep__mq_close(q);
}

TEST(a_newer_format_is_refused)
{
    size_t size = 0;
    (void)write_example();
    uint8_t *file = harness_read_file(harness_path("example/queue"), &size);
    file[8] = 2;
    skep__put_le64(file + 16, skep__hash64(file, 16, 0));
    harness_write_file(harness_path("example/queue"), file, size);
    skep__mq *q = NULL;
    assert_fails(open_queue(harness_path("example"), 1, &q), SKEP_EVERSION);
}

TEST(the_file_does_not_grow_for_ever)
{
    const char *dir = harness_path("q");
    skep__mq *q = opened(dir, 1);
    char key[201];
    memset(key, 'k', 200);
    key[200] = '\0';
    point_watch("mirror.after_new_file");
    for (int i = 0; i < 10000; i++) {
        assert_ok(intend(q, key, false, 1, 1 + i % 100));
        if (i % 2 == 0)
            do_next(q, 0, key);
    }
    ck_assert_uint_ge(point_count("mirror.after_new_file"), 1);
    struct stat st;
    ck_assert_int_eq(stat(harness_path("q/queue"), &st), 0);
    ck_assert_int_lt(st.st_size, 6 << 20);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    point_clear();
    skep__mq_close(q);
    q = opened(dir, 1);
    do_next(q, 0, key);
    skep__mq_close(q);
}

/* A failed write or sync fails its intent, and the next one writes a new file. */
TEST(after_a_full_disk_the_queue_goes_on)
{
    static const unsigned calls[] = {SYS_WRITE, SYS_SYNC};
    sys_install_os();
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        const char *dir = harness_path(i == 0 ? "write" : "sync");
        skep__mq *q = opened(dir, 1);
        assert_ok(intend(q, "before", false, 1, 0));
        sys_arm(&(sys_fault){.calls = calls[i], .err = ENOSPC, .nth = 1, .persistent = true});
        assert_fails(intend(q, "during", false, 1, 0), SKEP_EFULL);
        assert_fails(intend(q, "again", false, 1, 0), SKEP_EFULL);
        (void)sys_disarm(NULL);
        assert_ok(intend(q, "after", false, 1, 0));
        skep__mq_close(q);
        q = opened(dir, 1);
        ck_assert(skep__mq_behind(q, 0, "before"));
        ck_assert(skep__mq_behind(q, 0, "after"));
        skep__mq_close(q);
    }
}

/* ---- power ---- */

enum { POWER_KEYS = 12 };

typedef struct power {
    skep__mq *q;
    bool noted[POWER_KEYS]; /* acknowledged … */
    bool done[POWER_KEYS];  /* … and not yet told to be done */
} power;

static void power_work(power *p, const char *dir)
{
    skep__mq_task task;
    if (open_queue(dir, 1, &p->q) < 0)
        return;
    for (int i = 0; i < POWER_KEYS; i++) {
        char key[8];
        (void)snprintf(key, sizeof(key), "k%d", i);
        p->noted[i] = intend(p->q, key, false, 1, 1) >= 0;
        if (i % 3 == 2 && skep__mq_next(p->q, 0, 0, &task)) {
            p->done[strtol(task.key + 1, NULL, 10)] = true;
            skep__mq_done(p->q, 0, &task);
        }
    }
}

/* One cut, one image of what is left: each acknowledged intent that was not done is there. */
static void check_cut(bool at_sync, uint64_t k, uint64_t seed)
{
    char dir[64];
    char after[80];
    power p = {.q = NULL};
    (void)snprintf(dir, sizeof(dir), "d%d-%llu-%llu", at_sync, (unsigned long long)k,
                   (unsigned long long)seed);
    (void)snprintf(after, sizeof(after), "%s-after", dir);
    const char *path = harness_path(dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    disk *d = disk_new(path, &(disk_promises)DISK_HOSTILE);
    if (at_sync)
        disk_crash_at_sync(d, k);
    else
        disk_crash_at_write(d, k);
    power_work(&p, path);
    disk_cut(d);
    skep__mq_close(p.q);
    disk_write_survivors(d, seed, harness_path(after));
    disk_free(d);
    p.q = opened(harness_path(after), 1);
    for (int i = 0; i < POWER_KEYS; i++) {
        char key[8];
        (void)snprintf(key, sizeof(key), "k%d", i);
        if (p.noted[i] && !p.done[i])
            ck_assert_msg(skep__mq_behind(p.q, 0, key), "%s was lost (%s)", key, dir);
    }
    skep__mq_close(p.q);
}

TEST(no_acknowledged_intent_is_lost_when_the_power_goes)
{
    const uint64_t seeds = 2 * harness_size(SIZE_POWER_SEEDS);
    for (uint64_t k = 1; k <= POWER_KEYS + 4; k++) {
        for (uint64_t seed = 0; seed < seeds; seed++) {
            check_cut(true, k, harness_seed() + seed);
            check_cut(false, k, harness_seed() + seed);
        }
    }
}

/* ---- threads ---- */

enum { THREADS = 16, STEPS = 60 };

static void hammer(size_t index, void *ctx)
{
    skep__mq *q = ctx;
    skep__mq_task task;
    for (int i = 0; i < STEPS; i++) {
        char key[16];
        if (index < 2) { /* the replicas' threads */
            if (!skep__mq_next(q, index, 0, &task))
                return;
            if (i % 5 == 0)
                skep__mq_failed(q, index, &task);
            else
                skep__mq_done(q, index, &task);
            continue;
        }
        (void)snprintf(key, sizeof(key), "k%d", i % 30);
        assert_ok(intend(q, key, i % 7 == 0, 1, 1 + (int)index));
        (void)lag_of(q);
        (void)skep__mq_behind(q, index % 2, key);
    }
    if (index < 2)
        return;
}

TEST(sixteen_threads_share_a_queue)
{
    const char *dir = harness_path("q");
    skep__mq *q = opened(dir, 2);
    harness_threads(THREADS, hammer, q);
    for (size_t r = 0; r < 2; r++) {
        while (skep__mq_behind(q, r, NULL)) {
            skep__mq_task task;
            ck_assert(skep__mq_next(q, r, 0, &task));
            skep__mq_done(q, r, &task);
        }
    }
    ck_assert_uint_eq(lag_of(q).objects, 0);
    skep__mq_close(q);
    q = opened(dir, 2);
    ck_assert_uint_eq(lag_of(q).objects, 0);
    skep__mq_close(q);
}

static const harness_test tests[] = {
    HARNESS_TEST(an_intent_survives_and_a_done_ends_it),
    HARNESS_TEST(changes_of_one_key_are_one_entry_with_all_its_bases),
    HARNESS_TEST(a_key_that_changes_while_it_is_done_stays),
    HARNESS_TEST(a_key_that_is_being_committed_is_not_taken_up),
    HARNESS_TEST(the_queue_is_one_process_s),
    HARNESS_TEST(the_bounds_hold_but_not_for_keys_that_wait_already),
    HARNESS_TEST(several_intents_are_noted_or_none),
    HARNESS_TEST(a_new_replica_waits_for_what_waits),
    HARNESS_TEST(flush_waits_for_what_was_there),
    HARNESS_TEST(the_example_of_the_format_is_what_is_written_and_read),
    HARNESS_TEST(a_torn_end_is_cut_and_what_was_before_it_stays),
    HARNESS_TEST(a_flipped_bit_is_found),
    HARNESS_TEST(a_newer_format_is_refused),
    HARNESS_TEST(the_file_does_not_grow_for_ever),
    HARNESS_TEST(after_a_full_disk_the_queue_goes_on),
    HARNESS_TEST(no_acknowledged_intent_is_lost_when_the_power_goes),
    HARNESS_TEST(sixteen_threads_share_a_queue),
};
const harness_suite mirror_queue_suite = HARNESS_SUITE("mirror_queue", tests);
