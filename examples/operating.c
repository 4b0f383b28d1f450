/* SPDX-License-Identifier: MIT */
/* What an operator wants of a database: how it is, a check, maintenance by hand. */
#include <stdio.h>

#include <skep/skep.h>

static int fill(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, body TEXT)");
    for (int64_t n = 0; rc >= 0 && n < 1000; n++)
        rc = skep_exec(tx, "INSERT OR REPLACE INTO t VALUES (?, 'some text')", SKEP_V(n));
    return rc;
}

static int print_health(skep_db *db)
{
    skep_health health = {.size = sizeof(health)};
    int rc = skep_db_health(db, &health);
    if (rc < 0)
        return rc;
    (void)printf("%s\n", skep_health_name(health.state));
    for (uint32_t i = 0; i < health.reasons_count; i++)
        (void)printf("  %s: %s\n", health.reasons[i].what, health.reasons[i].text);
    return 0;
}

static void print_finding(const char *text, void *ctx)
{
    (void)ctx;
    (void)printf("damaged: %s\n", text);
}

static int check(skep_db *db)
{
    skep_check_opts opts = SKEP_CHECK_OPTS_INIT;
    opts.flags = SKEP_CHECK_FULL;
    opts.finding = print_finding;
    return skep_db_check(db, &opts); /* how many findings, or a failure */
}

static int tidy_up(skep_db *db)
{
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    skep_maintain_result result = {.size = sizeof(result)};
    opts.flags = SKEP_MAINTAIN_VACUUM;
    int rc = skep_db_optimize(db, &opts, &result);
    if (rc < 0)
        return rc;
    opts.flags = SKEP_MAINTAIN_TRUNCATE;
    return skep_db_checkpoint(db, &opts, &result);
}

static int look_after(const char *path)
{
    skep_db *db = NULL;
    int rc = skep_db_open(path, NULL, &db);
    if (rc < 0)
        return rc;
    rc = skep_write(db, fill, NULL);
    if (rc >= 0)
        rc = check(db);
    if (rc >= 0)
        rc = tidy_up(db);
    if (rc >= 0)
        rc = print_health(db);
    int closed = skep_db_close(db);
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv)
{
    int rc = look_after(argc > 1 ? argv[1] : "operating.db");
    if (rc < 0)
        (void)fprintf(stderr, "%s: %s\n", skep_code_name(rc), skep_last_error()->text);
    return rc < 0;
}
