/* SPDX-License-Identifier: MIT */
/*
 * B11: a process that writes from many threads is killed, at random times and at the places between
 * COMMIT and answer. What it acknowledged over a pipe must be there, each call whole, the numbers
 * of the commits without a hole, the file intact; round after round on the same directory, so that
 * each round also recovers from the one before.
 */
#include "harness/harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skep/db.h>

#include "harness/crash.h"
#include "harness/points.h"

#include "faults/kill_vacuum.h"
#include "faults/ledger.h"
#include "faults/tools.h"

#define THREADS 16
#define FILE_NAME "kill.db"
/* So many rounds on one file; then a new one, or looking at it would take longer than the rounds.
 */
#define ROUNDS_PER_FILE 100

/* ---- the child ---- */

typedef struct worker {
    skep_db *db;
    uint64_t round;
    uint64_t calls; /* of each thread */
    _Atomic int failed;
} worker;

static void work(size_t index, void *ctx)
{
    worker *w = ctx;
    for (uint64_t i = 0; i < w->calls && atomic_load(&w->failed) == 0; i++) {
        int64_t call = (int64_t)((w->round + 1) << 20 | index << 15 | i);
        int rc = ledger_write_call(NULL, w->db, call, NULL);
        if (rc < 0) {
            (void)fprintf(stderr, "call: %s: %s\n", skep_code_name(rc), skep_last_error()->text);
            atomic_store(&w->failed, 1);
            return;
        }
        crash_ack(&call, sizeof(call));
    }
}

/* DIR SEED ROUND [CALLS POINT NTH] */
static int role_writer(int argc, char **argv)
{
    char path[4096];
    worker w = {.round = strtoull(argv[3], NULL, 10), .calls = 1 << 15};
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    /* A killed process loses nothing with either. */
    opts.synchronous = w.round % 2 == 0 ? SKEP_SYNC_FULL : SKEP_SYNC_NORMAL;
    opts.checkpoint_pages = 100;
    opts.readers = 2;
    (void)snprintf(path, sizeof(path), "%s/%s", argv[1], FILE_NAME);
    if (argc == 7) {
        w.calls = strtoull(argv[4], NULL, 10);
        point_die(argv[5], strtoull(argv[6], NULL, 10));
    }
    int rc = skep_db_open(path, &opts, &w.db);
    if (rc < 0) {
        (void)fprintf(stderr, "open: %s: %s\n", skep_code_name(rc), skep_last_error()->text);
        return 3;
    }
    harness_threads(THREADS, work, &w);
    if (atomic_load(&w.failed) != 0)
        return 4;
    return skep_db_close(w.db) < 0 ? 5 : 0;
}

/* ---- the parent ---- */

typedef struct kill_test {
    const char *path;
    const char *copy;
    int64_t *acked;
    size_t count;
    size_t cap;
    uint64_t unacked; /* calls that were there without having been acknowledged */
} kill_test;

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void begin_file(kill_test *t)
{
    skep_db *db = NULL;
    remove_database(t->path);
    t->count = 0;
    assert_ok(skep_db_open(t->path, NULL, &db));
    assert_ok(ledger_create(db));
    assert_ok(skep_db_close(db));
}

static kill_test begin(void)
{
    kill_test t = {.path = harness_path(FILE_NAME), .copy = harness_path("copy.db")};
    begin_file(&t);
    return t;
}

/* The files are looked at as a copy: the next round finds them as death left them. */
static void check_round(void *ctx, uint64_t round, const void *records, size_t count)
{
    kill_test *t = ctx;
    ledger_image image = {0};
    if (t->count + count > t->cap) {
        t->cap = 2 * t->cap + count;
        t->acked = realloc(t->acked, t->cap * sizeof(int64_t));
        ck_assert_ptr_nonnull(t->acked);
    }
    if (count > 0)
        memcpy(t->acked + t->count, records, count * sizeof(int64_t));
    t->count += count;
    copy_database(t->path, t->copy);
    ledger_read_file(t->copy, &image);
    remove_database(t->copy);
    if (t->count > 0)
        qsort(t->acked, t->count, sizeof(int64_t), by_value);
    if (image.count > 0)
        qsort(image.calls, image.count, sizeof(int64_t), by_value);
    for (size_t i = 0, j = 0; i < t->count; i++) {
        while (j < image.count && image.calls[j] < t->acked[i])
            j++;
        ck_assert_msg(j < image.count && image.calls[j] == t->acked[i],
                      "round %llu: acknowledged call %lld is not there", (unsigned long long)round,
                      (long long)t->acked[i]);
    }
    t->unacked = image.count - t->count;
    ledger_image_free(&image);
    if (round % ROUNDS_PER_FILE == ROUNDS_PER_FILE - 1)
        begin_file(t);
}

TEST(B11_what_was_acknowledged_survives_kill)
{
    kill_test t = begin();
    const crash_plan plan = {
        .role = "writer",
        .dir = harness_dir(),
        .record_size = sizeof(int64_t),
        .rounds = harness_size(SIZE_B11_KILLS),
        .acks_max = 300,
        .delay_max_us = 3000,
        .check = check_round,
        .ctx = &t,
    };
    crash_result result = crash_run(&plan);
    printf("%llu kills, %llu acknowledged calls\n", (unsigned long long)result.kills,
           (unsigned long long)result.acks);
    ck_assert_uint_eq(result.kills, plan.rounds);
    ck_assert_uint_gt(result.acks, plan.rounds);
    free(t.acked);
}

static void die_at(kill_test *t, const char *point, uint64_t round, rng *r)
{
    char seed[32];
    char number[32];
    char nth[32];
    int64_t *acks = NULL;
    int64_t call = 0;
    size_t count = 0;
    (void)snprintf(seed, sizeof(seed), "%llu", (unsigned long long)rng_next(r));
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)round);
    (void)snprintf(nth, sizeof(nth), "%llu", (unsigned long long)(1 + rng_below(r, 12)));
    crash_child child = crash_start(
        "writer", (const char *const[]){harness_dir(), seed, number, "20", point, nth, NULL});
    while (crash_next_ack(&child, &call, sizeof(call))) {
        if (count % 256 == 0)
            acks = realloc(acks, (count + 256) * sizeof(int64_t));
        ck_assert_ptr_nonnull(acks);
        acks[count++] = call;
    }
    int status = crash_wait(&child);
    ck_assert_msg(status == 0 || status == 128 + SIGKILL, "%s: status %d", point, status);
    check_round(t, round, acks, count);
    free(acks);
}

static void die_at_each(const char *point)
{
    kill_test t = begin();
    rng r = rng_of(harness_seed());
    uint64_t rounds = (harness_size(SIZE_KILLS) + 4) / 5;
    for (uint64_t round = 0; round < rounds; round++)
        die_at(&t, point, round, &r);
    ck_assert_uint_gt(t.count + t.unacked, 0);
    free(t.acked);
}

TEST(B11_death_before_begin)
{
    die_at_each("db.before_begin");
}

TEST(B11_death_before_commit)
{
    die_at_each("db.before_commit");
}

TEST(B11_death_after_commit_and_before_the_answers)
{
    die_at_each("db.after_commit");
}

TEST(B11_death_before_the_followers_are_woken)
{
    die_at_each("queue.before_wake");
}

TEST(B11_death_before_a_checkpoint)
{
    die_at_each("db.before_checkpoint");
}

/* Two processes write; one is killed, the other goes on. */
static void kill_one_of_two(kill_test *t, uint64_t round)
{
    char number[2][32];
    crash_child child[2];
    int64_t acks[2][64];
    for (uint64_t i = 0; i < 2; i++) {
        (void)snprintf(number[i], sizeof(number[i]), "%llu", (unsigned long long)(2 * round + i));
        child[i] =
            crash_start("writer", (const char *const[]){harness_dir(), "1", number[i], NULL});
        for (int k = 0; k < 8; k++)
            ck_assert(crash_next_ack(&child[i], &acks[i][k], sizeof(int64_t)));
    }
    crash_kill(&child[0]);
    size_t count[2] = {8, 8};
    int64_t call = 0;
    while (crash_next_ack(&child[0], &call, sizeof(call)))
        if (count[0] < 64)
            acks[0][count[0]++] = call;
    ck_assert_int_eq(crash_wait(&child[0]), 128 + SIGKILL);
    /* More than can lie in the pipe from before the other's death. */
    for (int k = 0; k < 9000; k++)
        ck_assert(crash_next_ack(&child[1], &call, sizeof(call)));
    acks[1][count[1]++] = call;
    crash_kill(&child[1]);
    while (crash_next_ack(&child[1], &call, sizeof(call))) {
    }
    ck_assert_int_eq(crash_wait(&child[1]), 128 + SIGKILL);
    check_round(t, 2 * round, acks[0], count[0]);
    check_round(t, 2 * round + 1, acks[1], count[1]);
}

TEST(B11_another_process_goes_on_after_one_was_killed)
{
    kill_test t = begin();
    uint64_t rounds = harness_size(SIZE_KILLS) / 25;
    for (uint64_t round = 0; round < rounds; round++) {
        kill_one_of_two(&t, round);
        begin_file(&t);
    }
    free(t.acked);
}

static const harness_test tests[] = {
    HARNESS_TEST(B11_what_was_acknowledged_survives_kill),
    HARNESS_TEST(B11_death_before_begin),
    HARNESS_TEST(B11_death_before_commit),
    HARNESS_TEST(B11_death_after_commit_and_before_the_answers),
    HARNESS_TEST(B11_death_before_the_followers_are_woken),
    HARNESS_TEST(B11_death_before_a_checkpoint),
    HARNESS_TEST(B11_another_process_goes_on_after_one_was_killed),
};
static const harness_suite kill_suite = HARNESS_SUITE("kill", tests);

int main(int argc, char **argv)
{
    static const harness_suite *const suites[] = {&kill_suite, &kill_vacuum_suite, NULL};
    static const harness_role roles[] = {
        {"writer", role_writer}, {"packer", role_packer}, {NULL, NULL}};
    return harness_main(argc, argv, suites, roles);
}
