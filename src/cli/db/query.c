/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/db/open.h"
#include "cli/line/param.h"
#include "cli/show/progress.h"
#include "cli/show/rows.h"
#include "cli/tempdir.h"

/* Reading streams: each row is printed as it is found. Writing cannot: its transaction may be run
 * again, and its rows are true only once it is committed: they wait in a temporary file, or in
 * memory if the database is encrypted. */

/* What the transaction function returns for a failure that is not the database's. */
enum { STOP_OUTPUT = SKEP_EUSER, STOP_MEMORY = SKEP_EUSER - 1, STOP_AGAIN = SKEP_EUSER - 2 };

#define LOOK_EVERY 64 /* rows between two looks at the clock and at the output */

typedef struct query {
    const cli_ui *ui;
    const char *sql;
    cli_params params;
    cli_rows_form form;
    bool write;
    cli_out out; /* stdout, or the temporary file of a write */
    uint64_t rows;
    int columns;
    int64_t changes;
    int64_t last_rowid;
    bool cut;
    cli_progress progress;
} query;

/* Print the rows of one statement. Returns a code as a transaction function does. */
static int print_rows(query *q, skep_rows *rows)
{
    cli_rows writer CLI_CLEANUP(cli_rows_dispose) = {0};
    int rc = 1;
    q->columns = skep_columns(rows);
    if (!cli_rows_begin(&writer, q->form, q->ui, &q->out, rows))
        return STOP_MEMORY;
    while ((rc = skep_next(rows)) > 0) {
        if (!cli_rows_put(&writer, rows))
            return STOP_MEMORY;
        if (++q->rows % LOOK_EVERY == 0)
            cli_progress_at(&q->progress, q->rows);
        if (q->out.error != 0)
            return STOP_OUTPUT;
    }
    if (rc < 0)
        return rc;
    if (!cli_rows_end(&writer))
        return STOP_MEMORY;
    q->cut = writer.table.cut;
    return SKEP_OK;
}

static int run_statement(skep_tx *tx, void *arg)
{
    query *q = arg;
    skep_rows *rows = NULL;
    if (!q->write && q->rows > 0)
        return STOP_AGAIN; /* what is printed cannot be taken back */
    if (q->write &&
        (fseek(q->out.file, 0, SEEK_SET) != 0 || ftruncate(fileno(q->out.file), 0) != 0))
        return STOP_OUTPUT;
    q->rows = 0;
    q->out.error = 0;
    int rc = skep_query_v(tx, q->sql, q->params.values, q->params.count, &rows);
    if (rc < 0)
        return rc;
    rc = print_rows(q, rows);
    skep_rows_close(rows);
    q->changes = skep_tx_changes(tx);
    q->last_rowid = skep_tx_last_rowid(tx);
    return rc;
}

static int run_on(query *q, skep_db *db)
{
    skep_call_opts opts = SKEP_CALL_OPTS_INIT;
    opts.flags = q->write ? SKEP_CALL_OWN_THREAD : SKEP_CALL_SINGLE;
    return q->write ? skep_write_with(db, run_statement, q, &opts)
                    : skep_read_with(db, run_statement, q, &opts);
}

/* The rows of a write, once they are true. */
static cli_exit copy_out(query *q)
{
    char piece[16384];
    cli_out out = {stdout, 0};
    size_t len;
    if (fflush(q->out.file) != 0 || fseek(q->out.file, 0, SEEK_SET) != 0)
        return cli_fail_errno(q->ui, errno, "read back", "the temporary file of the result");
    while (out.error == 0 && (len = fread(piece, 1, sizeof(piece), q->out.file)) > 0)
        cli_put(&out, piece, len);
    if (ferror(q->out.file))
        return cli_fail_errno(q->ui, EIO, "read back", "the temporary file of the result");
    if (q->columns == 0 && q->ui->json)
        cli_printf(&out, "{\"changes\":%" PRId64 ",\"last_rowid\":%" PRId64 "}\n", q->changes,
                   q->last_rowid);
    return cli_out_end(&out, q->ui, CLI_DONE);
}

static cli_exit stopped(query *q, int rc, const skep_err *err)
{
    cli_out out = {stdout, 0};
    switch (rc) {
    case STOP_OUTPUT:
        if (q->write)
            return cli_fail_errno(q->ui, q->out.error != 0 ? q->out.error : errno, "write to",
                                  "the temporary file of the result");
        return cli_out_end(&q->out, q->ui, CLI_DONE);
    case STOP_MEMORY:
        return cli_fail_memory(q->ui);
    case STOP_AGAIN:
        cli_say(q->ui, "the statement was begun again after rows were printed; try again");
        return CLI_FAILED;
    default:
        (void)cli_out_end(&out, q->ui, CLI_FAILED); /* the rows before the error */
        return err->code == SKEP_EREADONLY && !q->write
                   ? cli_fail_advised(q->ui, err, "add --write if it may be changed")
                   : cli_fail_err(q->ui, err);
    }
}

static void remark(const query *q, uint64_t took_ns)
{
    bool person = q->form == CLI_ROWS_TABLE && q->ui->loud == 0;
    if (!person && q->ui->loud < 1)
        return;
    if (q->columns == 0 && q->write)
        cli_say(q->ui, "%s row%s changed", cli_count((uint64_t)q->changes).s,
                q->changes == 1 ? "" : "s");
    else if (q->ui->loud > 0 || (q->ui->out_tty && q->ui->err_tty))
        cli_say(q->ui, "%s row%s in %s%s", cli_count(q->rows).s, q->rows == 1 ? "" : "s",
                cli_duration(took_ns).s, q->cut ? "; cut to the terminal, --json shows all" : "");
}

static cli_exit run_query(query *q, skep_db *db)
{
    uint64_t begun = cli_now_ns();
    cli_progress_begin(&q->progress, q->ui, "reading", "rows", 0);
    if (q->ui->out_tty && !q->write)
        q->progress.delay_ns = UINT64_MAX; /* the rows themselves are the progress */
    int rc = run_on(q, db);
    skep_err err = *skep_last_error(); /* closing may fail too, and is not the news */
    int closed = skep_db_close(db);
    cli_progress_end(&q->progress);
    if (rc < 0)
        return stopped(q, rc, &err);
    cli_exit status = q->write ? copy_out(q) : cli_out_end(&q->out, q->ui, CLI_DONE);
    if (status == CLI_DONE)
        remark(q, cli_now_ns() - begun);
    return closed < 0 && status == CLI_DONE ? cli_fail(q->ui) : status;
}

/* NULL: errno says why. */
static FILE *result_file(skep_db *db)
{
    skep_db_info info = {.size = (uint32_t)sizeof(info)};
    bool secret = skep_db_get_info(db, &info) < 0 || info.encrypted != 0;
    int fd = cli_nameless_file(secret);
    FILE *file = fd >= 0 ? fdopen(fd, "w+") : NULL;
    if (fd >= 0 && file == NULL)
        (void)close(fd);
    return file;
}

static cli_exit open_and_run(query *q, const cli_call *call)
{
    skep_db *db = NULL;
    cli_exit status = q->write ? cli_open_writing(call, call->args[0], &db)
                               : cli_open_reading(call, call->args[0], &db);
    if (status != CLI_DONE)
        return status;
    if (!q->write) {
        q->out.file = stdout;
        return run_query(q, db);
    }
    q->out.file = result_file(db);
    if (q->out.file == NULL) {
        int why = errno;
        (void)skep_db_close(db);
        return cli_fail_errno(q->ui, why, "create", "a temporary file for the result");
    }
    status = run_query(q, db);
    (void)fclose(q->out.file); /* it has no name: nothing of it stays */
    return status;
}

cli_exit cli_db_query(const cli_call *call)
{
    query q = {.ui = call->ui, .sql = call->args[1], .write = cli_has(call, CLI_OPT_WRITE)};
    if (call->ui->json && cli_has(call, CLI_OPT_CSV))
        return cli_usage(call->ui, call->page, "--json and --csv contradict each other");
    q.form = call->ui->json               ? CLI_ROWS_JSON
             : cli_has(call, CLI_OPT_CSV) ? CLI_ROWS_CSV
                                          : CLI_ROWS_TABLE;
    cli_exit status = cli_params_read(&q.params, call);
    if (status == CLI_DONE)
        status = open_and_run(&q, call);
    cli_params_dispose(&q.params);
    return status;
}
