/* SPDX-License-Identifier: MIT */
#include "faults/ops.h"

#include <dirent.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

#include <skep/arena.h>
#include <skep/async.h>
#include <skep/sys/db_hooks.h>

#include "db/db_private.h"

#include "harness/alloc.h"
#include "harness/harness.h"
#include "harness/points.h"
#include "harness/syscalls.h"
#include "harness/vfs_fault.h"

#include "faults/tools.h"

#define TEMPLATE_CALLS 6
/* The wal-index speaks of so many pages before it needs another 32 KiB. */
#define SHM_FIRST_PAGES 4062

static const skep_db_opts small = {
    .size = (uint32_t)sizeof(skep_db_opts),
    .flags = SKEP_DB_UNATTENDED, /* or a thread would pass points of its own */
    .readers = 2,
    .cache_bytes = 1 << 20,
    .busy_timeout_ms = 200,
};

static int open_with(op_world *w, const skep_db_opts *opts)
{
    int rc = skep_db_open(w->path, opts, &w->db);
    if (rc >= 0)
        skep__db_set_rerun(w->db, 0); /* or no two runs would pass the same points */
    return rc;
}

static void write_some(op_world *w, int calls)
{
    for (int i = 0; i < calls; i++)
        assert_ok(ledger_write(&w->ledger, w->db));
}

/* ---- the operations ---- */

static void before_nothing(op_world *w)
{
    remove_database(w->path);
}

static void before_closed(op_world *w)
{
    copy_database(w->template, w->path);
    remove_database(w->copy);
    w->ledger = w->template_ledger;
}

static void before_open(op_world *w)
{
    before_closed(w);
    assert_ok(open_with(w, &small));
}

/* A file of another program, with a rollback journal. */
static void before_foreign(op_world *w)
{
    skep_db_opts opts = small;
    sqlite3 *raw = NULL;
    before_closed(w);
    ck_assert_int_eq(sqlite3_open(w->path, &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    opts.flags |= SKEP_DB_FOREIGN;
    opts.readers = 1;
    assert_ok(open_with(w, &opts));
}

static void before_long_wal(op_world *w)
{
    skep_db_opts opts = small;
    opts.checkpoint_pages = 1000000;
    before_closed(w);
    assert_ok(open_with(w, &opts));
    ledger_write_nothing(w->db);
}

/* With all that is prepared and opened only once: what is disturbed then is the operation alone. */
static void before_warm(op_world *w)
{
    before_open(w);
    write_some(w, 1);
}

static int run_open(op_world *w)
{
    return open_with(w, &small);
}

static int run_write(op_world *w)
{
    return ledger_write(&w->ledger, w->db);
}

static int run_write_large(op_world *w)
{
    w->ledger.body = 200000;
    int rc = ledger_write(&w->ledger, w->db);
    w->ledger.body = 0;
    return rc;
}

static int run_read(op_world *w)
{
    ledger_image image = {0};
    int rc = ledger_read(w->db, &image);
    if (rc >= 0)
        ledger_check(&w->ledger, &image, "read under fire");
    ledger_image_free(&image);
    return rc;
}

/* Texts and blobs that need memory to be read: what could not be read must not pass for empty. */
typedef struct texts {
    bool by_column;
    bool collected;
} texts;

static bool right_lengths(const size_t *len)
{
    return len[0] == 8 && len[1] == 4 && len[2] == 8000 && len[3] == 70000;
}

static int read_texts(skep_tx *tx, void *arg)
{
    static const char sql[] = "SELECT 12345.75, 'abc' || 1, hex(zeroblob(4000)), zeroblob(70000)";
    texts *t = arg;
    skep_arena *arena = NULL;
    skep_rows *rows = NULL;
    skep_table table = {0};
    SKEP__TRY(skep_query(tx, &rows, sql));
    SKEP__TRY(skep_next(rows));
    const size_t one[] = {skep_column_text(rows, 0).len, skep_column_text(rows, 1).len,
                          skep_column_text(rows, 2).len, skep_column_blob(rows, 3).len};
    t->by_column = right_lengths(one);
    skep_rows_close(rows);
    SKEP__TRY(skep_arena_new(0, &arena));
    int rc = skep_query(tx, &rows, sql);
    if (rc >= 0)
        rc = skep_collect(rows, arena, &table);
    if (rc >= 0) {
        const size_t all[] = {8, table.cells[1].u.s.len, table.cells[2].u.s.len,
                              table.cells[3].u.s.len};
        t->collected = table.cells[0].u.r == 12345.75 && right_lengths(all);
    }
    skep_arena_free(arena);
    return rc;
}

static int run_read_texts(op_world *w)
{
    texts t = {0};
    int rc = skep_read(w->db, read_texts, &t);
    ck_assert_msg(rc < 0 || (t.by_column && t.collected),
                  "what could not be read passed for empty");
    return rc;
}

static void before_texts(op_world *w)
{
    before_open(w);
    ck_assert_int_eq(assert_ok(run_read_texts(w)), 0);
}

static int run_read_single(op_world *w)
{
    int rc = ledger_read_single(w->db, 1);
    ck_assert_int_ne(rc, 0);
    return rc;
}

/* A lease from its opening to its end; a renewal takes a new snapshot. */
static int lease_look(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, "SELECT count(DISTINCT call) FROM entry"));
    SKEP__TRY(skep_next(rows));
    *(int64_t *)arg = skep_column_int(rows, 0);
    return SKEP_OK;
}

static int use_lease(op_world *w, skep_lease *lease)
{
    int64_t first = -1;
    int64_t again = -1;
    int rc = skep_lease_read(lease, lease_look, &first);
    if (rc >= 0)
        rc = ledger_write(&w->ledger, w->db);
    if (rc >= 0)
        rc = skep_lease_read(lease, lease_look, &again);
    if (rc < 0)
        return rc;
    ck_assert_int_eq(again, first);
    SKEP__TRY(skep_lease_renew(lease));
    SKEP__TRY(skep_lease_read(lease, lease_look, &again));
    ck_assert_int_eq(again, first + 1);
    return SKEP_OK;
}

static int run_lease(op_world *w)
{
    skep_lease *lease = NULL;
    SKEP__TRY(skep_lease_open(w->db, NULL, &lease));
    int rc = use_lease(w, lease);
    skep_err err;
    skep__err_save(&err);
    skep_lease_close(lease);
    return rc < 0 ? skep__err_install(&err) : rc;
}

static int run_checkpoint(op_world *w)
{
    uint64_t left = UINT64_MAX;
    int rc = skep_db_checkpoint_pass(w->db, 1, &left);
    if (rc < 0) {
        ck_assert_int_eq(skep_last_error()->code, rc);
        return rc;
    }
    /* Not all of it, if a lock could not be had: then the write goes on behind it. */
    ck_assert_uint_ne(left, UINT64_MAX);
    return ledger_write(&w->ledger, w->db);
}

static int run_close(op_world *w)
{
    int rc = skep_db_close(SKEP__TAKE(w->db));
    if (rc < 0)
        ck_assert_int_eq(skep_last_error()->code, rc);
    return rc;
}

/* Maintained, but by no thread: the operation ticks. */
static void before_tick(op_world *w)
{
    before_warm(w);
    w->db->opts.flags &= ~(uint32_t)SKEP_DB_UNATTENDED;
}

/* All jobs are due. They tell their failures in the health and by events, but for poison. */
static int run_tick(op_world *w)
{
    skep__maintain_tick(w->db, skep__now_ns());
    skep__upkeep_join(w->db);
    skep_health health = {.size = (uint32_t)sizeof(health)};
    int rc = skep_db_health(w->db, &health);
    return rc < 0 ? rc : skep__db_check_poison(w->db);
}

static int run_optimize(op_world *w)
{
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    opts.flags = SKEP_MAINTAIN_ANALYZE | SKEP_MAINTAIN_VACUUM;
    int rc = skep_db_optimize(w->db, &opts, NULL);
    if (rc < 0)
        ck_assert_int_eq(skep_last_error()->code, rc);
    return rc;
}

static int run_check(op_world *w)
{
    skep_check_opts opts = SKEP_CHECK_OPTS_INIT;
    opts.flags = SKEP_CHECK_FULL;
    int rc = skep_db_check(w->db, &opts);
    if (rc < 0)
        ck_assert_int_eq(skep_last_error()->code, rc);
    return rc;
}

static int run_by_hand(op_world *w)
{
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    opts.flags = SKEP_MAINTAIN_TRUNCATE;
    int rc = skep_db_checkpoint(w->db, &opts, NULL);
    if (rc < 0)
        ck_assert_int_eq(skep_last_error()->code, rc);
    return rc < 0 ? rc : skep_db_ping(w->db);
}

static void before_threshold(op_world *w)
{
    skep_db_opts opts = small;
    opts.checkpoint_pages = 30;
    before_closed(w);
    assert_ok(open_with(w, &opts));
}

static int run_checkpoint_thread(op_world *w)
{
    int first = SKEP_OK;
    skep_err err = {0};
    for (int i = 0; i < 12; i++) {
        int rc = ledger_write(&w->ledger, w->db);
        if (rc < 0 && first == SKEP_OK) {
            first = rc;
            err = *skep_last_error();
        }
    }
    int rc = run_close(w);
    return first < 0 ? skep__err_install(&err) : rc;
}

/* ---- the group ---- */

static void *group_member(void *arg)
{
    op_world *w = ((void **)arg)[0];
    int *rc = ((void **)arg)[1];
    free(arg);
    *rc = ledger_write(&w->ledger, w->db);
    return NULL;
}

static void group_start(op_world *w, size_t i)
{
    void **arg = malloc(2 * sizeof(void *));
    ck_assert_ptr_nonnull(arg);
    arg[0] = w;
    arg[1] = &w->calls[i].rc;
    ck_assert_int_eq(pthread_create(&w->calls[i].thread, NULL, group_member, arg), 0);
}

static size_t queued(skep_db *db)
{
    skep__mutex_lock(&db->queue.mutex);
    size_t count = db->queue.queued.count;
    skep__mutex_unlock(&db->queue.mutex);
    return count;
}

/* The first call leads and stops before its BEGIN; the others queue up behind it. */
static void before_group(op_world *w)
{
    before_warm(w);
    point_wait("db.before_begin");
    group_start(w, 0);
    point_reached("db.before_begin", 1);
    for (size_t i = 1; i <= OPS_GROUP; i++)
        group_start(w, i);
    while (queued(w->db) < OPS_GROUP)
        (void)sched_yield();
}

static int run_group(op_world *w)
{
    int worst = SKEP_OK;
    point_release("db.before_begin");
    for (size_t i = 0; i <= OPS_GROUP; i++) {
        ck_assert_int_eq(pthread_join(w->calls[i].thread, NULL), 0);
        if (w->calls[i].rc < 0)
            worst = w->calls[i].rc;
    }
    point_clear();
    return worst;
}

/* ---- asynchronous ---- */

static int look(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    (void)arg;
    int rc = skep_query(tx, &rows, "SELECT n FROM seq WHERE id = 1");
    return rc < 0 ? rc : skep_next(rows);
}

static int run_async(op_world *w)
{
    int first = SKEP_OK;
    skep_err err = {0};
    for (int step = 0; step < 3; step++) {
        skep_future *future = NULL;
        int rc = step == 0   ? ledger_write_async(&w->ledger, w->db)
                 : step == 1 ? ledger_write_batch(&w->ledger, w->db)
                             : skep_read_async(w->db, look, NULL, NULL, &future);
        if (future != NULL)
            rc = skep_future_wait(future, -1);
        if (rc < 0 && first == SKEP_OK) {
            first = rc;
            err = *skep_last_error();
        }
        skep_future_free(future);
    }
    return first < 0 ? skep__err_install(&err) : SKEP_OK;
}

#define CHANGING (VFS_OPS(VFS_WRITE) | VFS_OPS(VFS_TRUNCATE) | VFS_OPS(VFS_SYNC))
#define ON_INDEX (VFS_OPS(VFS_SHM_MAP) | VFS_OPS(VFS_SHM_LOCK))

/* A WAL of which the index is all but full, of small pages. */
static void template_full_index(op_world *w)
{
    sqlite3 *raw = NULL;
    ck_assert_int_eq(sqlite3_open(w->live, &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA page_size=512; VACUUM", NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
    skep_db_opts opts = small;
    opts.checkpoint_pages = 1000000;
    opts.synchronous = SKEP_SYNC_NORMAL;
    assert_ok(skep_db_open(w->live, &opts, &w->db));
    assert_ok(ledger_create(w->db));
    skep_db_stats stats = {.size = (uint32_t)sizeof(stats)};
    while (stats.wal_pages < SHM_FIRST_PAGES - 3) {
        w->ledger.body = SHM_FIRST_PAGES - stats.wal_pages > 60 ? 8000 : 40;
        write_some(w, 1);
        assert_ok(skep_db_get_stats(w->db, &stats));
    }
    w->ledger.body = 0;
    ck_assert_uint_le(stats.wal_pages, SHM_FIRST_PAGES);
}

static void template_usual(op_world *w)
{
    assert_ok(skep_db_open(w->live, &small, &w->db));
    assert_ok(ledger_create(w->db));
    write_some(w, TEMPLATE_CALLS);
}

const op op_open_new = {.before = before_nothing, .run = run_open, .opens = true};
const op op_open_existing = {.before = before_closed, .run = run_open, .opens = true};
const op op_write = {.before = before_open, .run = run_write};
const op op_write_foreign = {.before = before_foreign, .run = run_write};
const op op_group = {.before = before_group, .run = run_group};
const op op_async = {.before = before_warm, .run = run_async};
const op op_read = {.before = before_open, .run = run_read};
const op op_read_texts = {.before = before_texts, .run = run_read_texts};
const op op_read_single = {.before = before_open, .run = run_read_single};
const op op_lease = {.before = before_open, .run = run_lease};
const op op_checkpoint = {.before = before_warm, .run = run_checkpoint};
const op op_checkpoint_thread = {.before = before_threshold, .run = run_checkpoint_thread};
const op op_tick = {.before = before_tick, .run = run_tick};
const op op_optimize = {.before = before_warm, .run = run_optimize};
const op op_check = {.before = before_warm, .run = run_check};
/* Not the truncation: one that stops half-way would bring older commits back, but file systems cut
 * a file to nothing in one step. */
const op op_by_hand = {
    .before = before_warm, .run = run_by_hand, .file_ops = ~(unsigned)VFS_OPS(VFS_TRUNCATE)};
const op op_close = {.before = before_warm, .run = run_close};
/* These take long, so only what is special about them is disturbed. */
const op op_write_large = {.before = before_warm,
                           .run = run_write_large,
                           .file_ops = CHANGING,
                           .sys_calls = SYS_WRITE | SYS_SIZE};
const op op_write_index = {
    .before = before_long_wal, .run = run_write, .file_ops = ON_INDEX, .sys_calls = SYS_MAP};

/* ---- around them ---- */

void ops_begin(op_world *w, const op *o)
{
    alloc_install();
    vfs_install();
    *w = (op_world){
        .op = o,
        .template = harness_path("template.db"),
        .live = harness_path("live.db"),
        .path = harness_path("work.db"),
        .copy = harness_path("copy.db"),
    };
    if (o->before == before_nothing)
        return;
    if (o == &op_write_index)
        template_full_index(w);
    else
        template_usual(w);
    copy_database(w->live, w->template);
    assert_ok(skep_db_close(SKEP__TAKE(w->db)));
    remove_database(w->live);
    w->template_ledger = w->ledger;
}

void ops_before(void *world)
{
    op_world *w = world;
    ck_assert_ptr_null(w->db);
    memset(&w->ledger, 0, sizeof(w->ledger));
    w->poison_allowed = false;
    w->op->before(w);
}

int ops_run(void *world)
{
    op_world *w = world;
    return w->op->run(w);
}

static void check_reading(op_world *w)
{
    ledger_image image = {0};
    assert_ok(ledger_read(w->db, &image));
    ledger_check(&w->ledger, &image, "read again");
    ledger_image_free(&image);
}

/* The handle goes on, or says that it will not. */
static bool check_handle(op_world *w)
{
    skep_db_stats stats = {.size = (uint32_t)sizeof(stats)};
    assert_ok(skep_db_get_stats(w->db, &stats));
    check_reading(w);
    if (stats.poisoned != 0) {
        ck_assert_msg(w->poison_allowed, "poisoned, and no call was told so");
        assert_fails_with(ledger_write(&w->ledger, w->db), SKEP_EPOISONED, SKEP_OUTCOME_NONE);
    } else {
        ck_assert_msg(!w->poison_allowed, "a call was told of poison, and the handle is not");
        assert_ok(ledger_write(&w->ledger, w->db));
    }
    check_reading(w);
    return stats.poisoned != 0;
}

static size_t open_files(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

/* With all closed, each run ends with as much as the first ones, which no fault had disturbed. */
static void check_leaks(op_world *w)
{
    size_t files = open_files();
    uint64_t blocks = alloc_living();
    if (w->runs++ < 2) {
        w->files = files;
        w->blocks = blocks;
        return;
    }
    ck_assert_msg(files <= w->files, "%zu files left open", files - w->files);
    ck_assert_msg(blocks <= w->blocks, "%llu blocks leaked",
                  (unsigned long long)(blocks - w->blocks));
}

void ops_after(void *world, int rc)
{
    op_world *w = world;
    skep_err err = *skep_last_error(); /* for the sweep to show */
    w->poison_allowed = rc == SKEP_EPOISONED || atomic_load(&w->ledger.poison_seen);
    if (w->op->opens && rc < 0) {
        ck_assert_ptr_null(w->db);
        assert_ok(open_with(w, &small));
    }
    if (w->op == &op_open_new)
        assert_ok(ledger_create(w->db));
    ledger_check_death(&w->ledger, w->path, w->copy);
    if (w->db != NULL) {
        bool poisoned = check_handle(w);
        ledger_check_death(&w->ledger, w->path, w->copy);
        int closed = skep_db_close(SKEP__TAKE(w->db));
        ck_assert_int_eq(closed, poisoned ? SKEP_EPOISONED : SKEP_OK);
    }
    assert_ok(open_with(w, &small));
    check_reading(w);
    assert_ok(ledger_write(&w->ledger, w->db));
    assert_ok(skep_db_close(SKEP__TAKE(w->db)));
    ledger_check_file(&w->ledger, w->path, "at the end");
    check_leaks(w);
    if (rc < 0)
        (void)skep__err_install(&err);
}

sweep ops_sweep(op_world *w, const int *codes)
{
    return (sweep){
        .before = ops_before, .run = ops_run, .after = ops_after, .ctx = w, .codes = codes};
}
