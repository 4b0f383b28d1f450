/* SPDX-License-Identifier: MIT */
#include "faults/ledger.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skep/async.h>

#include "sqlite3.h"

#include "harness/harness.h"

#include "faults/tools.h"

const char *const ledger_schema =
    "CREATE TABLE seq(id INTEGER PRIMARY KEY CHECK (id = 1), n INTEGER NOT NULL);"
    "CREATE TABLE entry(call INTEGER NOT NULL, half INTEGER NOT NULL, n INTEGER NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY (call, half));"
    "CREATE INDEX entry_n ON entry(n);"
    "INSERT INTO seq VALUES (1, 0);";

static const char select_all[] = "SELECT call, half, n, body FROM entry ORDER BY n, half";

/* ---- bodies ---- */

static size_t body_size(int64_t call, uint32_t fixed)
{
    return fixed != 0 ? fixed : (size_t)(40 + call * 7 % 200);
}

static void body_fill(unsigned char *out, size_t size, int64_t call, int64_t half)
{
    rng r = rng_of((uint64_t)call * 2 + (uint64_t)half);
    rng_fill(&r, out, size);
}

static bool body_right(const unsigned char *body, size_t size, int64_t call, int64_t half)
{
    rng r = rng_of((uint64_t)call * 2 + (uint64_t)half);
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = rng_next(&r);
        if (memcmp(body + i, &word, size - i < 8 ? size - i : 8) != 0)
            return false;
    }
    return size >= 40;
}

/* ---- writing ---- */

static int create(skep_tx *tx, void *arg)
{
    (void)arg;
    char text[512];
    (void)snprintf(text, sizeof(text), "%s", ledger_schema);
    for (char *at = text, *end = strchr(at, ';'); end != NULL;
         at = end + 1, end = strchr(at, ';')) {
        *end = '\0';
        int rc = skep_exec(tx, at);
        if (rc < 0)
            return rc;
    }
    return SKEP_OK;
}

int ledger_create(skep_db *db)
{
    return skep_write(db, create, NULL);
}

typedef struct one_call {
    int64_t call;
    unsigned char *body[2];
    size_t size;
} one_call;

static int write_call(skep_tx *tx, void *arg)
{
    const one_call *c = arg;
    int rc = skep_exec(tx, "UPDATE seq SET n = n + 1 WHERE id = 1");
    for (int half = 0; half < 2 && rc >= 0; half++)
        rc = skep_exec(tx,
                       "INSERT INTO entry(call, half, n, body)"
                       " VALUES (?1, ?2, (SELECT n FROM seq WHERE id = 1), ?3)",
                       SKEP_V(c->call), SKEP_V(half), skep_blob(c->body[half], c->size));
    return rc;
}

static int write_and_refuse(skep_tx *tx, void *arg)
{
    int rc = write_call(tx, arg);
    return rc < 0 ? rc : SKEP_EUSER;
}

void ledger_write_nothing(skep_db *db)
{
    unsigned char body[40] = {0};
    one_call c = {.call = 1000000, .body = {body, body}, .size = sizeof(body)};
    assert_fails(skep_write(db, write_and_refuse, &c), SKEP_EUSER);
}

static void note_fate(ledger *l, int64_t call, int rc, int outcome)
{
    ledger_fate fate = FATE_PRESENT;
    if (rc < 0)
        fate = outcome == SKEP_OUTCOME_UNKNOWN     ? FATE_EITHER
               : outcome == SKEP_OUTCOME_COMMITTED ? FATE_PRESENT
                                                   : FATE_ABSENT;
    if (rc == SKEP_EPOISONED)
        atomic_store(&l->poison_seen, true);
    ck_assert_int_lt(call, LEDGER_CALLS_MAX);
    atomic_store(&l->fates[call], (uint8_t)fate);
}

static void note(ledger *l, int64_t call, int rc)
{
    const skep_err *err = skep_last_error();
    ck_assert_int_le(rc, 0);
    if (rc < 0) {
        ck_assert_msg(err->code == rc, "returned %s, the detail says %s: %s", skep_code_name(rc),
                      skep_code_name(err->code), err->text);
        ck_assert_msg(err->text[0] != '\0', "%s without a text", skep_code_name(rc));
        ck_assert_msg(rc != SKEP_EINTERNAL && rc != SKEP_EMISUSE, "%s: %s", skep_code_name(rc),
                      err->text);
    }
    if (l != NULL)
        note_fate(l, call, rc, err->outcome);
}

static void call_begin(one_call *c, const ledger *l, int64_t call)
{
    *c = (one_call){.call = call, .size = body_size(call, l != NULL ? l->body : 0)};
    unsigned char *block = malloc(2 * c->size);
    ck_assert_ptr_nonnull(block);
    for (int half = 0; half < 2; half++) {
        c->body[half] = block + (half == 0 ? 0 : c->size);
        body_fill(c->body[half], c->size, call, half);
    }
}

int ledger_write_call(ledger *l, skep_db *db, int64_t call, const skep_call_opts *opts)
{
    one_call c;
    call_begin(&c, l, call);
    int rc = skep_write_with(db, write_call, &c, opts);
    note(l, call, rc);
    free(c.body[0]);
    return rc;
}

static int next_call(ledger *l)
{
    return (int)atomic_fetch_add(&l->next, 1) + 1;
}

int ledger_write_async(ledger *l, skep_db *db)
{
    one_call c;
    skep_future *future = NULL;
    skep_receipt receipt = {.size = (uint32_t)sizeof(receipt)};
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    int fd = -1;
    opts.receipt = &receipt;
    opts.timeout_ms = 3600000;
    call_begin(&c, l, next_call(l));
    int rc = skep_write_async(db, write_call, &c, &opts, &future);
    if (rc >= 0) {
        int no_fd = skep_future_fd(future, &fd);
        ck_assert(no_fd >= 0 || fd == -1);
        rc = skep_future_wait(future, -1);
    }
    note(l, c.call, rc);
    skep_future_free(future);
    free(c.body[0]);
    return rc;
}

int ledger_write_batch(ledger *l, skep_db *db)
{
    one_call c[LEDGER_BATCH];
    skep_call calls[LEDGER_BATCH];
    for (int i = 0; i < LEDGER_BATCH; i++) {
        call_begin(&c[i], l, next_call(l));
        calls[i] = (skep_call){.fn = write_call, .arg = &c[i], .rc = SKEP_EUSER};
    }
    int rc = skep_write_batch(db, calls, LEDGER_BATCH, NULL);
    for (int i = 0; i < LEDGER_BATCH; i++) {
        note_fate(l, c[i].call, calls[i].rc, calls[i].outcome);
        free(c[i].body[0]);
    }
    return rc;
}

int ledger_write(ledger *l, skep_db *db)
{
    return ledger_write_call(l, db, (int64_t)atomic_fetch_add(&l->next, 1) + 1, NULL);
}

size_t ledger_sql(int64_t call, char *out, size_t size)
{
    unsigned char body[512];
    size_t len = body_size(call, 0);
    size_t at = (size_t)snprintf(out, size, "BEGIN IMMEDIATE; UPDATE seq SET n = n + 1;\n");
    for (int64_t half = 0; half < 2; half++) {
        ck_assert_uint_le(at + 2 * len + 200, size);
        body_fill(body, len, call, half);
        at += (size_t)snprintf(out + at, size - at, "INSERT INTO entry SELECT %lld, %lld, n, X'",
                               (long long)call, (long long)half);
        for (size_t i = 0; i < len; i++)
            at += (size_t)snprintf(out + at, size - at, "%02X", body[i]);
        at += (size_t)snprintf(out + at, size - at, "' FROM seq;\n");
    }
    at += (size_t)snprintf(out + at, size - at, "COMMIT;\n");
    return at;
}

void ledger_make_file(ledger *l, const char *path, bool with_wal)
{
    const char *live = path_with(path, ".live");
    skep_db *db = NULL;
    assert_ok(skep_db_open(live, NULL, &db));
    assert_ok(ledger_create(db));
    for (int i = 0; i < LEDGER_FILE_CALLS; i++) {
        if (i == LEDGER_FILE_BASE) { /* so that the file holds something without its WAL */
            assert_ok(skep_db_close(db));
            assert_ok(skep_db_open(live, NULL, &db));
        }
        l->body = i % 10 == 3 ? 9000 : 0;
        assert_ok(ledger_write(l, db));
    }
    l->body = 0;
    if (with_wal)
        copy_database(live, path);
    assert_ok(skep_db_close(db));
    if (!with_wal)
        copy_database(live, path);
    remove_database(live);
}

/* ---- reading ---- */

typedef struct reading {
    ledger_image image;
    size_t cap;
    int64_t halves; /* rows so far */
    int64_t seq;
    const char *wrong; /* what is not as it was written */
} reading;

/* A row, in order of (n, half). */
static void take_row(reading *r, int64_t call, int64_t half, int64_t n, skep_slice body)
{
    int64_t want_n = r->halves / 2 + 1;
    if (r->wrong != NULL)
        return;
    if (n != want_n)
        r->wrong = "a commit is missing, or there twice";
    else if (half != r->halves % 2)
        r->wrong = "half of a call is missing";
    else if (half == 1 && r->image.calls[r->image.count - 1] != call)
        r->wrong = "two calls have the same number";
    else if (!body_right(body.data, body.len, call, half))
        r->wrong = "a body has other bytes than were written";
    r->halves++;
    if (r->wrong != NULL || half == 1)
        return;
    if (r->image.count == r->cap) {
        r->cap = r->cap * 2 + 256;
        r->image.calls = realloc(r->image.calls, r->cap * sizeof(int64_t));
        ck_assert_ptr_nonnull(r->image.calls);
    }
    r->image.calls[r->image.count++] = call;
}

static void take_end(reading *r)
{
    if (r->wrong == NULL && r->halves % 2 != 0)
        r->wrong = "half of the last call is missing";
    if (r->wrong == NULL && r->halves != 2 * r->seq)
        r->wrong = "the counter and the rows are not of the same commit";
}

static int read_all(skep_tx *tx, void *arg)
{
    reading *r = arg;
    r->image.count = 0;
    r->halves = 0;
    r->wrong = NULL;
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT n FROM seq WHERE id = 1");
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    if (rc < 0)
        return rc;
    r->seq = skep_column_int(rows, 0);
    skep_rows_close(rows);
    rc = skep_query(tx, &rows, select_all);
    while (rc >= 0 && (rc = skep_next(rows)) > 0)
        take_row(r, skep_column_int(rows, 0), skep_column_int(rows, 1), skep_column_int(rows, 2),
                 skep_column_blob(rows, 3));
    if (rc >= 0)
        take_end(r);
    return rc;
}

int ledger_read(skep_db *db, ledger_image *out)
{
    reading r = {0};
    int rc = skep_read(db, read_all, &r);
    note(NULL, 0, rc);
    if (rc >= 0)
        ck_assert_msg(r.wrong == NULL, "%s", r.wrong);
    if (rc >= 0)
        *out = r.image;
    else
        free(r.image.calls);
    return rc;
}

typedef struct single {
    int64_t call;
    int64_t rows;
} single;

static int read_one(skep_tx *tx, void *arg)
{
    single *s = arg;
    skep_rows *rows = NULL;
    s->rows = 0;
    int rc = skep_query(tx, &rows, "SELECT half, body FROM entry WHERE call = ?1 ORDER BY half",
                        SKEP_V(s->call));
    while (rc >= 0 && (rc = skep_next(rows)) > 0) {
        skep_slice body = skep_column_blob(rows, 1);
        /* No memory for the copy of a column is seen as an empty slice, and at the next step. */
        ck_assert(body.len == 0 || body_right(body.data, body.len, s->call, s->rows));
        s->rows++;
    }
    return rc;
}

int ledger_read_single(skep_db *db, int64_t call)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.flags = SKEP_CALL_SINGLE;
    single s = {.call = call};
    int rc = skep_read_with(db, read_one, &s, &opts);
    note(NULL, 0, rc);
    if (rc < 0)
        return rc;
    ck_assert(s.rows == 0 || s.rows == 2);
    return s.rows == 2;
}

static sqlite3_stmt *prepared(sqlite3 *raw, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(raw, sql, -1, &stmt, NULL);
    ck_assert_msg(rc == SQLITE_OK, "%s: %s", sqlite3_errmsg(raw), sql);
    return stmt;
}

void ledger_read_file(const char *path, ledger_image *out)
{
    sqlite3 *raw = NULL;
    reading r = {0};
    ck_assert_int_eq(sqlite3_open_v2(path, &raw, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_stmt *stmt = prepared(raw, "PRAGMA integrity_check");
    int rc = sqlite3_step(stmt);
    ck_assert_msg(rc == SQLITE_ROW, "integrity_check of %s: %s", path, sqlite3_errmsg(raw));
    ck_assert_str_eq((const char *)sqlite3_column_text(stmt, 0), "ok");
    (void)sqlite3_finalize(stmt);
    stmt = prepared(raw, "SELECT n FROM seq WHERE id = 1");
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    r.seq = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    stmt = prepared(raw, select_all);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        take_row(
            &r, sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
            sqlite3_column_int64(stmt, 2),
            skep_slice_of(sqlite3_column_blob(stmt, 3), (size_t)sqlite3_column_bytes(stmt, 3)));
    ck_assert_int_eq(rc, SQLITE_DONE);
    (void)sqlite3_finalize(stmt);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    take_end(&r);
    ck_assert_msg(r.wrong == NULL, "%s: %s (commit %zu)", path, r.wrong, r.image.count + 1);
    *out = r.image;
}

void ledger_image_free(ledger_image *image)
{
    free(image->calls);
    *image = (ledger_image){0};
}

/* ---- checking ---- */

bool ledger_has(const ledger_image *image, int64_t call)
{
    for (size_t i = 0; i < image->count; i++)
        if (image->calls[i] == call)
            return true;
    return false;
}

void ledger_check(const ledger *l, const ledger_image *image, const char *what)
{
    bool there[LEDGER_CALLS_MAX] = {false};
    for (size_t i = 0; i < image->count; i++) {
        int64_t call = image->calls[i];
        ck_assert_msg(call > 0 && call < LEDGER_CALLS_MAX, "%s: call %lld", what, (long long)call);
        there[call] = true;
    }
    for (size_t call = 0; call < LEDGER_CALLS_MAX; call++) {
        ledger_fate fate = (ledger_fate)atomic_load(&l->fates[call]);
        ck_assert_msg(fate != FATE_PRESENT || there[call], "%s: acknowledged call %zu is not there",
                      what, call);
        ck_assert_msg((fate != FATE_ABSENT && fate != FATE_NONE) || !there[call],
                      "%s: call %zu is there, but was %s", what, call,
                      fate == FATE_ABSENT ? "answered as rolled back" : "never made");
    }
}

void ledger_check_file(const ledger *l, const char *path, const char *what)
{
    ledger_image image = {0};
    ledger_read_file(path, &image);
    ledger_check(l, &image, what);
    ledger_image_free(&image);
}

void ledger_check_death(const ledger *l, const char *path, const char *copy)
{
    copy_database(path, copy);
    ledger_check_file(l, copy, "after a crash now");
    remove_database(copy);
}
