/* SPDX-License-Identifier: MIT */
/*
 * Checks of the whole file, over a connection and a snapshot of their own. Nobody waits for them;
 * but as long as the snapshot is held the WAL cannot start anew, so a check gives it up when the
 * WAL is at its ceiling.
 */
#include <stdio.h>
#include <string.h>

#include "base/event.h"
#include "base/point.h"
#include "db/db_private.h"
#include "sql/ddl.h"

typedef struct checking {
    skep_db *db;
    const skep_check_opts *opts;
    skep__conn *conn;
    uint32_t most;
    uint32_t findings;
    uint64_t pages;
    uint64_t told_ns;
    bool cut;
    char first[SKEP_HEALTH_TEXT_MAX];
} checking;

#define ENOUGH SKEP_EUSER /* so many findings as were asked for */

static int found(checking *c, const char *text)
{
    if (c->findings++ == 0)
        (void)snprintf(c->first, sizeof(c->first), "%s", text);
    if (c->opts->finding != NULL)
        c->opts->finding(text, c->opts->ctx);
    return c->findings < c->most ? SKEP_OK : ENOUGH;
}

static int integrity_row(void *ctx, const char *const *columns, int n)
{
    ASSERT(n >= 1);
    const char *text = columns[0] != NULL ? columns[0] : "(no memory for the text)";
    return strcmp(text, "ok") == 0 ? SKEP_OK : found(ctx, text);
}

/* Table, rowid, referenced table, number of the foreign key. */
static int foreign_key_row(void *ctx, const char *const *columns, int n)
{
    char text[SKEP_HEALTH_TEXT_MAX];
    ASSERT(n == 4);
    (void)snprintf(text, sizeof(text), "row %s of table %s refers to a row that is not in table %s",
                   columns[1] != NULL ? columns[1] : "(without rowid)",
                   columns[0] != NULL ? columns[0] : "?", columns[2] != NULL ? columns[2] : "?");
    return found(ctx, text);
}

static bool look(void *ctx)
{
    checking *c = ctx;
    c->cut = atomic_load_explicit(&c->db->maintain.check_cut, memory_order_relaxed) != 0;
    uint64_t now = skep__coarse_ns();
    if (c->opts->progress != NULL && now >= c->told_ns + SKEP__DB_PROGRESS_NS) {
        uint64_t done = c->conn->driver->pages_read(c->conn);
        c->told_ns = now;
        c->opts->progress(done < c->pages ? done : c->pages, c->pages, c->opts->ctx);
    }
    return c->cut;
}

static int check_pragma(checking *c, bool full)
{
    skep__buf sql = SKEP__BUF_INIT(256);
    int rc = skep__ddl_pragma(&sql, full ? "integrity_check" : "quick_check", (int64_t)c->most);
    if (rc >= 0)
        rc = c->conn->driver->execute(c->conn, skep__buf_text(&sql), integrity_row, c);
    skep__buf_dispose(&sql);
    return rc;
}

static int check_snapshot(checking *c, bool full)
{
    skep__conn_info info = {0};
    SKEP__TRY(skep__conn_control(c->conn, SKEP__BEGIN_READ));
    SKEP__TRY(c->conn->driver->info(c->conn, &info));
    c->pages = info.pages;
    SKEP__POINT("db.checking");
    SKEP__TRY(check_pragma(c, full));
    if (full)
        SKEP__TRY(
            c->conn->driver->execute(c->conn, "PRAGMA foreign_key_check", foreign_key_row, c));
    if (c->opts->progress != NULL)
        c->opts->progress(c->pages, c->pages, c->opts->ctx);
    return SKEP_OK;
}

/* What the check came to: findings, or the reason why it did not come to its end. */
static int judge(checking *c, int rc)
{
    if (rc < 0 && c->cut)
        return SKEP__FAIL(SKEP_ELIMIT,
                          "the check of %s gave up its snapshot: the WAL is at its ceiling of %llu "
                          "bytes",
                          c->db->path, (unsigned long long)c->db->opts.wal_ceiling_bytes);
    /* Damage that stops the check is a finding too. */
    if (rc == SKEP_ECORRUPT)
        (void)found(c, skep_last_error()->text);
    else if (rc < 0 && rc != ENOUGH)
        return rc;
    if (c->findings > 0) {
        atomic_fetch_add_explicit(&c->db->maintain.findings, c->findings, memory_order_relaxed);
        (void)SKEP__FAIL(SKEP_ECORRUPT, "%u findings in %s, the first: %.200s", c->findings,
                         c->db->path, c->first);
        skep__noted(c->db, SKEP__NOTE_CHECK, SKEP_OK); /* the newest is the one to tell */
        skep__noted(c->db, SKEP__NOTE_CHECK, SKEP_ECORRUPT);
        skep__note_corrupt(c->db);
    } else {
        skep__noted(c->db, SKEP__NOTE_CHECK, SKEP_OK);
    }
    return (int)c->findings;
}

static void tell(const checking *c, bool full, int rc, uint64_t ms)
{
    SKEP__EVENT(rc == 0  ? SKEP_INFO
                : rc > 0 ? SKEP_ERROR
                         : SKEP_WARNING,
                "db.check", {"path", skep_text(c->db->path)},
                {"kind", skep_text(full ? "full" : "quick")}, {"findings", skep_int(c->findings)},
                {"ms", skep_int((int64_t)ms)},
                {"cause", skep_text(rc < 0 ? skep_last_error()->text : c->first)});
}

static int check_run(skep_db *db, const skep_check_opts *opts)
{
    bool full = (opts->flags & SKEP_CHECK_FULL) != 0;
    uint64_t began = skep__now_ns();
    checking c = {
        .db = db,
        .opts = opts,
        .most = opts->max_findings > 0 ? opts->max_findings : SKEP__DB_FINDINGS,
    };
    skep__limit limit = {.cancel = opts->cancel, .abort = &db->abort, .look = look, .look_ctx = &c};
    if (opts->timeout_ms > 0)
        limit.deadline_ns = skep__deadline_ns(opts->timeout_ms);
    int rc = skep__db_open_conn(db, SKEP__CONN_READER, NULL, &c.conn);
    if (rc >= 0) {
        c.conn->limit = &limit;
        rc = check_snapshot(&c, full);
        c.conn->limit = NULL;
    }
    rc = judge(&c, rc);
    skep_err err;
    skep__err_save(&err);
    if (c.conn != NULL && c.conn->driver->in_tx(c.conn))
        (void)skep__conn_control(c.conn, SKEP__ROLLBACK);
    (void)skep__conn_close(c.conn);
    if (rc < 0)
        (void)skep__err_install(&err);
    else
        atomic_store(&db->maintain.done_us[full ? SKEP__JOB_FULL_CHECK : SKEP__JOB_QUICK_CHECK],
                     skep_now_us());
    tell(&c, full, rc, (skep__now_ns() - began) / SKEP__NS_PER_MS);
    return rc;
}

static int check_job(skep_db *db, void *arg)
{
    return check_run(db, arg);
}

/* Where there is no WAL, who reads keeps others from writing: it takes its turn. */
static int check_in_turn(skep_db *db, const skep_check_opts *opts)
{
    uint64_t deadline_ns = opts->timeout_ms > 0 ? skep__deadline_ns(opts->timeout_ms) : 0;
    return skep__writer_exclusive_with(db, check_job, (void *)(uintptr_t)opts, deadline_ns,
                                       opts->cancel);
}

/* Who needs the WAL to start anew looks whether there are checks, and cuts all of them. */
int skep__check_run(skep_db *db, const skep_check_opts *opts)
{
    skep__maintain *m = &db->maintain;
    if (atomic_fetch_add(&m->checks, 1) == 0)
        atomic_store(&m->check_cut, 0);
    int rc = db->in_turn ? check_in_turn(db, opts) : check_run(db, opts);
    atomic_fetch_sub(&m->checks, 1);
    return rc;
}

int skep_db_check(skep_db *db, const skep_check_opts *opts)
{
    static const skep_check_opts none = SKEP_CHECK_OPTS_INIT;
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(opts == NULL || opts->size >= sizeof(*opts));
    if (opts == NULL)
        opts = &none;
    if ((opts->flags & ~(uint32_t)SKEP_CHECK_FULL) != 0)
        return SKEP__FAIL(SKEP_EINVALID, "check flags 0x%x are unknown",
                          opts->flags & ~(uint32_t)SKEP_CHECK_FULL);
    if (skep__frame_inside(db))
        return SKEP__FAIL(SKEP_EMISUSE,
                          "skep_db_check on %s from inside its own transaction function", db->path);
    SKEP__TRY(skep__db_enter(db));
    int rc = skep__check_run(db, opts);
    skep__db_leave(db);
    return rc;
}
