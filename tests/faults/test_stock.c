/* SPDX-License-Identifier: MIT */
/* Files that Debian's own sqlite3 wrote, read and written by skep, and the reverse; one after the
 * other, and both at the same time as two processes. */
#include "faults/faults.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/crash.h"
#include "harness/vfs_fault.h"

#include "faults/ledger.h"
#include "faults/tools.h"

/* What a test of this file has at hand. */
typedef struct stock {
    ledger ledger;
    skep_db *db;
    const char *path;
    _Atomic bool stock_done;
    char output[65536];
} stock;

static stock *begin(void)
{
    static stock s;
    s.path = harness_path("stock.db");
    vfs_install();
    return &s;
}

static void sql(stock *s, const char *text)
{
    stock_sqlite(s->path, text, s->output, sizeof(s->output));
}

/* The calls `first` … `first` + `count` - 1, as a script for sqlite3. */
static char *script(stock *s, const char *before, int64_t first, int count)
{
    size_t size = strlen(before) + (size_t)count * 2048 + 64;
    char *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    size_t at = (size_t)snprintf(text, size, "%s\n", before);
    for (int i = 0; i < count; i++) {
        at += ledger_sql(first + i, text + at, size - at);
        atomic_store(&s->ledger.fates[first + i], FATE_PRESENT);
    }
    return text;
}

static void write_by_stock(stock *s, const char *before, int64_t first, int count)
{
    char *text = script(s, before, first, count);
    sql(s, text);
    free(text);
}

static void write_by_skep(stock *s, int calls)
{
    for (int i = 0; i < calls; i++)
        assert_ok(ledger_write(&s->ledger, s->db));
}

static void check_by_skep(stock *s)
{
    ledger_image image = {0};
    assert_ok(ledger_read(s->db, &image));
    ledger_check(&s->ledger, &image, "read by skep");
    ledger_image_free(&image);
}

/* What stock sqlite3 counts and checks. */
static void check_by_stock(stock *s, const char *path, int calls)
{
    char want[64];
    (void)snprintf(want, sizeof(want), "ok\n%d|%d\n", calls, 2 * calls);
    stock_sqlite(path,
                 "PRAGMA integrity_check;"
                 "SELECT (SELECT n FROM seq), count(*) FROM entry WHERE length(body) >= 40;",
                 s->output, sizeof(s->output));
    ck_assert_str_eq(s->output, want);
}

TEST(a_file_of_stock_sqlite_is_read_and_written)
{
    static const char *const kinds[] = {
        "",
        "PRAGMA page_size=512;",
        "PRAGMA page_size=65536;",
        "PRAGMA journal_mode=WAL;",
        "PRAGMA journal_mode=PERSIST;",
        "PRAGMA auto_vacuum=FULL;",
        "PRAGMA auto_vacuum=INCREMENTAL;",
        "PRAGMA encoding='UTF-16be';",
    };
    stock *s = begin();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        remove_database(s->path);
        memset(&s->ledger, 0, sizeof(s->ledger));
        char before[1024];
        (void)snprintf(before, sizeof(before), "%s%s", kinds[i], ledger_schema);
        write_by_stock(s, before, 1000, 5);
        assert_ok(skep_db_open(s->path, NULL, &s->db));
        check_by_skep(s);
        write_by_skep(s, 5);
        check_by_skep(s);
        check_by_stock(s, s->path, 10); /* while it is open */
        assert_ok(skep_db_close(s->db));
        check_by_stock(s, s->path, 10);
        write_by_stock(s, "", 1005, 5);
        assert_ok(skep_db_open(s->path, NULL, &s->db));
        check_by_skep(s);
        assert_ok(skep_db_close(s->db));
        ledger_check_file(&s->ledger, s->path, "at the end");
    }
}

TEST(a_wal_of_skep_is_recovered_by_stock_sqlite)
{
    stock *s = begin();
    const char *copy = harness_path("copy.db");
    /* Copying takes our locks away, so that sqlite3 removes the -wal: nothing may be written then.
     */
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_UNATTENDED;
    assert_ok(skep_db_open(s->path, &opts, &s->db));
    assert_ok(ledger_create(s->db));
    write_by_skep(s, 7);
    copy_database(s->path, copy);
    ck_assert(harness_exists(path_with(copy, "-wal")));
    check_by_stock(s, copy, 7);
    write_by_skep(s, 1);
    check_by_stock(s, s->path, 8);
    assert_ok(skep_db_close(s->db));
}

TEST(a_wal_of_stock_sqlite_is_recovered_by_skep)
{
    stock *s = begin();
    const char *copy = harness_path("copy.db");
    char before[1024];
    (void)snprintf(before, sizeof(before), "PRAGMA journal_mode=WAL;%s", ledger_schema);
    char *text = script(s, before, 1000, 7);
    char *whole = malloc(strlen(text) + 9000);
    ck_assert_ptr_nonnull(whole);
    (void)snprintf(whole, strlen(text) + 9000, "%s\n.shell cp %s %s; cp %s-wal %s-wal\n", text,
                   s->path, copy, s->path, copy);
    sql(s, whole);
    free(whole);
    free(text);
    ck_assert(harness_exists(path_with(copy, "-wal")));
    s->path = copy;
    assert_ok(skep_db_open(s->path, NULL, &s->db));
    check_by_skep(s);
    write_by_skep(s, 3);
    check_by_skep(s);
    assert_ok(skep_db_close(s->db));
    check_by_stock(s, s->path, 10);
}

/* A transaction of stock sqlite3 was under way when it died: its rollback journal is played back.
 */
TEST(a_hot_journal_of_stock_sqlite_is_rolled_back_by_skep)
{
    stock *s = begin();
    const char *copy = harness_path("copy.db");
    char text[16384];
    write_by_stock(s, ledger_schema, 1000, 40);
    (void)snprintf(text, sizeof(text),
                   "PRAGMA cache_size=3; BEGIN; UPDATE entry SET body = zeroblob(100);"
                   "DELETE FROM entry WHERE n > 5; UPDATE seq SET n = 77;\n"
                   ".shell cp %s %s; cp %s-journal %s-journal\n"
                   "ROLLBACK;\n",
                   s->path, copy, s->path, copy);
    sql(s, text);
    size_t size = 0;
    (void)harness_read_file(path_with(copy, "-journal"), &size);
    ck_assert_uint_gt(size, 512);

    /* Reading only, it cannot be rolled back, and must not be read as it is. */
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_READONLY;
    ck_assert_int_lt(skep_db_open(copy, &opts, &s->db), 0);
    ck_assert_int_eq(skep_last_error()->code, SKEP_EREADONLY);

    s->path = copy;
    assert_ok(skep_db_open(s->path, NULL, &s->db));
    check_by_skep(s);
    write_by_skep(s, 3);
    assert_ok(skep_db_close(s->db));
    check_by_stock(s, s->path, 43);
}

TEST(a_foreign_file_keeps_its_journal_mode)
{
    stock *s = begin();
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.flags = SKEP_DB_FOREIGN;
    write_by_stock(s, ledger_schema, 1000, 5);
    assert_ok(skep_db_open(s->path, &opts, &s->db));
    write_by_skep(s, 5);
    check_by_skep(s);
    check_by_stock(s, s->path, 10);
    assert_ok(skep_db_close(s->db));
    sql(s, "PRAGMA journal_mode;");
    ck_assert_str_eq(s->output, "delete\n");
}

/* ---- two processes at the same time ---- */

#define STOCK_FIRST 1500
#define STOCK_CALLS 40
#define SKEP_THREADS 3
#define SKEP_CALLS 400 /* at most, of each thread */

/* The first of these threads is the other process. Its own checkpoints are off: versions as old as
 * Debian's have a race there that can lose commits of others. */
static void both_write(size_t index, void *ctx)
{
    stock *s = ctx;
    if (index == 0) {
        write_by_stock(s, ".timeout 60000\nPRAGMA wal_autocheckpoint=0;", STOCK_FIRST, STOCK_CALLS);
        atomic_store(&s->stock_done, true);
        return;
    }
    for (int i = 0; i < SKEP_CALLS && !atomic_load(&s->stock_done); i++)
        assert_ok(ledger_write(&s->ledger, s->db));
}

TEST(stock_sqlite_and_skep_write_at_the_same_time)
{
    stock *s = begin();
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.busy_timeout_ms = 60000;
    opts.checkpoint_pages = 50;
    assert_ok(skep_db_open(s->path, &opts, &s->db));
    assert_ok(ledger_create(s->db));
    harness_threads(1 + SKEP_THREADS, both_write, s);
    check_by_skep(s);
    check_by_stock(s, s->path, STOCK_CALLS + (int)atomic_load(&s->ledger.next));
    assert_ok(skep_db_close(s->db));
    ledger_check_file(&s->ledger, s->path, "at the end");
}

int role_peer(int argc, char **argv)
{
    skep_db *db = NULL;
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    if (argc < 4)
        return 3;
    int64_t first = strtoll(argv[2], NULL, 10);
    int64_t count = strtoll(argv[3], NULL, 10);
    opts.busy_timeout_ms = 60000;
    opts.checkpoint_pages = argc > 4 ? 20 : 1000000; /* who holds the file open is quiet */
    if (skep_db_open(argv[1], &opts, &db) < 0)
        return 4;
    for (int64_t call = first; call < first + count; call++) {
        if (ledger_write_call(NULL, db, call, NULL) < 0)
            return 5;
        crash_ack(&call, sizeof(call));
    }
    if (argc > 4)
        return skep_db_close(db) < 0 ? 6 : 0;
    for (;;)
        (void)pause();
}

static void write_while_peer_does(size_t index, void *ctx)
{
    stock *s = ctx;
    (void)index;
    for (int i = 0; i < 50; i++)
        assert_ok(ledger_write(&s->ledger, s->db));
}

TEST(two_processes_with_skep_write_at_the_same_time)
{
    stock *s = begin();
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.busy_timeout_ms = 60000;
    opts.checkpoint_pages = 20;
    assert_ok(skep_db_open(s->path, &opts, &s->db));
    assert_ok(ledger_create(s->db));
    crash_child peer =
        crash_start("peer", (const char *const[]){s->path, "1000", "100", "end", NULL});
    harness_threads(4, write_while_peer_does, s);
    int64_t call = 0;
    while (crash_next_ack(&peer, &call, sizeof(call)))
        atomic_store(&s->ledger.fates[call], FATE_PRESENT);
    ck_assert_int_eq(call, 1099);
    ck_assert_int_eq(crash_wait(&peer), 0);
    check_by_skep(s);
    assert_ok(skep_db_close(s->db));
    ledger_check_file(&s->ledger, s->path, "at the end");
}

static const harness_test tests[] = {
    HARNESS_TEST(a_file_of_stock_sqlite_is_read_and_written),
    HARNESS_TEST(a_wal_of_skep_is_recovered_by_stock_sqlite),
    HARNESS_TEST(a_wal_of_stock_sqlite_is_recovered_by_skep),
    HARNESS_TEST(a_hot_journal_of_stock_sqlite_is_rolled_back_by_skep),
    HARNESS_TEST(a_foreign_file_keeps_its_journal_mode),
    HARNESS_TEST(stock_sqlite_and_skep_write_at_the_same_time),
    HARNESS_TEST(two_processes_with_skep_write_at_the_same_time),
};
const harness_suite stock_suite = HARNESS_SUITE("stock", tests);
