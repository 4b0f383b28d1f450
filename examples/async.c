/* SPDX-License-Identifier: MIT */
/* The code of docs/guide/async.md: sensors that send readings.
 *
 *     async DATABASE
 */
#include <inttypes.h>
#include <stdio.h>

#include <skep/async.h>
#include <skep/skep.h>

static int create(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "CREATE TABLE IF NOT EXISTS reading (sensor INTEGER, value REAL)");
}

struct reading {
    int64_t sensor;
    double value;
};

static int store(skep_tx *tx, void *arg)
{
    const struct reading *r = arg;
    return skep_exec(tx, "INSERT INTO reading VALUES (?, ?)", SKEP_V(r->sensor), SKEP_V(r->value));
}

static int count(skep_tx *tx, void *arg)
{
    int64_t *n = arg;
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT count(*) FROM reading");
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    if (rc > 0)
        *n = skep_column_int(rows, 0);
    return rc < 0 ? rc : 0;
}

static int report(int rc, const char *what)
{
    if (rc < 0)
        (void)fprintf(stderr, "%s: %s: %s\n", what, skep_code_name(rc), skep_last_error()->text);
    return rc;
}

/* Submit, do something else, wait. */
static int store_meanwhile(skep_db *db, struct reading *r)
{
    skep_future *future = NULL;
    int rc = skep_write_async(db, store, r, NULL, &future);
    if (rc < 0)
        return rc; /* nothing was submitted */
    /* ... other work; `r` stays where it is ... */
    rc = skep_future_wait(future, 1000);
    if (rc == SKEP_ETIMEOUT && skep_future_done(future) == 0) {
        skep_future_cancel(future); /* the answer then says what became of it */
        rc = skep_future_wait(future, -1);
    }
    skep_future_free(future);
    return rc;
}

/* Many at once: one lock, one wake-up, few commits, and an answer for each. */
static int store_all(skep_db *db, struct reading *r, size_t n)
{
    skep_call calls[64] = {{0}};
    for (size_t i = 0; i < n && i < 64; i++) {
        calls[i].fn = store;
        calls[i].arg = &r[i];
    }
    int rc = skep_write_batch(db, calls, n, NULL);
    for (size_t i = 0; i < n; i++)
        if (calls[i].rc < 0)
            (void)fprintf(stderr, "reading %zu: %s (%s)\n", i, skep_code_name(calls[i].rc),
                          skep_outcome_name(calls[i].outcome));
    return rc;
}

/* Somebody else reads what this thread wrote: the receipt goes along. */
static int store_and_count(skep_db *db, struct reading *r, int64_t *n)
{
    skep_receipt receipt = {.size = sizeof(receipt)};
    skep_call_opts write = SKEP_CALL_OPTS_INIT;
    skep_call_opts read = SKEP_CALL_OPTS_INIT;
    write.receipt = &receipt;
    read.at_least = &receipt;
    int rc = skep_write_with(db, store, r, &write);
    return rc < 0 ? rc : skep_read_with(db, count, n, &read);
}

/* Work that can wait: after all others, but never for ever. */
static int tidy(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "DELETE FROM reading WHERE value < -273.15");
}

static int tidy_some_time(skep_db *db)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.priority = SKEP_PRIORITY_LOW;
    opts.budget_ms = 500; /* its SQL; waiting does not count */
    return skep_write_with(db, tidy, NULL, &opts);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "Usage: async DATABASE\n"), 2;
    skep_db *db = NULL;
    struct reading r[64];
    int64_t n = 0;
    for (int i = 0; i < 64; i++)
        r[i] = (struct reading){.sensor = i, .value = i < 60 ? 20.0 + i : -300.0};
    int rc = report(skep_db_open(argv[1], NULL, &db), "open");
    if (rc >= 0)
        rc = report(skep_write(db, create, NULL), "create");
    if (rc >= 0)
        rc = report(store_meanwhile(db, &r[0]), "one");
    if (rc >= 0)
        rc = report(store_all(db, r, 64), "batch");
    if (rc >= 0)
        rc = report(tidy_some_time(db), "tidy");
    if (rc >= 0)
        rc = report(store_and_count(db, &r[1], &n), "count");
    if (rc >= 0)
        (void)printf("%" PRId64 " readings\n", n);
    int closed = report(skep_db_close(db), "close");
    return rc < 0 || closed < 0 ? 1 : 0;
}
