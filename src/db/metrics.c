/* SPDX-License-Identifier: MIT */
/* All figures of a database under the names that monitoring knows them by. Nothing here runs SQL:
 * who scrapes must not pin the WAL. */
#include "base/metrics.h"

#include <string.h>

#include <skep/health.h>
#include <skep/inspect.h>
#include <skep/time.h>
#include <skep/version.h>

#include "db/db_private.h"
#include "db/show.h"

typedef enum row {
    POOL_CONNECTIONS,
    POOL_IN_USE,
    POOL_IDLE,
    POOL_WAITING,
    POOL_UTILISATION,
    POOL_WAIT_TIME,
    READERS_REPLACED,
    READS_CUT,
    LEASES,
    READ_TIME,
    QUEUE_DEPTH,
    ASYNC_IN_FLIGHT,
    GROUP_SIZE,
    COMMIT_TIME,
    WRITE_TIME,
    TXN_COMMIT,
    TXN_ROLLBACK,
    TXN_RETRY,
    TRANSACTIONS,
    TRANSACTIONS_FAILED,
    BUSY,
    STATEMENT_RUNS,
    STATEMENT_ROWS,
    STATEMENT_FAILED,
    STATEMENT_TEXTS,
    STATEMENT_TIME,
    SLOW_STATEMENTS,
    FILE_BYTES,
    WAL_BYTES,
    WAL_PIN_AGE,
    CHECKPOINT_TIME,
    CHECKPOINTS,
    CHECKPOINT_BLOCKED,
    DISK_FREE_BYTES,
    ERRORS,
    INTEGRITY_ERRORS,
    HEALTH_STATE,
    POISONED,
    CORRUPTED,
    MAINTAINER,
    BUILD_INFO,
    ROWS
} row;

#define NS_PER_S 1e9

static const skep__metric rows[ROWS] = {
    [POOL_CONNECTIONS] = {.name = "skep_pool_connections",
                          .help = "Connections that are open, the writer's too.",
                          .kind = SKEP__METRIC_GAUGE},
    [POOL_IN_USE] = {.name = "skep_pool_in_use",
                     .help = "Reading connections that a call or a lease has.",
                     .kind = SKEP__METRIC_GAUGE},
    [POOL_IDLE] = {.name = "skep_pool_idle",
                   .help = "Reading connections that are open and free.",
                   .kind = SKEP__METRIC_GAUGE},
    [POOL_WAITING] = {.name = "skep_pool_waiting",
                      .help = "Calls that wait for a reading connection.",
                      .kind = SKEP__METRIC_GAUGE},
    [POOL_UTILISATION] = {.name = "skep_pool_utilisation",
                          .help = "Share of the reading connections that may be open and are in "
                                  "use, 0 to 1.",
                          .divisor = 1e6,
                          .kind = SKEP__METRIC_GAUGE},
    [POOL_WAIT_TIME] = {.name = "skep_pool_wait_seconds",
                        .help = "Time that calls waited because no reading connection was free.",
                        .divisor = NS_PER_S,
                        .kind = SKEP__METRIC_HISTOGRAM},
    [READERS_REPLACED] = {.name = "skep_readers_replaced_total",
                          .help = "Reading connections replaced because they were broken, too old "
                                  "or dirty.",
                          .kind = SKEP__METRIC_COUNTER},
    [READS_CUT] = {.name = "skep_reads_cut_total",
                   .help = "Reads and leases ended because they were too old or in the way of the "
                           "WAL.",
                   .kind = SKEP__METRIC_COUNTER},
    [LEASES] = {.name = "skep_leases", .help = "Leases that are open.", .kind = SKEP__METRIC_GAUGE},
    [READ_TIME] = {.name = "skep_read_seconds",
                   .help = "Time of read calls once they have a connection, of one in "
                           "sixteen.",
                   .divisor = NS_PER_S,
                   .kind = SKEP__METRIC_HISTOGRAM},
    [QUEUE_DEPTH] = {.name = "skep_write_queue_depth",
                     .help = "Write calls that wait for the writer.",
                     .kind = SKEP__METRIC_GAUGE},
    [ASYNC_IN_FLIGHT] = {.name = "skep_async_in_flight",
                         .help = "Asynchronous calls that have no answer yet.",
                         .kind = SKEP__METRIC_GAUGE},
    [GROUP_SIZE] = {.name = "skep_group_commit_size",
                    .help = "Write calls that shared a commit.",
                    .kind = SKEP__METRIC_HISTOGRAM},
    [COMMIT_TIME] = {.name = "skep_commit_seconds",
                     .help = "Time of COMMIT, its sync included.",
                     .divisor = NS_PER_S,
                     .kind = SKEP__METRIC_HISTOGRAM},
    [WRITE_TIME] = {.name = "skep_write_seconds",
                    .help = "Time of write calls, queueing included.",
                    .divisor = NS_PER_S,
                    .kind = SKEP__METRIC_HISTOGRAM},
    [TXN_COMMIT] = {.name = "skep_txn_commit_total",
                    .help = "Write calls committed.",
                    .kind = SKEP__METRIC_COUNTER},
    [TXN_ROLLBACK] = {.name = "skep_txn_rollback_total",
                      .help = "Write calls rolled back or refused.",
                      .kind = SKEP__METRIC_COUNTER},
    [TXN_RETRY] = {.name = "skep_txn_retry_total",
                   .help = "Write functions run again because of a sibling in their group.",
                   .kind = SKEP__METRIC_COUNTER},
    [TRANSACTIONS] = {.name = "skep_transactions_total",
                      .help = "Read and write calls done, those that failed too.",
                      .kind = SKEP__METRIC_COUNTER},
    [TRANSACTIONS_FAILED] = {.name = "skep_transactions_failed_total",
                             .help = "Read and write calls that failed.",
                             .kind = SKEP__METRIC_COUNTER},
    [BUSY] = {.name = "skep_busy_total",
              .help = "Waits for a lock that another process held.",
              .kind = SKEP__METRIC_COUNTER},
    [STATEMENT_RUNS] = {.name = "skep_statement_runs_total",
                        .help = "Statements run.",
                        .kind = SKEP__METRIC_COUNTER},
    [STATEMENT_ROWS] = {.name = "skep_statement_rows_total",
                        .help = "Rows that statements returned.",
                        .kind = SKEP__METRIC_COUNTER},
    [STATEMENT_FAILED] = {.name = "skep_statement_failed_total",
                          .help = "Statements that failed as they ran.",
                          .kind = SKEP__METRIC_COUNTER},
    [STATEMENT_TEXTS] = {.name = "skep_statement_texts",
                         .help = "Different statement texts seen, their values apart.",
                         .kind = SKEP__METRIC_GAUGE},
    [STATEMENT_TIME] = {.name = "skep_statement_seconds",
                        .help = "Time of statements; with db.profile=sample of one run in sixteen.",
                        .divisor = NS_PER_S,
                        .kind = SKEP__METRIC_HISTOGRAM},
    [SLOW_STATEMENTS] = {.name = "skep_slow_statements_total",
                         .help = "Runs that took db.slow_statement or longer.",
                         .kind = SKEP__METRIC_COUNTER},
    [FILE_BYTES] = {.name = "skep_db_bytes",
                    .help = "Size of the database file.",
                    .kind = SKEP__METRIC_GAUGE},
    [WAL_BYTES] = {.name = "skep_wal_bytes",
                   .help = "Size of the -wal file.",
                   .kind = SKEP__METRIC_GAUGE},
    [WAL_PIN_AGE] = {.name = "skep_wal_pin_age_seconds",
                     .help = "For how long the oldest snapshot of this process has been held.",
                     .divisor = 1e3,
                     .kind = SKEP__METRIC_GAUGE},
    [CHECKPOINT_TIME] = {.name = "skep_checkpoint_seconds",
                         .help = "Time of checkpoint passes.",
                         .divisor = NS_PER_S,
                         .kind = SKEP__METRIC_HISTOGRAM},
    [CHECKPOINTS] = {.name = "skep_checkpoints_total",
                     .help = "Checkpoint passes done.",
                     .kind = SKEP__METRIC_COUNTER},
    [CHECKPOINT_BLOCKED] = {.name = "skep_checkpoint_blocked_total",
                            .help = "Checkpoint passes that had to leave pages in the WAL.",
                            .kind = SKEP__METRIC_COUNTER},
    [DISK_FREE_BYTES] = {.name = "skep_disk_free_bytes",
                         .help = "Space that this process may still fill beside the database.",
                         .kind = SKEP__METRIC_GAUGE},
    [ERRORS] = {.name = "skep_errors_total",
                .help = "Calls that failed for the database's sake: I/O, damage, no space, no "
                        "memory.",
                .kind = SKEP__METRIC_COUNTER},
    [INTEGRITY_ERRORS] = {.name = "skep_integrity_errors_total",
                          .help = "Findings of checks of the file.",
                          .kind = SKEP__METRIC_COUNTER},
    [HEALTH_STATE] = {.name = "skep_health_state",
                      .help = "0: healthy, 1: degraded, 2: corrupted.",
                      .kind = SKEP__METRIC_GAUGE},
    [POISONED] = {.name = "skep_poisoned",
                  .help = "1: writes stopped after a failed sync, until the database is reopened.",
                  .kind = SKEP__METRIC_GAUGE},
    [CORRUPTED] = {.name = "skep_corrupted",
                   .help = "1: damage was found in the file.",
                   .kind = SKEP__METRIC_GAUGE},
    [MAINTAINER] = {.name = "skep_maintainer",
                    .help = "1: this process maintains the file.",
                    .kind = SKEP__METRIC_GAUGE},
    [BUILD_INFO] = {.name = "skep_build_info",
                    .help = "Versions of skep and of the SQLite in it.",
                    .kind = SKEP__METRIC_GAUGE},
};

/* ---- gathering ---- */

typedef struct figures {
    int64_t numbers[ROWS];
    const skep__hist *hists[ROWS];
} figures;

static void gather_calls(const skep_db_stats *s, int64_t *n)
{
    n[POOL_CONNECTIONS] = (int64_t)s->total_connections;
    n[POOL_IN_USE] = (int64_t)s->readers_busy;
    n[POOL_IDLE] = (int64_t)(s->readers_open - s->readers_busy);
    n[POOL_WAITING] = (int64_t)s->readers_waiting;
    n[POOL_UTILISATION] = (int64_t)(s->utilisation * rows[POOL_UTILISATION].divisor);
    n[READERS_REPLACED] = (int64_t)s->readers_replaced;
    n[READS_CUT] = (int64_t)s->reads_cut;
    n[LEASES] = (int64_t)s->leases;
    n[QUEUE_DEPTH] = (int64_t)s->writes_queued;
    n[ASYNC_IN_FLIGHT] = (int64_t)s->async_in_flight;
    n[TXN_COMMIT] = (int64_t)s->writes;
    n[TXN_ROLLBACK] = (int64_t)s->writes_failed;
    n[TXN_RETRY] = (int64_t)s->reruns;
    n[TRANSACTIONS] = (int64_t)s->total_transactions;
    n[TRANSACTIONS_FAILED] = (int64_t)s->failed_transactions;
}

static void gather_files(skep_db *db, const skep_db_stats *s, int64_t *n)
{
    int64_t bytes = skep__db_file_bytes(db, "");
    n[FILE_BYTES] = bytes > 0 ? bytes : 0;
    n[WAL_BYTES] = (int64_t)s->wal_bytes;
    n[WAL_PIN_AGE] = (int64_t)s->wal_pin_age_ms;
    n[CHECKPOINTS] = (int64_t)s->checkpoints;
    n[CHECKPOINT_BLOCKED] = (int64_t)atomic_load(&db->checkpointer.blocked);
    n[DISK_FREE_BYTES] = (int64_t)s->disk_free_bytes;
    n[POISONED] = s->poisoned;
    n[CORRUPTED] = s->corrupted;
    n[MAINTAINER] = s->maintainer;
    n[BUILD_INFO] = 1;
}

static void gather_statements(skep_db *db, int64_t *n)
{
    skep__costs_sums sums;
    skep__costs_read(db->costs, &sums);
    n[BUSY] = (int64_t)sums.busy;
    n[STATEMENT_RUNS] = (int64_t)sums.runs;
    n[STATEMENT_ROWS] = (int64_t)sums.rows;
    n[STATEMENT_FAILED] = (int64_t)sums.failed;
    n[STATEMENT_TEXTS] = (int64_t)sums.texts;
    n[SLOW_STATEMENTS] = (int64_t)sums.slow;
}

static void gather_hists(const skep_db *db, const skep__hist **hists)
{
    hists[POOL_WAIT_TIME] = &db->pool_wait_ns;
    hists[READ_TIME] = &db->read_ns;
    hists[GROUP_SIZE] = &db->group_calls;
    hists[COMMIT_TIME] = &db->commit_ns;
    hists[WRITE_TIME] = &db->write_ns;
    hists[STATEMENT_TIME] = skep__costs_times(db->costs);
    hists[CHECKPOINT_TIME] = &db->checkpoint_ns;
}

static int gather(skep_db *db, figures *out)
{
    skep_health health = {.size = (uint32_t)sizeof(health)};
    skep_db_stats stats = {.size = (uint32_t)sizeof(stats)};
    SKEP__TRY(skep_db_get_stats(db, &stats));
    SKEP__TRY(skep_db_health(db, &health));
    memset(out, 0, sizeof(*out));
    out->numbers[ERRORS] = (int64_t)health.errors;
    out->numbers[INTEGRITY_ERRORS] = (int64_t)atomic_load(&db->maintain.findings);
    out->numbers[HEALTH_STATE] = health.state;
    gather_calls(&stats, out->numbers);
    gather_files(db, &stats, out->numbers);
    gather_statements(db, out->numbers);
    gather_hists(db, out->hists);
    return SKEP_OK;
}

/* ---- showing ---- */

static void put_text(const figures *f, const char *labels, const char *build, skep__buf *out)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind == SKEP__METRIC_HISTOGRAM)
            skep__metric_text_hist(out, &rows[i], labels, f->hists[i]);
        else
            skep__metric_text(out, &rows[i], i == BUILD_INFO ? build : labels, f->numbers[i]);
    }
}

int skep__show_prometheus(skep_db *db, skep__buf *out)
{
    figures f;
    SKEP__TRY(gather(db, &f));
    skep__buf labels = SKEP__BUF_INIT(SKEP__DB_LABELS_MAX);
    skep__buf build = SKEP__BUF_INIT(SKEP__DB_LABELS_MAX);
    skep__metric_label(&labels, "db", db->path);
    skep__metric_label(&build, "db", db->path);
    skep__metric_label(&build, "version", skep_version());
    skep__metric_label(&build, "sqlite", skep_sqlite_version());
    int rc = skep__buf_status(&labels);
    if (rc >= 0)
        rc = skep__buf_status(&build);
    if (rc >= 0)
        put_text(&f, skep__buf_text(&labels), skep__buf_text(&build), out);
    skep__buf_dispose(&labels);
    skep__buf_dispose(&build);
    return rc < 0 ? rc : skep__buf_status(out);
}

int skep__show_metrics(skep_db *db, skep__json *out)
{
    figures f;
    SKEP__TRY(gather(db, &f));
    skep__json_object(out, "metrics");
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind == SKEP__METRIC_HISTOGRAM)
            skep__metric_json_hist(out, &rows[i], f.hists[i]);
        else
            skep__metric_json(out, &rows[i], f.numbers[i]);
    }
    skep__json_end(out);
    return skep__buf_status(out->out);
}

static int all_json(skep_db *db, skep__buf *out)
{
    char at[SKEP_TIME_TEXT_SIZE];
    skep__json json = SKEP__JSON_INIT(out);
    SKEP__TRY(skep_time_text(skep_now_us(), at));
    skep__json_object(&json, NULL);
    skep__json_text(&json, "path", db->path);
    skep__json_text(&json, "at", at);
    skep__json_text(&json, "version", skep_version());
    skep__json_text(&json, "sqlite", skep_sqlite_version());
    SKEP__TRY(skep__show_metrics(db, &json));
    SKEP__TRY(skep__show_statements(db, &json, SKEP__DB_SHOW_STATEMENTS));
    SKEP__TRY(skep__show_slow(db, &json, SKEP__DB_SHOW_SLOW));
    skep__json_end(&json);
    return skep__buf_status(out);
}

int skep_db_metrics(skep_db *db, skep_metrics_format format, char **out, size_t *len)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(out != NULL);
    if (format != SKEP_METRICS_PROMETHEUS && format != SKEP_METRICS_JSON)
        return SKEP__FAIL(SKEP_EINVALID, "%d is no format of metrics", (int)format);
    skep__buf text = SKEP__BUF_INIT(SKEP__DB_SHOW_MAX);
    int rc = format == SKEP_METRICS_JSON ? all_json(db, &text) : skep__show_prometheus(db, &text);
    if (rc >= 0)
        rc = skep__buf_take(&text, out, len);
    skep__buf_dispose(&text);
    return rc;
}
