/* SPDX-License-Identifier: MIT */
/* Paths that lead to no database, or to one that may not be touched: a clear error of the right
 * code that names the file, or it works; and never a wait. */
#include "faults/faults.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sqlite3.h"

#include "harness/vfs_fault.h"

#include "faults/ledger.h"
#include "faults/tools.h"

/* Long enough for a loaded machine, short against the limit of a test: a call that takes as long
 * hangs. */
#define PATIENCE_MS 60000

typedef enum journal { JOURNAL_DELETE, JOURNAL_WAL, JOURNAL_WAL_HOT } journal;

static const skep_db_opts hostile_opts = {
    .size = (uint32_t)sizeof(skep_db_opts), .readers = 1, .busy_timeout_ms = 100};

/* A database to put where it is not wanted. */
typedef struct hostile {
    const char *whole;
    const char *path;
    const char *copy;
    ledger ledger;
} hostile;

static void make_whole(hostile *h, bool with_wal)
{
    *h = (hostile){.whole = harness_path("whole.db"),
                   .path = harness_path("hostile.db"),
                   .copy = harness_path("copy.db")};
    vfs_install();
    ledger_make_file(&h->ledger, h->whole, with_wal);
}

/* ---- what is no database ---- */

static void refused_as(const char *path, uint32_t flags, int code)
{
    skep_db *db = NULL;
    skep_db_opts opts = hostile_opts;
    opts.flags = flags;
    uint64_t began = harness_now_ns();
    int rc = skep_db_open(path, &opts, &db);
    ck_assert_msg(rc == code, "%s: %s: %s", path, rc < 0 ? skep_code_name(rc) : "opened",
                  rc < 0 ? skep_last_error()->text : "");
    ck_assert_ptr_null(db);
    ck_assert_int_eq(skep_last_error()->code, code);
    char shown[200];
    (void)snprintf(shown, sizeof(shown), "%s", path);
    ck_assert_msg(strstr(skep_last_error()->text, shown) != NULL, "%s is not named: %s", path,
                  skep_last_error()->text);
    ck_assert_uint_lt(harness_now_ns() - began, (uint64_t)PATIENCE_MS * 1000000u);
}

/* Read-only or not, existing or not. */
static void refused(const char *path, int code)
{
    refused_as(path, 0, code);
    refused_as(path, SKEP_DB_MUST_EXIST, code);
    refused_as(path, SKEP_DB_READONLY, code);
    refused_as(path, SKEP_DB_FOREIGN, code);
}

TEST(directories_fifos_sockets_and_devices_are_refused)
{
    const char *dir = harness_path("a.dir");
    const char *fifo = harness_path("a.fifo");
    const char *sock = harness_path("a.sock");
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ck_assert_uint_lt(strlen(sock), sizeof(address.sun_path));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", sock);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    refused(dir, SKEP_EINVALID);
    refused(fifo, SKEP_EINVALID);
    refused(sock, SKEP_EINVALID);
    refused("/dev/null", SKEP_EINVALID);
    refused("/dev/zero", SKEP_EINVALID);
    refused("/", SKEP_EINVALID);
    (void)close(fd);
}

TEST(odd_files_beside_a_database_are_refused)
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
    hostile h;
    make_whole(&h, false);
    for (size_t i = 0; i < 3; i++) {
        const char *beside = path_with(h.path, suffixes[i]);
        copy_database(h.whole, h.path);
        ck_assert_int_eq(mkfifo(beside, 0600), 0);
        refused(h.path, SKEP_EINVALID);
        ck_assert_int_eq(unlink(beside), 0);
        ck_assert_int_eq(mkdir(beside, 0700), 0);
        refused(h.path, SKEP_EINVALID);
        ck_assert_int_eq(rmdir(beside), 0);
    }
}

TEST(paths_that_lead_nowhere_are_refused)
{
    char name[5000];
    const char *loop = harness_path("loop");
    ck_assert_int_eq(symlink("loop", loop), 0);
    refused(harness_path("missing/x.db"), SKEP_ENOTFOUND);
    refused(loop, SKEP_EINVALID);
    harness_write_file(harness_path("file"), "x", 1);
    refused(harness_path("file/x.db"), SKEP_ENOTFOUND);
    refused_as(harness_path("gone.db"), SKEP_DB_MUST_EXIST, SKEP_ENOTFOUND);
    refused_as(harness_path("gone.db"), SKEP_DB_READONLY, SKEP_ENOTFOUND);
    ck_assert(!harness_exists(harness_path("gone.db")));

    memset(name, 'n', sizeof(name));
    name[300] = '\0'; /* longer than a name may be */
    refused(harness_path(name), SKEP_EINVALID);
    /* Longer than SQLite takes, and than the kernel does. */
    for (size_t depth = 1; depth < 21; depth++) {
        size_t at = 0;
        for (size_t i = 0; i < depth; i++)
            at += (size_t)snprintf(name + at, sizeof(name) - at, "%s%0200zu", i > 0 ? "/" : "", i);
        if (depth < 4)
            ck_assert_int_eq(mkdir(harness_path(name), 0700), 0);
    }
    int code = skep_db_open(harness_path(name), &hostile_opts, &(skep_db *){NULL});
    ck_assert_int_lt(code, 0);
    ck_assert_int_eq(skep_last_error()->code, code);
    (void)snprintf(name, sizeof(name), "%0200d/%0200d/%0200d/x.db", 0, 1, 2);
    refused_as(harness_path(name), 0, SKEP_ELIMIT);
    refused_as("", 0, SKEP_EINVALID);
}

TEST(text_and_noise_are_no_databases)
{
    static char text[20000];
    const char *path = harness_path("text.db");
    rng r = rng_of(harness_seed());
    vfs_install();
    memset(text, 't', sizeof(text));
    static const size_t sizes[] = {1, 15, 16, 99, 100, 511, 512, 4096, sizeof(text)};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(text, 't', sizeof(text));
        harness_write_file(path, text, sizes[i]);
        refused(path, SKEP_ECORRUPT);
        rng_fill(&r, text, sizeof(text)); /* what an encrypted file looks like */
        harness_write_file(path, text, sizes[i]);
        refused(path, sizes[i] < 512 ? SKEP_ECORRUPT : SKEP_EAUTH);
        size_t size = 0;
        const char *after = harness_read_file(path, &size);
        ck_assert_uint_eq(size, sizes[i]);
        ck_assert(memcmp(after, text, size) == 0);
    }
}

TEST(an_empty_file_becomes_a_database)
{
    ledger l = {0};
    skep_db *db = NULL;
    const char *path = harness_path("empty.db");
    vfs_install();
    harness_write_file(path, "", 0);
    assert_ok(skep_db_open(path, &hostile_opts, &db));
    assert_ok(ledger_create(db));
    assert_ok(ledger_write(&l, db));
    assert_ok(skep_db_close(db));
    ledger_check_file(&l, path, "at the end");
}

TEST(a_symbolic_link_leads_to_the_same_database)
{
    ledger l = {0};
    skep_db *db = NULL;
    skep_db *second = NULL;
    const char *path = harness_path("real.db");
    const char *link = harness_path("link.db");
    vfs_install();
    ck_assert_int_eq(symlink("real.db", link), 0);
    assert_ok(skep_db_open(path, &hostile_opts, &db));
    assert_ok(ledger_create(db));
    assert_ok(skep_db_open(link, &hostile_opts, &second));
    assert_ok(ledger_write(&l, db));
    assert_ok(ledger_write(&l, second));
    assert_ok(skep_db_close(second));
    ck_assert(!harness_exists(path_with(link, "-wal")));
    assert_ok(skep_db_close(db));
    ledger_check_file(&l, path, "at the end");
}

/* ---- permission ---- */

TEST(files_without_permission_are_refused)
{
    hostile h;
    make_whole(&h, false);
    const char *dir = harness_path("closed");
    const char *inside = harness_path("closed/x.db");
    copy_database(h.whole, h.path);
    ck_assert_int_eq(chmod(h.path, 0), 0);
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    copy_database(h.whole, inside);
    harness_drop_root();
    refused(h.path, SKEP_EDENIED);
    refused(inside, SKEP_EDENIED);
}

TEST(a_new_database_in_a_read_only_directory_is_refused)
{
    const char *dir = harness_path("locked");
    vfs_install();
    ck_assert_int_eq(mkdir(dir, 0555), 0);
    harness_drop_root();
    refused_as(harness_path("locked/new.db"), 0, SKEP_EDENIED);
    ck_assert(!harness_exists(harness_path("locked/new.db")));
}

/* A read-only file, or any file in a read-only directory: no writing, but reading goes. */
static void reads_only(const char *path, const ledger *l)
{
    skep_db *db = NULL;
    ledger_image image = {0};
    skep_db_opts opts = hostile_opts;
    refused_as(path, 0, SKEP_EDENIED);
    opts.flags = SKEP_DB_READONLY;
    assert_ok(skep_db_open(path, &opts, &db));
    assert_ok(ledger_read(db, &image));
    ledger_check(l, &image, "read");
    ledger_image_free(&image);
    assert_fails(ledger_write_call(NULL, db, 1000, NULL), SKEP_EREADONLY);
    assert_ok(skep_db_close(db));
}

TEST(a_read_only_file_is_read_only)
{
    hostile h;
    make_whole(&h, false);
    copy_database(h.whole, h.path);
    ck_assert_int_eq(chmod(h.path, 0444), 0);
    harness_drop_root();
    reads_only(h.path, &h.ledger);
}

/* A database in `dir` that nobody may write to. */
static const char *put_inside(const hostile *h, const char *name, journal kind)
{
    const char *inside = harness_path(name);
    copy_database(h->whole, inside);
    if (kind == JOURNAL_DELETE) {
        sqlite3 *raw = NULL;
        ck_assert_int_eq(sqlite3_open(inside, &raw), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL),
                         SQLITE_OK);
        ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    }
    ck_assert_int_eq(chmod(inside, 0444), 0);
    if (kind == JOURNAL_WAL_HOT)
        ck_assert_int_eq(chmod(path_with(inside, "-wal"), 0444), 0);
    return inside;
}

/* With WAL a reader must make -shm, so it cannot read there; the error says so. */
static void in_read_only_directory(journal kind)
{
    hostile h;
    make_whole(&h, kind == JOURNAL_WAL_HOT);
    const char *dir = harness_path("locked");
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    const char *inside = put_inside(&h, "locked/x.db", kind);
    ck_assert_int_eq(chmod(dir, 0555), 0);
    harness_drop_root();
    if (kind == JOURNAL_DELETE)
        reads_only(inside, &h.ledger);
    else
        refused(inside, SKEP_EDENIED);
}

/* B20: the directory, then the whole file system, is read-only. */
TEST(a_rollback_journal_database_in_a_read_only_directory_can_be_read)
{
    in_read_only_directory(JOURNAL_DELETE);
}

TEST(a_wal_database_in_a_read_only_directory_is_refused)
{
    in_read_only_directory(JOURNAL_WAL);
}

TEST(a_hot_wal_in_a_read_only_directory_is_refused)
{
    in_read_only_directory(JOURNAL_WAL_HOT);
}

static void on_read_only_fs(journal kind)
{
    hostile h;
    make_whole(&h, kind == JOURNAL_WAL_HOT);
    const char *fs = small_fs("fs", "4m");
    const char *inside = put_inside(&h, "fs/x.db", kind);
    fs_make_readonly(fs);
    refused_as(harness_path("fs/new.db"), 0, SKEP_EREADONLY);
    if (kind == JOURNAL_DELETE)
        reads_only(inside, &h.ledger);
    else
        refused_as(inside, SKEP_DB_READONLY, SKEP_EREADONLY);
    refused_as(inside, 0, SKEP_EDENIED);
}

TEST(a_rollback_journal_database_on_a_read_only_file_system_can_be_read)
{
    on_read_only_fs(JOURNAL_DELETE);
}

TEST(a_wal_database_on_a_read_only_file_system_is_refused)
{
    on_read_only_fs(JOURNAL_WAL);
}

TEST(a_hot_wal_on_a_read_only_file_system_is_refused)
{
    on_read_only_fs(JOURNAL_WAL_HOT);
}

/* ---- files that change under us ---- */

static int read_nested(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    (void)arg;
    int rc = skep_query(tx, &rows, "SELECT count(*) FROM entry");
    return rc < 0 ? rc : skep_next(rows);
}

/* A connection that was opened later would be one to the other file. */
TEST(a_replaced_or_removed_file_is_noticed)
{
    hostile h;
    skep_db *db = NULL;
    make_whole(&h, false);
    for (int removed = 0; removed < 2; removed++) {
        copy_database(h.whole, h.path);
        assert_ok(skep_db_open(h.path, &hostile_opts, &db));
        assert_ok(ledger_write_call(NULL, db, 1000, NULL));
        if (removed != 0) {
            ck_assert_int_eq(unlink(h.path), 0);
        } else {
            copy_database(h.whole, h.copy);
            ck_assert_int_eq(rename(h.copy, h.path), 0);
        }
        assert_fails(skep_read(db, read_nested, NULL), removed ? SKEP_ENOTFOUND : SKEP_ECORRUPT);
        ck_assert(strstr(skep_last_error()->text, h.path) != NULL);
        (void)skep_db_close(db);
        remove_database(h.path);
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(directories_fifos_sockets_and_devices_are_refused),
    HARNESS_TEST(odd_files_beside_a_database_are_refused),
    HARNESS_TEST(paths_that_lead_nowhere_are_refused),
    HARNESS_TEST(text_and_noise_are_no_databases),
    HARNESS_TEST(an_empty_file_becomes_a_database),
    HARNESS_TEST(a_symbolic_link_leads_to_the_same_database),
    HARNESS_TEST(files_without_permission_are_refused),
    HARNESS_TEST(a_new_database_in_a_read_only_directory_is_refused),
    HARNESS_TEST(a_read_only_file_is_read_only),
    HARNESS_TEST(a_rollback_journal_database_in_a_read_only_directory_can_be_read),
    HARNESS_TEST(a_wal_database_in_a_read_only_directory_is_refused),
    HARNESS_TEST(a_hot_wal_in_a_read_only_directory_is_refused),
    HARNESS_TEST(a_rollback_journal_database_on_a_read_only_file_system_can_be_read),
    HARNESS_TEST(a_wal_database_on_a_read_only_file_system_is_refused),
    HARNESS_TEST(a_hot_wal_on_a_read_only_file_system_is_refused),
    HARNESS_TEST(a_replaced_or_removed_file_is_noticed),
};
const harness_suite hostile_suite = HARNESS_SUITE("hostile", tests);
