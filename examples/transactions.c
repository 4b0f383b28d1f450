/* SPDX-License-Identifier: MIT */
/* The code of docs/guide/transactions.md: a bank with two accounts.
 *
 *     transactions DATABASE
 */
#include <inttypes.h>
#include <stdio.h>

#include <skep/skep.h>

/* Codes of our own lie at SKEP_EUSER or below. */
enum { NO_SUCH_ACCOUNT = SKEP_EUSER - 1 };

static int create(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY,"
                           " balance INTEGER NOT NULL CHECK (balance >= 0))");
    return rc < 0 ? rc : skep_exec(tx, "INSERT OR IGNORE INTO account VALUES (1, 1000), (2, 0)");
}

struct transfer {
    int64_t from;
    int64_t to;
    int64_t amount;
};

static int move(skep_tx *tx, void *arg)
{
    const struct transfer *t = arg;
    int rc = skep_exec(tx, "UPDATE account SET balance = balance - ? WHERE id = ?",
                       SKEP_V(t->amount), SKEP_V(t->from));
    if (rc < 0)
        return rc; /* rolls back; skep_write returns rc */
    if (skep_tx_changes(tx) != 1)
        return NO_SUCH_ACCOUNT; /* a code of ours: rolls back too */
    rc = skep_exec(tx, "UPDATE account SET balance = balance + ? WHERE id = ?", SKEP_V(t->amount),
                   SKEP_V(t->to));
    if (rc < 0)
        return rc;
    return skep_tx_changes(tx) == 1 ? 0 : NO_SUCH_ACCOUNT;
}

struct gift {
    int64_t amount;
    int given; /* how many got it */
};

static int give(skep_tx *tx, void *arg)
{
    struct gift *gift = arg;
    gift->given = 0; /* start over: this may not be the first run */
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "UPDATE account SET balance = balance + ? RETURNING id",
                        SKEP_V(gift->amount));
    if (rc < 0)
        return rc;
    while ((rc = skep_next(rows)) > 0)
        gift->given++;
    return rc;
}

static int total(skep_tx *tx, void *arg)
{
    int64_t *sum = arg;
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT sum(balance) FROM account");
    if (rc < 0)
        return rc;
    rc = skep_next(rows); /* 1 a row, 0 the end, negative an error */
    if (rc > 0)
        *sum = skep_column_int(rows, 0);
    skep_rows_close(rows); /* what you leave open is closed for you at the end */
    return rc < 0 ? rc : 0;
}

/* Say what became of a call. */
static void report(int rc)
{
    const skep_err *err = skep_last_error();
    if (rc < 0)
        (void)fprintf(stderr, "%s: %s (%s)\n", skep_code_name(rc), err->text,
                      skep_outcome_name(err->outcome));
}

/* A function that must stay in its own thread leads a group of one there. */
static int move_in_this_thread(skep_db *db, struct transfer *t)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.flags = SKEP_CALL_OWN_THREAD;
    return skep_write_with(db, move, t, &opts);
}

static int move_soon(skep_db *db, struct transfer *t, skep_cancel *cancel)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.timeout_ms = 200; /* queueing and SQL together */
    opts.cancel = cancel;  /* skep_cancel_fire(cancel), from any thread, ends it sooner */
    return skep_write_with(db, move, t, &opts);
}

static int expect(int rc, int want)
{
    report(rc);
    if (rc == want)
        return 0;
    (void)fprintf(stderr, "transactions: %s instead of %s\n", skep_code_name(rc),
                  skep_code_name(want));
    return -1;
}

static int visit(skep_db *db, skep_cancel *cancel)
{
    struct transfer t = {.from = 1, .to = 2, .amount = 100};
    struct transfer nowhere = {.from = 1, .to = 9, .amount = 100};
    struct transfer too_much = {.from = 1, .to = 2, .amount = 1000000};
    struct gift gift = {.amount = 5};
    int64_t before = 0;
    int64_t after = 0;
    int failed = expect(skep_write(db, create, NULL), 0) | expect(skep_read(db, total, &before), 0);

    failed |= expect(skep_write(db, move, &t), 0);
    failed |= expect(move_in_this_thread(db, &t), 0);
    failed |= expect(move_soon(db, &t, cancel), 0);
    failed |= expect(skep_write(db, move, &nowhere), NO_SUCH_ACCOUNT);
    failed |= expect(skep_write(db, move, &too_much), SKEP_ECONSTRAINT);
    skep_cancel_fire(cancel);
    failed |= expect(move_soon(db, &t, cancel), SKEP_ECANCELLED);
    failed |= expect(skep_write(db, give, &gift), 0) | expect(skep_read(db, total, &after), 0);

    (void)printf("%" PRId64 " in the bank, %" PRId64 " after %d gifts of %" PRId64 "\n", before,
                 after, gift.given, gift.amount);
    return failed < 0 || after != before + gift.given * gift.amount ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "Usage: transactions DATABASE\n"), 2;
    skep_db *db = NULL;
    skep_cancel *cancel = NULL;
    int rc = skep_db_open(argv[1], NULL, &db);
    if (rc >= 0)
        rc = skep_cancel_new(&cancel);
    report(rc);
    int status = rc < 0 ? 1 : visit(db, cancel);
    skep_cancel_free(cancel);
    rc = skep_db_close(db);
    report(rc);
    return rc < 0 ? 1 : status;
}
