/* SPDX-License-Identifier: MIT */
/* `skep db export`: what is exported, and where to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/db/open.h"
#include "cli/export/write.h"
#include "cli/import/import.h"
#include "cli/show/json.h"
#include "cli/stop.h"

/* What the transaction function returns for a failure that is not the database's. */
enum {
    STOP_OUTPUT = SKEP_EUSER,
    STOP_MEMORY = SKEP_EUSER - 1,
    STOP_TEXT = SKEP_EUSER - 2,
    STOP_SIGNAL = SKEP_EUSER - 3,
    STOP_AGAIN = SKEP_EUSER - 4
};

#define LOOK_EVERY 256 /* rows between two looks at the clock, the output, signals */
#define READ_MAX_MS INT64_C(31536000000) /* a year: the user is the one who ends it */

typedef struct task {
    const cli_call *call;
    const cli_ui *ui;
    const char *table; /* or a query */
    cli_buf sql;
    cli_keys keys;
    cli_export out;
    cli_sink sink;
    cli_newfile file;
    const char *path; /* of the file; NULL: standard output */
    cli_progress progress;
    uint64_t rows;
    char bad_name[128];
} task;

static int write_rows(task *t, skep_rows *rows)
{
    int rc = 1;
    if (!cli_export_begin(&t->out, t->ui, rows))
        return STOP_MEMORY;
    while ((rc = skep_next(rows)) > 0) {
        if (!cli_export_row(&t->out, rows)) {
            (void)snprintf(t->bad_name, sizeof(t->bad_name), "%s",
                           skep_column_name(rows, t->out.bad_column));
            return STOP_TEXT;
        }
        if (++t->rows % LOOK_EVERY != 0)
            continue;
        cli_progress_at(&t->progress, t->rows);
        if (t->sink.error != 0)
            return STOP_OUTPUT;
        if (cli_stopping())
            return STOP_SIGNAL;
    }
    if (rc < 0)
        return rc;
    return cli_sink_flush(&t->sink) != 0 ? STOP_OUTPUT : SKEP_OK;
}

static int run_query(skep_tx *tx, void *arg)
{
    task *t = arg;
    skep_rows *rows = NULL;
    if (t->sink.written > 0)
        return STOP_AGAIN; /* what is written cannot be taken back */
    int rc = skep_query_v(tx, t->sql.data, NULL, 0, &rows);
    if (rc < 0)
        return rc;
    rc = write_rows(t, rows);
    skep_rows_close(rows);
    return rc;
}

static cli_exit no_output(const task *t)
{
    const char *which = t->path != NULL ? t->path : "standard output";
    if (t->sink.error == EPIPE)
        return CLI_FAILED;
    return cli_fail_errno(t->ui, t->sink.error, "write to", which);
}

static cli_exit failed(task *t, int rc, const skep_err *err)
{
    switch (rc) {
    case STOP_OUTPUT:
        return no_output(t);
    case STOP_MEMORY:
        return cli_fail_memory(t->ui);
    case STOP_TEXT:
        cli_say(t->ui,
                "row %s, column %s: text that is not UTF-8 has no form in CSV; use --format ndjson",
                cli_count(t->rows + 1).s, t->bad_name);
        return CLI_FAILED;
    case STOP_SIGNAL:
        cli_say(t->ui, "stopped%s", t->path != NULL ? "; nothing was written" : "");
        return CLI_FAILED;
    case STOP_AGAIN:
        cli_say(t->ui, "the query was begun again after rows were written; try again");
        return CLI_FAILED;
    default:
        if (t->path == NULL)
            (void)cli_sink_flush(&t->sink); /* the rows before the error */
        return cli_fail_err(t->ui, err);
    }
}

/* The columns that an import can put in again: not those that the table makes itself. */
static cli_exit select_table(task *t, skep_db *db)
{
    import_table table = {.name = t->table};
    cli_exit status = CLI_DONE;
    if (import_find_table(db, &table) < 0) {
        status = cli_fail(t->ui);
    } else if (!table.found) {
        cli_say(t->ui, "there is no table %s in %s (SKEP_ENOTFOUND)", t->table, t->call->args[0]);
        status = CLI_FAILED;
    } else {
        import_write_select(&t->sql, &table);
        status = t->sql.failed ? cli_fail_memory(t->ui) : CLI_DONE;
    }
    cli_fields_dispose(&table.columns);
    cli_fields_dispose(&table.computed);
    return status;
}

static cli_exit read_all(task *t, skep_db *db)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    cli_exit status = t->table != NULL ? select_table(t, db) : CLI_DONE;
    if (status != CLI_DONE)
        return status;
    opts.flags = SKEP_CALL_SINGLE;
    cli_progress_begin(&t->progress, t->ui, "exporting", "rows", 0);
    if (t->path == NULL && t->ui->out_tty)
        t->progress.delay_ns = UINT64_MAX; /* the rows themselves are the progress */
    int rc = skep_read_with(db, run_query, t, &opts);
    skep_err err = *skep_last_error();
    cli_progress_end(&t->progress);
    return rc < 0 ? failed(t, rc, &err) : CLI_DONE;
}

static cli_exit report(const task *t, uint64_t took_ns)
{
    if (t->path == NULL)
        return CLI_DONE;
    if (t->ui->json)
        return cli_json_end(t->ui,
                            json_pack("{s:o, s:I, s:I, s:o}", "path", cli_json_path(t->path),
                                      "rows", (json_int_t)t->rows, "bytes",
                                      (json_int_t)t->sink.written, "seconds",
                                      cli_json_rounded((double)took_ns / 1e9, 3)),
                            CLI_DONE);
    if (t->ui->loud >= 0)
        cli_say(t->ui, "%s row%s, %s, in %s", cli_count(t->rows).s, t->rows == 1 ? "" : "s",
                cli_bytes(t->sink.written).s, cli_duration(took_ns).s);
    return CLI_DONE;
}

static cli_exit open_and_read(task *t)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_db *db = NULL;
    opts.flags = SKEP_DB_READONLY | SKEP_DB_UNATTENDED;
    opts.readers = 1;
    opts.read_max_ms = READ_MAX_MS;
    opts.read_slow_ms = READ_MAX_MS;
    opts.profile = SKEP_PROFILE_OFF; /* one long statement is no news */
    opts.key = t->keys.key;
    opts.cipher = t->keys.cipher;
    if (skep_db_open(t->call->args[0], &opts, &db) < 0)
        return cli_fail_reading(t->call, t->call->args[0]);
    cli_exit status = read_all(t, db);
    if (skep_db_close(db) < 0 && status == CLI_DONE)
        status = cli_fail(t->ui);
    return status;
}

static cli_exit work(task *t)
{
    uint64_t begun = cli_now_ns();
    int rc = 0;
    if (t->path != NULL)
        rc = cli_newfile_open(&t->file, t->path, cli_has(t->call, CLI_OPT_FORCE));
    if (rc == EEXIST) {
        cli_say(t->ui, "%s is there already; --force replaces it (SKEP_EEXISTS)", t->path);
        return CLI_FAILED;
    }
    if (rc != 0)
        return cli_fail_errno(t->ui, rc, "create", t->path);
    if (cli_sink_init(&t->sink, t->path != NULL ? t->file.fd : STDOUT_FILENO) != 0)
        return cli_fail_memory(t->ui);
    t->out.sink = &t->sink;
    cli_exit status = open_and_read(t);
    if (status != CLI_DONE)
        return status;
    if (t->path != NULL && (rc = cli_newfile_commit(&t->file)) != 0)
        return cli_fail_errno(t->ui, rc, "write to", t->path);
    return report(t, cli_now_ns() - begun);
}

static cli_exit read_command(task *t)
{
    const cli_call *call = t->call;
    const char *query = cli_value(call, CLI_OPT_QUERY);
    t->table = cli_value(call, CLI_OPT_TABLE);
    t->path = cli_value(call, CLI_OPT_OUT);
    if (t->path != NULL && strcmp(t->path, "-") == 0)
        t->path = NULL;
    if (t->path != NULL && cli_is_of_database(call->args[0], t->path))
        return cli_usage(t->ui, call->page, "-o %s: that is the database", t->path);
    if (query != NULL)
        cli_buf_puts(&t->sql, query);
    t->out.format = cli_format_of(call, t->path);
    bool named = cli_has(call, CLI_OPT_FORMAT);
    if (t->path == NULL && t->ui->json && named && t->out.format != CLI_FORMAT_NDJSON)
        return cli_usage(t->ui, call->page, "--json and --format %s contradict each other",
                         cli_value(call, CLI_OPT_FORMAT));
    if (t->path == NULL && !named)
        t->out.format = t->ui->json ? CLI_FORMAT_NDJSON : CLI_FORMAT_CSV;
    if (t->out.format == CLI_FORMAT_NONE)
        return cli_usage(t->ui, call->page, "%s: which format? --format csv, tsv or ndjson",
                         t->path);
    return CLI_DONE;
}

cli_exit cli_db_export(const cli_call *call)
{
    task t = {.call = call, .ui = call->ui, .file = {.fd = -1}};
    cli_exit status = read_command(&t);
    if (status == CLI_DONE)
        status = cli_keys_read(call, &t.keys);
    if (status == CLI_DONE && !cli_stop_watch())
        status = cli_fail_errno(call->ui, errno, "watch for", "signals");
    if (status == CLI_DONE)
        status = work(&t);
    cli_newfile_dispose(&t.file);
    cli_sink_dispose(&t.sink);
    cli_export_dispose(&t.out);
    cli_keys_dispose(&t.keys);
    cli_buf_dispose(&t.sql);
    cli_stop_die();
    return status;
}
