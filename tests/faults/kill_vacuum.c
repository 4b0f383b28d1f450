/* SPDX-License-Identifier: MIT */
/* A process that does nothing but VACUUM is killed at random times: the file is whole, and has all
 * of its rows, each time on the same file. */
#include "faults/kill_vacuum.h"

#include <stdio.h>
#include <stdlib.h>

#include <skep/maintain.h>

#include "faults/tools.h"

#define FILE_NAME "vacuum.db"
#define CALLS 40

/* DIR SEED ROUND */
int role_packer(int argc, char **argv)
{
    char path[4096];
    skep_db *db = NULL;
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_maintain_opts vacuum = SKEP_MAINTAIN_OPTS_INIT;
    vacuum.flags = SKEP_MAINTAIN_VACUUM;
    if (argc < 4)
        return 2;
    opts.checkpoint_pages = strtoull(argv[3], NULL, 10) % 2 == 0 ? 100 : 100000;
    (void)snprintf(path, sizeof(path), "%s/%s", argv[1], FILE_NAME);
    if (skep_db_open(path, &opts, &db) < 0) {
        (void)fprintf(stderr, "open: %s\n", skep_last_error()->text);
        return 3;
    }
    for (;;) {
        if (skep_db_optimize(db, &vacuum, NULL) < 0) {
            (void)fprintf(stderr, "VACUUM: %s\n", skep_last_error()->text);
            return 4;
        }
        crash_ack("v", 1);
    }
}

typedef struct vacuum_test {
    ledger ledger;
    const char *path;
    const char *copy;
} vacuum_test;

static void check_round(void *ctx, uint64_t round, const void *records, size_t count)
{
    vacuum_test *t = ctx;
    (void)round;
    (void)records;
    (void)count;
    ledger_check_death(&t->ledger, t->path, t->copy);
}

TEST(a_vacuum_that_is_killed_leaves_the_file_whole)
{
    skep_db *db = NULL;
    vacuum_test t = {.path = harness_path(FILE_NAME), .copy = harness_path("copy.db")};
    assert_ok(skep_db_open(t.path, NULL, &db));
    assert_ok(ledger_create(db));
    for (int i = 0; i < CALLS; i++) {
        t.ledger.body = i % 3 == 0 ? 20000 : 100;
        assert_ok(ledger_write(&t.ledger, db));
    }
    assert_ok(skep_db_close(db));
    const crash_plan plan = {
        .role = "packer",
        .dir = harness_dir(),
        .record_size = 1,
        .rounds = harness_size(SIZE_KILLS),
        .acks_max = 3,
        .delay_max_us = 5000,
        .check = check_round,
        .ctx = &t,
    };
    crash_result result = crash_run(&plan);
    ck_assert_uint_eq(result.kills, plan.rounds);
    ledger_check_file(&t.ledger, t.path, "at the end");
}

static const harness_test tests[] = {HARNESS_TEST(a_vacuum_that_is_killed_leaves_the_file_whole)};
const harness_suite kill_vacuum_suite = HARNESS_SUITE("kill_vacuum", tests);
