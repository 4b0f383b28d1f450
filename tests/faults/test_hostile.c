/* SPDX-License-Identifier: MIT */
/*
 * Files that are damaged, or no databases at all: a clear error that names the file, or it works;
 * never a crash, a hang, or an answer that SQLite itself would not give for the same bytes. What the
 * WAL holds is protected by checksums, so whatever happens to it, a prefix of the commits is left.
 */
#include "faults/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
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
#define PATIENCE_MS 20000

typedef enum journal { JOURNAL_DELETE, JOURNAL_WAL, JOURNAL_WAL_HOT } journal;

static const skep_db_opts hostile_opts = {
    .size = (uint32_t)sizeof(skep_db_opts), .readers = 1, .busy_timeout_ms = 100};

/* ---- what a damaged file says ---- */

/* Everything that a reader sees, as one number; 0: an error came. */
typedef struct digest {
    uint64_t value;
    uint64_t rows;
} digest;

static const char *const questions[] = {
    "SELECT type, name, tbl_name, sql FROM sqlite_schema",
    "SELECT * FROM seq",
    "SELECT * FROM entry",
    "SELECT n, count(*) FROM entry GROUP BY n ORDER BY n",
};

static void mix(digest *d, const void *data, size_t size)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < size; i++)
        d->value = (d->value ^ at[i]) * 1099511628211u;
    d->value = (d->value ^ size) * 1099511628211u;
}

static int ask_skep(skep_tx *tx, void *arg)
{
    digest *d = arg;
    *d = (digest){.value = 14695981039346656037u};
    for (size_t q = 0; q < sizeof(questions) / sizeof(questions[0]); q++) {
        skep_rows *rows = NULL;
        int rc = skep_query(tx, &rows, questions[q]);
        while (rc >= 0 && (rc = skep_next(rows)) > 0) {
            d->rows++;
            for (int i = 0; i < skep_columns(rows); i++) {
                skep_slice bytes = skep_column_blob(rows, i);
                mix(d, bytes.data, bytes.len);
            }
        }
        if (rc < 0)
            return rc;
        skep_rows_close(rows);
    }
    return SKEP_OK;
}

/* SQLite itself on the same bytes. */
static int ask_raw(const char *path, digest *d)
{
    sqlite3 *raw = NULL;
    int rc = sqlite3_open_v2(path, &raw, SQLITE_OPEN_READWRITE, NULL);
    *d = (digest){.value = 14695981039346656037u};
    for (size_t q = 0; q < sizeof(questions) / sizeof(questions[0]) && rc == SQLITE_OK; q++) {
        sqlite3_stmt *stmt = NULL;
        rc = sqlite3_prepare_v2(raw, questions[q], -1, &stmt, NULL);
        while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
            d->rows++;
            for (int i = 0; i < sqlite3_column_count(stmt); i++) {
                const void *data = sqlite3_column_blob(stmt, i);
                mix(d, data, (size_t)sqlite3_column_bytes(stmt, i));
            }
        }
        int ended = sqlite3_finalize(stmt);
        rc = rc != SQLITE_OK ? rc : ended;
    }
    (void)sqlite3_close(raw);
    return rc;
}

static void check_code(int rc, const char *what)
{
    static const int codes[] = {SKEP_ECORRUPT, SKEP_EINVALID, SKEP_EUNSUPPORTED, SKEP_EREADONLY,
                                SKEP_EEXISTS,  SKEP_ELIMIT,   SKEP_ECONSTRAINT};
    size_t i = 0;
    while (i < sizeof(codes) / sizeof(codes[0]) && codes[i] != rc)
        i++;
    ck_assert_msg(i < sizeof(codes) / sizeof(codes[0]), "%s: %s: %s", what, skep_code_name(rc),
                  skep_last_error()->text);
    ck_assert_int_eq(skep_last_error()->code, rc);
    ck_assert_str_ne(skep_last_error()->text, "");
}

typedef struct hostile {
    const char *whole; /* as it was */
    const char *path;  /* damaged */
    const char *copy;
    uint64_t refused;
    uint64_t answered;
} hostile;

/* Read it with SQLite and with skep, then try to write and close. */
static void probe(hostile *h, const char *what)
{
    digest raw = {0};
    digest ours = {0};
    skep_db *db = NULL;
    copy_database(h->path, h->copy);
    int raw_rc = ask_raw(h->copy, &raw);
    remove_database(h->copy);
    uint64_t began = harness_now_ns();
    int rc = skep_db_open(h->path, &hostile_opts, &db);
    if (rc < 0) {
        check_code(rc, what);
        ck_assert_msg(strstr(skep_last_error()->text, h->path) != NULL, "%s: no path: %s", what,
                      skep_last_error()->text);
        h->refused++;
        return;
    }
    rc = skep_read(db, ask_skep, &ours);
    ck_assert_msg(rc < 0 || raw_rc == SQLITE_OK, "%s: SQLite said %s, skep gave %llu rows", what,
                  sqlite3_errstr(raw_rc), (unsigned long long)ours.rows);
    if (rc < 0)
        check_code(rc, what);
    else
        ck_assert_msg(ours.value == raw.value && ours.rows == raw.rows, "%s: other rows", what);
    h->answered += rc >= 0;
    h->refused += rc < 0;
    rc = ledger_write_call(NULL, db, 5000, NULL);
    if (rc < 0)
        check_code(rc, what);
    rc = skep_db_close(db);
    if (rc < 0)
        check_code(rc, what);
    ck_assert_msg(harness_now_ns() - began < (uint64_t)PATIENCE_MS * 1000000u, "%s: hangs", what);
}

/* A database, and beside it one with a WAL; with a table that has overflow and interior pages. */
static void make_whole(hostile *h, ledger *l, bool with_wal)
{
    const char *live = harness_path("live.db");
    skep_db *db = NULL;
    vfs_install();
    *h = (hostile){.whole = harness_path("whole.db"),
                   .path = harness_path("hostile.db"),
                   .copy = harness_path("copy.db")};
    assert_ok(skep_db_open(live, &hostile_opts, &db));
    assert_ok(ledger_create(db));
    for (int i = 0; i < 60; i++) {
        l->body = i % 10 == 3 ? 9000 : 0;
        assert_ok(ledger_write(l, db));
        if (i == 40 && with_wal) { /* so that the file is not empty without its WAL */
            assert_ok(skep_db_close(db));
            assert_ok(skep_db_open(live, &hostile_opts, &db));
        }
    }
    l->body = 0;
    if (with_wal)
        copy_database(live, h->whole);
    assert_ok(skep_db_close(db));
    if (!with_wal)
        copy_database(live, h->whole);
    remove_database(live);
}

static void cut_to(const char *path, size_t size)
{
    ck_assert_int_eq(truncate(path, (off_t)size), 0);
}

static void overwrite(const char *path, size_t offset, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, data, size, (off_t)offset), (ssize_t)size);
    (void)close(fd);
}

TEST(truncated_databases)
{
    static const size_t lengths[] = {1,   2,   15,  16,  17,  18,   23,   24,   27,   28,
                                     95,  96,  99,  100, 101, 107,  108,  511,  512,  513,
                                     1023, 1024, 4095, 4096, 4097, 8191, 8192, 8193};
    hostile h;
    ledger l = {0};
    size_t size = 0;
    make_whole(&h, &l, false);
    (void)harness_read_file(h.whole, &size);
    size_t cases = sizeof(lengths) / sizeof(lengths[0]);
    for (size_t i = 0; i < cases + 2 * (size / 4096); i++) {
        size_t length = i < cases ? lengths[i] : (1 + (i - cases) / 2) * 4096 - i % 2;
        char what[64];
        (void)snprintf(what, sizeof(what), "cut to %zu of %zu", length, size);
        copy_database(h.whole, h.path);
        cut_to(h.path, length < size ? length : size);
        probe(&h, what);
    }
    ck_assert_uint_gt(h.refused, cases);
}

TEST(bit_flips_in_databases)
{
    hostile h;
    ledger l = {0};
    size_t size = 0;
    make_whole(&h, &l, false);
    const unsigned char *bytes = harness_read_file(h.whole, &size);
    rng r = rng_of(harness_seed());
    for (uint64_t i = harness_size(SIZE_HOSTILE_FILES); i > 0; i--) {
        char what[128] = "";
        copy_database(h.whole, h.path);
        for (uint64_t flips = 1 + rng_below(&r, 3); flips > 0; flips--) {
            /* A third each: the header, the beginning of a page, anywhere. */
            uint64_t kind = rng_below(&r, 3);
            uint64_t at = kind == 0   ? rng_below(&r, 100)
                          : kind == 1 ? rng_below(&r, size / 4096) * 4096 + rng_below(&r, 64)
                                      : rng_below(&r, size);
            unsigned char byte = (unsigned char)(bytes[at] ^ 1u << rng_below(&r, 8));
            overwrite(h.path, at, &byte, 1);
            size_t len = strlen(what);
            (void)snprintf(what + len, sizeof(what) - len, "byte %llu is %02x; ",
                           (unsigned long long)at, byte);
        }
        probe(&h, what);
    }
    printf("%llu refused, %llu answered\n", (unsigned long long)h.refused,
           (unsigned long long)h.answered);
    ck_assert_uint_gt(h.refused, 0);
    ck_assert_uint_gt(h.answered, 0);
}

/* ---- the WAL ---- */

/* Whatever the WAL lost: what is read is a state that once was. */
static void check_prefix(hostile *h, const ledger *l, size_t *least, const char *what)
{
    skep_db *db = NULL;
    ledger_image image = {0};
    int rc = skep_db_open(h->path, &hostile_opts, &db);
    ck_assert_msg(rc >= 0, "%s: %s", what, skep_last_error()->text);
    assert_ok(ledger_read(db, &image));
    ck_assert_msg(image.count >= 41 && image.count <= 60, "%s: %zu calls", what, image.count);
    for (size_t i = 0; i < image.count; i++)
        ck_assert_msg(image.calls[i] == (int64_t)i + 1, "%s: call %zu", what, i + 1);
    *least = image.count < *least ? image.count : *least;
    ledger_image_free(&image);
    (void)l;
    assert_ok(ledger_write_call(NULL, db, 1000, NULL));
    assert_ok(skep_db_close(db));
    ledger_read_file(h->path, &image);
    ledger_image_free(&image);
}

TEST(truncated_wals_leave_a_prefix)
{
    static const size_t lengths[] = {0, 1, 4, 8, 23, 24, 31, 32, 33, 55, 56, 57};
    hostile h;
    ledger l = {0};
    size_t size = 0;
    size_t least = SIZE_MAX;
    make_whole(&h, &l, true);
    const char *wal = path_with(h.path, "-wal");
    (void)harness_read_file(path_with(h.whole, "-wal"), &size);
    size_t frame = 24 + 4096;
    size_t cases = sizeof(lengths) / sizeof(lengths[0]);
    size_t frames = (size - 32) / frame;
    for (size_t i = 0; i < cases + 3 * frames; i++) {
        size_t length = i < cases ? lengths[i] : 32 + (1 + (i - cases) / 3) * frame + i % 3 - 1;
        char what[64];
        (void)snprintf(what, sizeof(what), "WAL cut to %zu of %zu", length, size);
        copy_database(h.whole, h.path);
        cut_to(wal, length < size ? length : size);
        check_prefix(&h, &l, &least, what);
    }
    ck_assert_uint_eq(least, 41);
}

TEST(bit_flips_in_wals_leave_a_prefix)
{
    hostile h;
    ledger l = {0};
    size_t size = 0;
    size_t least = SIZE_MAX;
    make_whole(&h, &l, true);
    const char *wal = path_with(h.path, "-wal");
    const unsigned char *bytes = harness_read_file(path_with(h.whole, "-wal"), &size);
    rng r = rng_of(harness_seed());
    for (uint64_t i = harness_size(SIZE_HOSTILE_FILES); i > 0; i--) {
        char what[64];
        uint64_t kind = rng_below(&r, 3);
        uint64_t at = kind == 0   ? rng_below(&r, 32)
                      : kind == 1 ? 32 + rng_below(&r, (size - 32) / 4120) * 4120 + rng_below(&r, 24)
                                  : rng_below(&r, size);
        unsigned char byte = (unsigned char)(bytes[at] ^ 1u << rng_below(&r, 8));
        (void)snprintf(what, sizeof(what), "WAL byte %llu is %02x", (unsigned long long)at, byte);
        copy_database(h.whole, h.path);
        overwrite(wal, at, &byte, 1);
        check_prefix(&h, &l, &least, what);
    }
    ck_assert_uint_lt(least, 60);
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
    ledger l = {0};
    make_whole(&h, &l, false);
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
        refused(path, SKEP_ECORRUPT);
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
    ledger l = {0};
    make_whole(&h, &l, false);
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
    ledger l = {0};
    make_whole(&h, &l, false);
    copy_database(h.whole, h.path);
    ck_assert_int_eq(chmod(h.path, 0444), 0);
    harness_drop_root();
    reads_only(h.path, &l);
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
    ledger l = {0};
    make_whole(&h, &l, kind == JOURNAL_WAL_HOT);
    const char *dir = harness_path("locked");
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    const char *inside = put_inside(&h, "locked/x.db", kind);
    ck_assert_int_eq(chmod(dir, 0555), 0);
    harness_drop_root();
    if (kind == JOURNAL_DELETE)
        reads_only(inside, &l);
    else
        refused(inside, SKEP_EDENIED);
}

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
    ledger l = {0};
    make_whole(&h, &l, kind == JOURNAL_WAL_HOT);
    const char *fs = small_fs("fs", "4m");
    const char *inside = put_inside(&h, "fs/x.db", kind);
    fs_make_readonly(fs);
    refused_as(harness_path("fs/new.db"), 0, SKEP_EREADONLY);
    if (kind == JOURNAL_DELETE)
        reads_only(inside, &l);
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
    ledger l = {0};
    skep_db *db = NULL;
    make_whole(&h, &l, false);
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
    HARNESS_TEST(truncated_databases),
    HARNESS_TEST(bit_flips_in_databases),
    HARNESS_TEST(truncated_wals_leave_a_prefix),
    HARNESS_TEST(bit_flips_in_wals_leave_a_prefix),
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
