/* SPDX-License-Identifier: MIT */
/*
 * B12: the power goes at each sync of a workload, and between them. The workload makes a database,
 * writes to it from one thread and from many, checkpoints, and writes again into the WAL started
 * anew. With FULL no acknowledged commit may be lost, with NORMAL the newest may, but never one in
 * the middle: the numbers of the commits tell. What a completed checkpoint covered stays in any
 * case.
 */
#include "faults/faults.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sqlite3.h"

#include <skep/sys/db_hooks.h>

#include <skep/key.h>

#include "harness/vfs_disk.h"
#include "harness/vfs_fault.h"

#include "faults/ledger.h"
#include "faults/tools.h"

#define THREADS 4
#define THREAD_CALLS 3

typedef struct power {
    skep_sync sync;
    disk_promises promises;
    const char *dir;
    const char *path;
    const char *after;
    bool foreign;         /* with a rollback journal */
    skep_key *key;        /* NULL: not encrypted */
    const char *template; /* a database with a WAL to begin with, or NULL */
    ledger template_ledger;
    ledger ledger;
    skep_db *db;
    bool created;   /* the tables are acknowledged, or there from the start */
    uint64_t lost;  /* acknowledged calls that NORMAL allowed to go */
    uint32_t floor; /* calls with lower numbers are covered by a complete checkpoint */
} power;

static void some_calls(size_t index, void *ctx)
{
    power *p = ctx;
    (void)index;
    for (int i = 0; i < THREAD_CALLS; i++)
        (void)ledger_write(&p->ledger, p->db);
}

static void write_some(power *p, int calls)
{
    for (int i = 0; i < calls; i++)
        (void)ledger_write(&p->ledger, p->db);
}

static void checkpoint(power *p)
{
    uint64_t left = 1;
    if (skep_db_checkpoint_pass(p->db, 1, &left) >= 0 && left == 0)
        p->floor = atomic_load(&p->ledger.next);
}

/* Nothing here may assume that the power is still on. */
static void workload(power *p)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.synchronous = p->sync;
    opts.readers = 1;
    opts.flags = p->foreign ? SKEP_DB_FOREIGN : 0;
    opts.key = p->key;
    if (p->template != NULL) /* the thread checkpoints too */
        opts.checkpoint_pages = 20;
    if (skep_db_open(p->path, &opts, &p->db) < 0)
        return;
    p->created = p->template != NULL || ledger_create(p->db) >= 0;
    if (p->created) {
        write_some(p, 4);
        harness_threads(THREADS, some_calls, p);
        checkpoint(p);
        write_some(p, 3);
        harness_threads(THREADS, some_calls, p);
        checkpoint(p);
        write_some(p, 2);
    }
    /* Closing writes back what is left; the cut may come there too. */
    int closed = skep_db_close(p->db);
    if (closed >= 0 && p->created)
        p->floor = atomic_load(&p->ledger.next);
    p->db = NULL;
}

/* ---- what is left ---- */

static bool has_tables(skep_db *db)
{
    ledger_image image = {0};
    int rc = ledger_read(db, &image);
    ledger_image_free(&image);
    ck_assert(rc == SKEP_OK || rc == SKEP_EINVALID); /* no such table */
    return rc == SKEP_OK;
}

static void lose_by_normal(power *p, const ledger_image *image, ledger *allowed)
{
    *allowed = p->ledger;
    for (uint32_t call = p->floor + 1; call <= atomic_load(&p->ledger.next); call++)
        if (atomic_load(&allowed->fates[call]) == FATE_PRESENT && !ledger_has(image, call)) {
            atomic_store(&allowed->fates[call], FATE_EITHER);
            p->lost++;
        }
}

/* The tables were acknowledged like any call, and with NORMAL may go like the newest of them. */
static bool tables_must_be_there(const power *p)
{
    return p->created && (p->sync == SKEP_SYNC_FULL || p->template != NULL || p->floor > 0);
}

static void check_survivors(power *p, const char *path)
{
    skep_db *db = NULL;
    if (!harness_exists(path)) {
        ck_assert_msg(!tables_must_be_there(p), "the file is gone with all its calls");
        return;
    }
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.key = p->key;
    assert_ok(skep_db_open(path, &opts, &db));
    if (tables_must_be_there(p) || has_tables(db)) {
        ledger_image image = {0};
        ledger allowed = p->ledger;
        assert_ok(ledger_read(db, &image));
        if (p->sync == SKEP_SYNC_NORMAL)
            lose_by_normal(p, &image, &allowed);
        ledger_check(&allowed, &image, "after the power cut");
        ledger_image_free(&image);
        assert_ok(ledger_write_call(NULL, db, LEDGER_CALLS_MAX - 1, NULL));
        assert_ok(skep_db_close(db));
        if (p->key == NULL) {
            ledger_read_file(path, &image);
            ledger_image_free(&image);
        }
    } else {
        assert_ok(skep_db_close(db));
    }
}

/* One cut: at the n-th sync, or after n writes; at the end if there are fewer. */
static void cut(power *p, uint64_t n, bool at_sync, rng *r)
{
    memset(&p->ledger, 0, sizeof(p->ledger));
    p->created = false;
    p->floor = 0;
    ck_assert_int_eq(mkdir(p->dir, 0700), 0);
    if (p->template != NULL) {
        copy_database(p->template, p->path);
        p->ledger = p->template_ledger;
        p->created = true;
    }
    disk *d = disk_new(p->dir, &p->promises);
    if (at_sync)
        disk_crash_at_sync(d, n);
    else
        disk_crash_at_write(d, n);
    workload(p);
    disk_cut(d);
    for (uint64_t seeds = harness_size(SIZE_POWER_SEEDS); seeds > 0; seeds--) {
        char file[4096];
        (void)snprintf(file, sizeof(file), "%s/power.db", p->after);
        disk_write_survivors(d, rng_next(r), p->after);
        check_survivors(p, file);
        harness_remove_tree(p->after);
    }
    disk_free(d);
    harness_remove_tree(p->dir);
}

static void count_points(power *p, uint64_t *syncs, uint64_t *writes)
{
    memset(&p->ledger, 0, sizeof(p->ledger));
    ck_assert_int_eq(mkdir(p->dir, 0700), 0);
    if (p->template != NULL)
        copy_database(p->template, p->path);
    p->ledger = p->template_ledger;
    disk *d = disk_new(p->dir, &p->promises);
    workload(p);
    ck_assert_msg(p->created, "the undisturbed workload came to nothing");
    *syncs = disk_syncs(d);
    *writes = disk_writes(d);
    disk_free(d);
    harness_remove_tree(p->dir);
}

/* One of each of equal parts of 1 … n. */
static uint64_t spread(rng *r, uint64_t k, uint64_t cuts, uint64_t n)
{
    uint64_t from = k * n / cuts;
    uint64_t to = (k + 1) * n / cuts;
    return from + 1 + rng_below(r, to > from ? to - from : 1);
}

static void make_template(power *p)
{
    const char *live = harness_path("live.db");
    p->template = harness_path("template.db");
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.key = p->key;
    assert_ok(skep_db_open(live, &opts, &p->db));
    assert_ok(ledger_create(p->db));
    write_some(p, 5);
    copy_database(live, p->template);
    p->template_ledger = p->ledger;
    assert_ok(skep_db_close(p->db));
}

typedef enum start { START_NEW, START_WAL, START_FOREIGN } start;

static void lose_power_of(power p, start from)
{
    p.foreign = from == START_FOREIGN;
    p.dir = harness_path("disk");
    p.path = harness_path("disk/power.db");
    p.after = harness_path("after");
    vfs_install();
    if (from == START_WAL)
        make_template(&p);
    uint64_t points[2];
    count_points(&p, &points[1], &points[0]);
    rng r = rng_of(harness_seed());
    for (int at_sync = 0; at_sync < 2; at_sync++) {
        uint64_t cuts = harness_size(SIZE_POWER_CUTS);
        uint64_t n = points[at_sync];
        cuts = cuts < n ? cuts : n;
        for (uint64_t k = 0; k < cuts; k++)
            cut(&p, spread(&r, k, cuts, n), at_sync != 0, &r);
    }
    printf("%llu syncs, %llu writes, %llu acknowledged calls lost\n", (unsigned long long)points[1],
           (unsigned long long)points[0], (unsigned long long)p.lost);
    /* A simulation that takes nothing where it may would prove nothing where it must not. */
    ck_assert((p.sync == SKEP_SYNC_NORMAL) == (p.lost > 0));
}

static void lose_power(skep_sync sync, disk_promises promises, start from)
{
    lose_power_of((power){.sync = sync, .promises = promises}, from);
}

static void lose_power_encrypted(skep_sync sync, disk_promises promises, start from)
{
    power p = {.sync = sync, .promises = promises};
    assert_ok(skep_key_generate(&p.key));
    lose_power_of(p, from);
    skep_key_free(p.key);
}

TEST(B12_with_full_a_power_cut_loses_nothing_acknowledged)
{
    lose_power(SKEP_SYNC_FULL, (disk_promises)DISK_ORDINARY, START_NEW);
}

TEST(B12_with_full_on_a_database_with_a_wal_to_recover)
{
    lose_power(SKEP_SYNC_FULL, (disk_promises)DISK_ORDINARY, START_WAL);
}

TEST(B12_with_full_on_a_disk_that_garbles_whole_sectors)
{
    lose_power(SKEP_SYNC_FULL, (disk_promises)DISK_HOSTILE, START_NEW);
}

TEST(B12_with_full_and_a_rollback_journal)
{
    lose_power(SKEP_SYNC_FULL, (disk_promises)DISK_ORDINARY, START_FOREIGN);
}

TEST(B12_with_normal_a_power_cut_leaves_a_prefix)
{
    lose_power(SKEP_SYNC_NORMAL, (disk_promises)DISK_ORDINARY, START_NEW);
}

TEST(B12_with_normal_on_a_database_with_a_wal_to_recover)
{
    lose_power(SKEP_SYNC_NORMAL, (disk_promises)DISK_ORDINARY, START_WAL);
}

TEST(B12_with_normal_on_a_disk_that_garbles_whole_sectors)
{
    lose_power(SKEP_SYNC_NORMAL, (disk_promises)DISK_HOSTILE, START_NEW);
}

TEST(B12_encrypted)
{
    lose_power_encrypted(SKEP_SYNC_FULL, (disk_promises)DISK_ORDINARY, START_NEW);
}

TEST(B12_encrypted_with_a_wal_to_recover)
{
    lose_power_encrypted(SKEP_SYNC_FULL, (disk_promises)DISK_ORDINARY, START_WAL);
}

TEST(B12_encrypted_with_a_rollback_journal_where_sectors_are_pages)
{
    lose_power_encrypted(SKEP_SYNC_FULL, (disk_promises)DISK_HOSTILE, START_FOREIGN);
}

static const harness_test tests[] = {
    HARNESS_TEST(B12_encrypted),
    HARNESS_TEST(B12_encrypted_with_a_wal_to_recover),
    HARNESS_TEST(B12_encrypted_with_a_rollback_journal_where_sectors_are_pages),
    HARNESS_TEST(B12_with_full_a_power_cut_loses_nothing_acknowledged),
    HARNESS_TEST(B12_with_full_on_a_database_with_a_wal_to_recover),
    HARNESS_TEST(B12_with_full_on_a_disk_that_garbles_whole_sectors),
    HARNESS_TEST(B12_with_full_and_a_rollback_journal),
    HARNESS_TEST(B12_with_normal_a_power_cut_leaves_a_prefix),
    HARNESS_TEST(B12_with_normal_on_a_database_with_a_wal_to_recover),
    HARNESS_TEST(B12_with_normal_on_a_disk_that_garbles_whole_sectors),
};
const harness_suite power_suite = HARNESS_SUITE("power", tests);
