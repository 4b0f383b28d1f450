/* SPDX-License-Identifier: MIT */
/*
 * Databases that are damaged: a clear error, or an answer; never a crash, a hang, or an answer that
 * SQLite itself would not give for the same bytes. What the WAL holds is protected by checksums, so
 * whatever happens to it, a prefix of the commits is left.
 */
#include "faults/faults.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sqlite3.h"

#include "harness/vfs_fault.h"

#include "faults/ledger.h"
#include "faults/tools.h"

/* Long enough for a loaded machine, short against the limit of a test: a call that takes as long
 * hangs. */
#define PATIENCE_MS 60000

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

static void make_whole(hostile *h, bool with_wal)
{
    ledger l = {0};
    *h = (hostile){.whole = harness_path("whole.db"),
                   .path = harness_path("hostile.db"),
                   .copy = harness_path("copy.db")};
    vfs_install();
    ledger_make_file(&l, h->whole, with_wal);
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
    static const size_t lengths[] = {1,    2,    15,   16,   17,   18,   23,   24,  27,  28,
                                     95,   96,   99,   100,  101,  107,  108,  511, 512, 513,
                                     1023, 1024, 4095, 4096, 4097, 8191, 8192, 8193};
    hostile h;
    size_t size = 0;
    make_whole(&h, false);
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
    size_t size = 0;
    make_whole(&h, false);
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
static void check_prefix(hostile *h, size_t *least, const char *what)
{
    skep_db *db = NULL;
    ledger_image image = {0};
    int rc = skep_db_open(h->path, &hostile_opts, &db);
    ck_assert_msg(rc >= 0, "%s: %s", what, skep_last_error()->text);
    assert_ok(ledger_read(db, &image));
    ck_assert_msg(image.count >= LEDGER_FILE_BASE && image.count <= LEDGER_FILE_CALLS,
                  "%s: %zu calls", what, image.count);
    for (size_t i = 0; i < image.count; i++)
        ck_assert_msg(image.calls[i] == (int64_t)i + 1, "%s: call %zu", what, i + 1);
    *least = image.count < *least ? image.count : *least;
    ledger_image_free(&image);
    assert_ok(ledger_write_call(NULL, db, 1000, NULL));
    assert_ok(skep_db_close(db));
    ledger_read_file(h->path, &image);
    ledger_image_free(&image);
}

TEST(truncated_wals_leave_a_prefix)
{
    static const size_t lengths[] = {0, 1, 4, 8, 23, 24, 31, 32, 33, 55, 56, 57};
    hostile h;
    size_t size = 0;
    size_t least = SIZE_MAX;
    make_whole(&h, true);
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
        check_prefix(&h, &least, what);
    }
    ck_assert_uint_eq(least, LEDGER_FILE_BASE);
}

TEST(bit_flips_in_wals_leave_a_prefix)
{
    hostile h;
    size_t size = 0;
    size_t least = SIZE_MAX;
    make_whole(&h, true);
    const char *wal = path_with(h.path, "-wal");
    const unsigned char *bytes = harness_read_file(path_with(h.whole, "-wal"), &size);
    rng r = rng_of(harness_seed());
    for (uint64_t i = harness_size(SIZE_HOSTILE_FILES); i > 0; i--) {
        char what[64];
        uint64_t kind = rng_below(&r, 3);
        uint64_t at = kind == 0 ? rng_below(&r, 32)
                      : kind == 1
                          ? 32 + rng_below(&r, (size - 32) / 4120) * 4120 + rng_below(&r, 24)
                          : rng_below(&r, size);
        unsigned char byte = (unsigned char)(bytes[at] ^ 1u << rng_below(&r, 8));
        (void)snprintf(what, sizeof(what), "WAL byte %llu is %02x", (unsigned long long)at, byte);
        copy_database(h.whole, h.path);
        overwrite(wal, at, &byte, 1);
        check_prefix(&h, &least, what);
    }
    ck_assert_uint_lt(least, LEDGER_FILE_CALLS);
}

static const harness_test tests[] = {
    HARNESS_TEST(truncated_databases),
    HARNESS_TEST(bit_flips_in_databases),
    HARNESS_TEST(truncated_wals_leave_a_prefix),
    HARNESS_TEST(bit_flips_in_wals_leave_a_prefix),
};
const harness_suite damaged_suite = HARNESS_SUITE("damaged", tests);
