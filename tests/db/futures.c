/* SPDX-License-Identifier: MIT */
#include "futures.h"

#include <limits.h>

#include "harness/harness.h"

#include "support.h"

skep_db *futures_open(const skep_db_opts *opts)
{
    skep_db *db = db_open_still(opts);
    db_must(db, "CREATE TABLE t(a)");
    return db;
}

int futures_insert(skep_tx *tx, void *arg)
{
    return skep_exec(tx, "INSERT INTO t VALUES(?)", SKEP_V((int64_t)(intptr_t)arg));
}

int futures_count(skep_tx *tx, void *arg)
{
    int64_t *n = arg;
    skep_rows *rows = NULL;
    SKEP__TRY(skep_query(tx, &rows, "SELECT count(*) FROM t"));
    SKEP__TRY(skep_next(rows));
    *n = skep_column_int(rows, 0);
    skep_rows_close(rows);
    return SKEP_OK;
}

skep_future *futures_write(skep_db *db, skep_tx_fn *fn, void *arg, const skep_call_opts *opts)
{
    skep_future *f = NULL;
    assert_ok(skep_write_async(db, fn, arg, opts, &f));
    ck_assert_ptr_nonnull(f);
    return f;
}

void futures_finish(skep_future *f, int rc)
{
    int answer = skep_future_wait(f, -1);
    ck_assert_msg(answer == rc, "%s instead of %s: %s", skep_code_name(answer), skep_code_name(rc),
                  answer < 0 ? skep_last_error()->text : "");
    ck_assert_int_eq(skep_future_done(f), 1);
    skep_future_free(f);
}

void tell(skep_future *future, void *ctx)
{
    told *t = ctx;
    t->rc = skep_future_wait(future, 0);
    t->future = future;
    t->thread = pthread_self();
    atomic_fetch_add(&t->times, 1);
    skep__word_wake(&t->times, INT_MAX);
}

void told_wait(told *t, uint32_t times)
{
    for (uint32_t seen = 0; (seen = atomic_load(&t->times)) < times;)
        (void)skep__word_wait(&t->times, seen, 0);
}
