/* SPDX-License-Identifier: MIT */
#include "beside.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skep/skep.h>

static int insert(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "CREATE TABLE IF NOT EXISTS beside (n INTEGER PRIMARY KEY, text)");
    return rc < 0 ? rc : skep_exec(tx, "INSERT INTO beside (text) VALUES (hex(randomblob(50)))");
}

static void there(void)
{
    char ack = 1;
    crash_ack(&ack, sizeof(ack));
}

static void wait_for_the_end(void)
{
    for (;;)
        (void)pause();
}

/* `arg` is another handle on the file: a function does not write by its own. */
static int pin(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT count(*) FROM beside");
    if (rc < 0 || (rc = skep_next(rows)) < 0 || (rc = skep_write(arg, insert, NULL)) < 0)
        return rc;
    there();
    wait_for_the_end();
    return SKEP_OK;
}

static int run_slow(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx,
                     "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n LIMIT ?)"
                     " SELECT sum(x) FROM n",
                     SKEP_V(300000));
}

/* Until the status file shows both: it is written once a second. */
static bool shown(const char *path)
{
    static char text[1 << 20];
    char name[4096];
    (void)snprintf(name, sizeof(name), "%s-skep-status", path);
    FILE *file = fopen(name, "r");
    if (file == NULL)
        return false;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    return strstr(text, "\"took_ns\"") != NULL && strstr(text, "FROM beside WHERE") != NULL;
}

static int hold_and_show(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT count(*) FROM beside WHERE text <> 'secret'");
    if (rc < 0 || (rc = skep_next(rows)) < 0)
        return rc;
    while (!shown(arg))
        (void)sched_yield();
    there();
    wait_for_the_end();
    return SKEP_OK;
}

static int open_like(const char *path, char mode, skep_db **db)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.slow_statement_ms = mode == BESIDE_SHOW ? 1 : 0;
    return skep_db_open(path, &opts, db);
}

int beside_role(int argc, char **argv)
{
    skep_db *db = NULL;
    skep_db *other = NULL;
    if (argc < 3 || open_like(argv[1], argv[2][0], &db) < 0 || skep_write(db, insert, NULL) < 0)
        return 1;
    if (argv[2][0] == BESIDE_PIN)
        return skep_db_open(argv[1], NULL, &other) < 0 || skep_read(db, pin, other) < 0;
    if (argv[2][0] == BESIDE_SHOW)
        return skep_read(db, run_slow, NULL) < 0 || skep_read(db, hold_and_show, argv[1]) < 0;
    there();
    while (argv[2][0] == BESIDE_WRITE)
        if (skep_write(db, insert, NULL) < 0)
            return 1;
    wait_for_the_end();
    return 0;
}

crash_child beside_start(const char *path, beside_mode mode)
{
    char letter[2] = {(char)mode, '\0'};
    char ack = 0;
    crash_child child = crash_start("beside", (const char *const[]){path, letter, NULL});
    ck_assert_msg(crash_next_ack(&child, &ack, sizeof(ack)), "the process beside ended");
    return child;
}

void beside_end(crash_child *child)
{
    crash_kill(child);
    ck_assert_int_eq(crash_wait(child), 128 + SIGKILL);
}
