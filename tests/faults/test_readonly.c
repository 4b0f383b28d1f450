/* SPDX-License-Identifier: MIT */
/* Opening with SKEP_DB_READONLY leaves the database and its -wal as they are: bytes, mode, time of
 * change, and whether they are there at all; also while another process has them open. */
#include "faults/faults.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite3.h"

#include <skep/sys/db_hooks.h>

#include "harness/crash.h"
#include "harness/vfs_fault.h"

#include "faults/ledger.h"
#include "faults/tools.h"

typedef struct seen {
    bool there;
    struct stat st;
    const void *data;
} seen;

static const skep_db_opts reading = {
    .size = (uint32_t)sizeof(skep_db_opts), .flags = SKEP_DB_READONLY, .readers = 2};

static seen look(const char *path, const char *suffix)
{
    seen s = {0};
    const char *name = path_with(path, suffix);
    s.there = stat(name, &s.st) == 0;
    if (s.there)
        s.data = harness_read_file(name, NULL);
    return s;
}

static void check_same(const seen *a, const seen *b, const char *what)
{
    ck_assert_msg(a->there == b->there, "%s: %s", what, a->there ? "it is gone" : "it was made");
    if (!a->there)
        return;
    ck_assert_msg(a->st.st_size == b->st.st_size, "%s: size", what);
    ck_assert_msg(memcmp(a->data, b->data, (size_t)a->st.st_size) == 0, "%s: bytes", what);
    ck_assert_msg(a->st.st_mode == b->st.st_mode, "%s: mode", what);
    ck_assert_msg(a->st.st_ino == b->st.st_ino, "%s: another file", what);
    ck_assert_msg(a->st.st_mtim.tv_sec == b->st.st_mtim.tv_sec &&
                      a->st.st_mtim.tv_nsec == b->st.st_mtim.tv_nsec,
                  "%s: time of change", what);
}

/* All that a reader may do, and what it may not. */
static void use(const char *path, const ledger *l)
{
    skep_db *db = NULL;
    uint64_t left = 0;
    ledger_image image = {0};
    skep_db_info info = {.size = (uint32_t)sizeof(info)};
    assert_ok(skep_db_open(path, &reading, &db));
    assert_ok(ledger_read(db, &image));
    ledger_check(l, &image, "read");
    ck_assert_int_eq(ledger_read_single(db, image.calls[0]), 1);
    assert_ok(skep_db_get_info(db, &info));
    assert_fails(ledger_write_call(NULL, db, 1000, NULL), SKEP_EREADONLY);
    assert_fails(skep_db_checkpoint_pass(db, 1, &left), SKEP_EREADONLY);
    assert_ok(skep_db_close(db));
    ledger_image_free(&image);
}

static void check_untouched(const char *path, const ledger *l)
{
    seen db = look(path, "");
    seen wal = look(path, "-wal");
    for (int i = 0; i < 2; i++) {
        use(path, l);
        seen db_after = look(path, "");
        seen wal_after = look(path, "-wal");
        check_same(&db, &db_after, "database");
        check_same(&wal, &wal_after, "-wal");
    }
}

static void make(const char *path, ledger *l, skep_db **db)
{
    vfs_install();
    assert_ok(skep_db_open(path, NULL, db));
    assert_ok(ledger_create(*db));
    for (int i = 0; i < 10; i++)
        assert_ok(ledger_write(l, *db));
}

TEST(a_closed_database_stays_as_it_is)
{
    ledger l = {0};
    skep_db *db = NULL;
    const char *path = harness_path("r.db");
    make(path, &l, &db);
    assert_ok(skep_db_close(db));
    ck_assert(!harness_exists(path_with(path, "-wal")));
    check_untouched(path, &l);
}

/* B20: -shm is missing. */
TEST(a_wal_without_its_index_stays_as_it_is)
{
    ledger l = {0};
    skep_db *db = NULL;
    const char *path = harness_path("r.db");
    const char *copy = harness_path("copy.db");
    make(path, &l, &db);
    copy_database(path, copy);
    assert_ok(skep_db_close(db));
    ck_assert(harness_exists(path_with(copy, "-wal")));
    ck_assert(!harness_exists(path_with(copy, "-shm")));
    check_untouched(copy, &l);
}

/* The same, and another process has written to it after us and has it open. */
static crash_child make_with_peer(const char *path, ledger *l)
{
    skep_db *db = NULL;
    make(path, l, &db);
    assert_ok(skep_db_close(db));
    crash_child peer = crash_start("peer", (const char *const[]){path, "500", "10", NULL});
    for (int64_t call = 0; call < 509;)
        ck_assert(crash_next_ack(&peer, &call, sizeof(call)));
    for (int call = 500; call < 510; call++)
        atomic_store(&l->fates[call], FATE_PRESENT);
    return peer;
}

/* As a killed process leaves it. */
TEST(a_wal_with_a_stale_index_stays_as_it_is)
{
    ledger l = {0};
    const char *path = harness_path("r.db");
    crash_child peer = make_with_peer(path, &l);
    crash_kill(&peer);
    (void)crash_wait(&peer);
    ck_assert(harness_exists(path_with(path, "-wal")));
    ck_assert(harness_exists(path_with(path, "-shm")));
    check_untouched(path, &l);
    ledger_check_file(&l, path, "at the end");
}

TEST(an_empty_wal_stays_as_it_is)
{
    ledger l = {0};
    skep_db *db = NULL;
    const char *path = harness_path("r.db");
    make(path, &l, &db);
    assert_ok(skep_db_close(db));
    harness_write_file(path_with(path, "-wal"), "", 0);
    check_untouched(path, &l);
}

TEST(a_database_with_a_rollback_journal_stays_as_it_is)
{
    ledger l = {0};
    skep_db *db = NULL;
    sqlite3 *raw = NULL;
    const char *path = harness_path("r.db");
    make(path, &l, &db);
    assert_ok(skep_db_close(db));
    ck_assert_int_eq(sqlite3_open(path, &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    check_untouched(path, &l);
}

/* The other process has all open, and is quiet meanwhile. Our files are looked at without opening
 * them here, which would drop locks; so another process looks. */
TEST(a_database_that_another_process_has_open_stays_as_it_is)
{
    ledger l = {0};
    const char *path = harness_path("r.db");
    crash_child peer = make_with_peer(path, &l);
    check_untouched(path, &l);
    /* And the other one goes on as if nothing had been. */
    crash_child second = crash_start("peer", (const char *const[]){path, "600", "10", "end", NULL});
    ck_assert_int_eq(crash_wait(&second), 0);
    for (int call = 600; call < 610; call++)
        atomic_store(&l.fates[call], FATE_PRESENT);
    check_untouched(path, &l);
    crash_kill(&peer);
    (void)crash_wait(&peer);
    ledger_check_file(&l, path, "at the end");
}

/* The other one writes while we read: each snapshot is whole and newer than the one before. */
TEST(a_reader_beside_a_writing_process_sees_whole_snapshots)
{
    ledger l = {0};
    skep_db *db = NULL;
    const char *path = harness_path("r.db");
    make(path, &l, &db);
    assert_ok(skep_db_close(db));
    crash_child peer = crash_start("peer", (const char *const[]){path, "500", "300", "end", NULL});
    assert_ok(skep_db_open(path, &reading, &db));
    size_t before = 10;
    int64_t call = 0;
    while (crash_next_ack(&peer, &call, sizeof(call))) {
        ledger_image image = {0};
        atomic_store(&l.fates[call], FATE_PRESENT);
        assert_ok(ledger_read(db, &image));
        ck_assert_uint_ge(image.count, before);
        ck_assert_uint_ge(image.count, (size_t)(call - 500 + 1 + 10));
        before = image.count;
        ledger_image_free(&image);
    }
    ck_assert_int_eq(call, 799);
    ck_assert_int_eq(crash_wait(&peer), 0);
    assert_ok(skep_db_close(db));
    ledger_check_file(&l, path, "at the end");
}

static const harness_test tests[] = {
    HARNESS_TEST(a_closed_database_stays_as_it_is),
    HARNESS_TEST(a_wal_without_its_index_stays_as_it_is),
    HARNESS_TEST(a_wal_with_a_stale_index_stays_as_it_is),
    HARNESS_TEST(an_empty_wal_stays_as_it_is),
    HARNESS_TEST(a_database_with_a_rollback_journal_stays_as_it_is),
    HARNESS_TEST(a_database_that_another_process_has_open_stays_as_it_is),
    HARNESS_TEST(a_reader_beside_a_writing_process_sees_whole_snapshots),
};
const harness_suite readonly_suite = HARNESS_SUITE("readonly", tests);
