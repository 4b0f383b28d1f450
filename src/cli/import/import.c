/* SPDX-License-Identifier: MIT */
/* `skep db import`: what is imported into what, and how it ends. run.c does the work. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/db/open.h"
#include "cli/import/import.h"
#include "cli/key.h"
#include "cli/line/number.h"
#include "cli/show/json.h"
#include "cli/stop.h"

#define CACHE_BYTES ((uint64_t)128 << 20) /* half of it is the writer's */
#define WRITE_MAX_MS INT64_C(31536000000) /* a year: the user is the one who ends it */
/* Types are guessed from so much, and the guess is held against all that follows: the first value
 * that does not fit it ends the transaction, and all of the data is looked at. */
#define SAMPLE_BYTES ((uint64_t)1 << 20)
#define BATCH_MAX 1000000000u

/* ---- what is said ---- */

/* What became of the rows before the one that ended the import. */
static const char *standing(const import *m, char *room, size_t size)
{
    if (m->rows == 0)
        return "nothing was imported";
    (void)snprintf(room, size, "%s row%s imported before stand", cli_count(m->rows).s,
                   m->rows == 1 ? "" : "s");
    return room;
}

static cli_exit say_bad(const import *m, cli_place place, const char *what)
{
    char room[96];
    cli_say(m->ui, "%s:%llu:%llu: %s; %s", m->source.name, (unsigned long long)place.line,
            (unsigned long long)place.column, what, standing(m, room, sizeof(room)));
    return CLI_FAILED;
}

static cli_exit say_source(const import *m, int why)
{
    if (why == ENOMEM)
        return cli_fail_memory(m->ui);
    if (why == EINTR && cli_stopping()) { /* while a pipe waited for its other end */
        cli_say(m->ui, "stopped; nothing was imported");
        return CLI_FAILED;
    }
    return cli_fail_errno(m->ui, why, "read", m->source.name);
}

static cli_exit failed(const import *m, int rc, const skep_err *err)
{
    char room[96];
    switch (rc) {
    case IMPORT_BAD:
        return say_bad(m, m->place, m->what);
    case IMPORT_STOPPED:
        cli_say(m->ui, "stopped; %s", standing(m, room, sizeof(room)));
        return CLI_FAILED;
    case IMPORT_SOURCE:
        return say_source(m, m->sys_errno);
    case IMPORT_REJECT:
        return cli_fail_errno(m->ui, m->sys_errno, "write to", m->reject.path);
    case IMPORT_CHANGED:
        cli_say(m->ui, "the tables of %s were changed meanwhile; %s; try again", m->path,
                standing(m, room, sizeof(room)));
        return CLI_FAILED;
    case IMPORT_MEMORY:
        return cli_fail_memory(m->ui);
    default:
        (void)cli_fail_err(m->ui, err);
        if (m->rows > 0)
            cli_say(m->ui, "%s", standing(m, room, sizeof(room)));
        return CLI_FAILED;
    }
}

static cli_exit report(const import *m, uint64_t took_ns)
{
    double seconds = (double)took_ns / 1e9;
    cli_exit status = m->rejected > 0 ? CLI_WRONG : CLI_DONE;
    if (m->ui->json)
        return cli_json_end(m->ui,
                            json_pack("{s:s, s:I, s:I, s:I, s:b, s:o}", "table", m->table.name,
                                      "rows", (json_int_t)m->rows, "rejected",
                                      (json_int_t)m->rejected, "bytes", (json_int_t)m->bytes,
                                      "created", m->create, "seconds",
                                      cli_json_rounded(seconds, 3)),
                            status);
    if (m->ui->loud >= 0)
        cli_say(m->ui, "%s row%s into %s in %s, %s/s", cli_count(m->rows).s,
                m->rows == 1 ? "" : "s", m->table.name, cli_duration(took_ns).s,
                cli_bytes(took_ns > 0 ? (uint64_t)((double)m->bytes / seconds) : 0).s);
    if (m->rejected > 0)
        cli_say(m->ui, "%s record%s rejected: see %s", cli_count(m->rejected).s,
                m->rejected == 1 ? " was" : "s were", m->reject.path);
    return status;
}

/* ---- the table ---- */

/* The columns of the table that the header names, or all of them. */
static cli_exit match_columns(import *m, const cli_header *header)
{
    cli_fields *have = &m->columns;
    cli_fields *table = &m->table.columns;
    if (m->shape.format == CLI_FORMAT_NDJSON || !m->header) {
        if (m->shape.format != CLI_FORMAT_NDJSON && have->count > 0 &&
            have->count != table->count) {
            char what[96];
            (void)snprintf(what, sizeof(what), "%zu fields, but the table has %zu columns",
                           have->count, table->count);
            return say_bad(m, (cli_place){1, 1}, what);
        }
        cli_fields empty = {0};
        cli_fields_dispose(have);
        *have = *table;
        *table = empty;
        return CLI_DONE;
    }
    for (size_t i = 0; i < have->count; i++) {
        long column = cli_fields_find(table, have->list[i].name, have->list[i].name_len);
        if (column < 0) {
            char what[256];
            const cli_column *no = &have->list[i];
            bool computed = cli_fields_find(&m->table.computed, no->name, no->name_len) >= 0;
            (void)snprintf(
                what, sizeof(what),
                computed ? "%s computes the column \"%.60s\" by itself; leave it out"
                         : "%s has no column \"%.60s\" (if the first line is data: --no-header)",
                m->table.name, no->name);
            return say_bad(m, (cli_place){header->body.line > 1 ? header->body.line - 1 : 1, 1},
                           what);
        }
        have->list[i].affinity = table->list[column].affinity;
        have->list[i].not_null = table->list[column].not_null;
    }
    return CLI_DONE;
}

static void look_progress(uint64_t bytes, void *ctx)
{
    cli_progress_at(ctx, bytes);
}

/* Look at the first `most` bytes of the data: the types that its values fit. */
static cli_exit find_types(import *m, uint64_t most)
{
    cli_progress progress;
    cli_look look = {.most = most, .progress = look_progress, .ctx = &progress};
    cli_progress_begin(&progress, m->ui, "looking for types", "bytes", m->source.size);
    int rc = cli_feed_look(&m->feed, m->body, &look);
    cli_progress_end(&progress);
    if (cli_stopping())
        return failed(m, IMPORT_STOPPED, NULL);
    if (rc != 0)
        return say_source(m, rc);
    m->shape.guessed = !look.whole;
    m->shape.quotes = look.plain;
    for (size_t i = 0; i < m->columns.count; i++) {
        cli_column *column = &m->columns.list[i];
        column->type = cli_column_type(column, look.plain);
        column->affinity = cli_affinity_of(cli_type_name(column->type));
    }
    if (m->columns.count > 0)
        return CLI_DONE;
    if (look.bad)
        return say_bad(m, look.place, look.first_bad.what);
    return say_bad(m, (cli_place){1, 1}, "no record names a column, so there is none to create");
}

static cli_exit read_table(import *m)
{
    int rc = import_find_table(m->db, &m->table);
    if (rc < 0)
        return failed(m, rc, skep_last_error());
    if (m->table.found == !m->create)
        return CLI_DONE;
    skep_err err = {.code = m->create ? SKEP_EEXISTS : SKEP_ENOTFOUND};
    (void)snprintf(err.text, sizeof(err.text),
                   m->create ? "table %s is in %s already; leave --create away to add to it"
                             : "there is no table %s in %s; --create makes it",
                   m->table.name, m->path);
    cli_say(m->ui, "%s (%s)", err.text, skep_code_name(err.code));
    return CLI_FAILED;
}

static cli_exit read_header(import *m)
{
    cli_header header = {.columns = &m->columns};
    int rc = cli_feed_header(&m->feed, m->header, &header);
    if (cli_stopping())
        return failed(m, IMPORT_STOPPED, NULL);
    if (rc == EINVAL)
        return say_bad(m, header.place, header.bad);
    if (rc != 0)
        return say_source(m, rc);
    m->body = header.body;
    if (m->create)
        return find_types(m, m->batch_rows > 0 ? UINT64_MAX - m->body.offset : SAMPLE_BYTES);
    return match_columns(m, &header);
}

/* ---- the work ---- */

/* Returns what the last transaction did. */
static int insert_all(import *m)
{
    cli_progress_begin(&m->progress, m->ui, "importing", "bytes", m->source.size);
    int rc = import_begin(m);
    do
        rc = rc < 0 ? rc : import_commit(m);
    while (rc >= 0 && !import_finished(m));
    skep_err err = *skep_last_error();
    cli_feed_stop(&m->feed);
    cli_progress_end(&m->progress);
    m->err = err;
    return rc;
}

static cli_exit run(import *m)
{
    cli_exit status = read_table(m);
    if (status == CLI_DONE)
        status = read_header(m);
    if (status != CLI_DONE)
        return status;
    int rc = import_write_sql(m) ? insert_all(m) : IMPORT_MEMORY;
    if (rc == IMPORT_MISFIT) {
        status = find_types(m, UINT64_MAX - m->body.offset);
        if (status != CLI_DONE)
            return status;
        rc = !import_write_sql(m)                ? IMPORT_MEMORY
             : import_reject_back(&m->reject, 0) ? insert_all(m)
                                                 : IMPORT_REJECT;
    }
    return rc < 0 ? failed(m, rc, &m->err) : CLI_DONE;
}

static int open_db(import *m)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    m->made_file = m->create && access(m->path, F_OK) != 0 && errno == ENOENT;
    /* A new file is filled with a rollback journal, which writes each page once, and becomes one of
     * skep's own, with a WAL, when all is in it; one with a key is its own from the start, because
     * how it is encrypted is recorded beside it. */
    opts.flags = SKEP_DB_UNATTENDED;
    opts.flags |= m->made_file ? 0 : SKEP_DB_MUST_EXIST;
    opts.flags |= m->made_file && m->keys.key != NULL ? 0 : SKEP_DB_FOREIGN;
    opts.key = m->keys.key;
    opts.cipher = m->keys.cipher;
    opts.readers = 1;
    opts.cache_bytes = CACHE_BYTES;
    opts.write_max_ms = WRITE_MAX_MS;
    opts.write_slow_ms = WRITE_MAX_MS;
    opts.profile = SKEP_PROFILE_OFF;
    return skep_db_open(m->path, &opts, &m->db);
}

/* The file that was made for this import: skep's own, or gone. */
static cli_exit finish_file(import *m, cli_exit status)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_db *db = NULL;
    if (!m->made_file)
        return status;
    if (m->rows == 0 && status == CLI_FAILED) {
        (void)unlink(m->path);
        return status;
    }
    opts.flags = SKEP_DB_MUST_EXIST | SKEP_DB_UNATTENDED;
    opts.key = m->keys.key;
    opts.cipher = m->keys.cipher;
    if (skep_db_open(m->path, &opts, &db) < 0 || skep_db_close(db) < 0)
        return cli_fail(m->ui);
    return status;
}

static cli_exit open_reject(import *m)
{
    int rc = import_reject_open(&m->reject, cli_has(m->call, CLI_OPT_FORCE));
    if (rc == EEXIST) {
        cli_say(m->ui, "%s is there already; --force replaces it", m->reject.path);
        return CLI_FAILED;
    }
    if (rc == ESPIPE)
        return cli_usage(m->ui, m->call->page, "--reject %s: that is no file that can be cut back",
                         m->reject.path);
    return rc != 0 ? cli_fail_errno(m->ui, rc, "create", m->reject.path) : CLI_DONE;
}

static cli_exit work(import *m)
{
    uint64_t begun = cli_now_ns();
    int rc = cli_source_open(&m->source, m->call->args[1]);
    if (rc == 0)
        rc = cli_feed_init(&m->feed, &m->source, &m->shape);
    if (rc != 0)
        return say_source(m, rc);
    rc = m->create ? cli_source_spool(&m->source, m->keys.key != NULL) : 0;
    if (rc != 0)
        return cli_stopping() ? failed(m, IMPORT_STOPPED, NULL) : say_source(m, rc);
    if (open_db(m) < 0)
        return cli_fail(m->ui);
    cli_exit status = open_reject(m); /* last: it may replace a file */
    if (status == CLI_DONE)
        status = run(m);
    if (skep_db_close(m->db) < 0 && status != CLI_FAILED)
        status = cli_fail(m->ui);
    status = finish_file(m, status);
    rc = import_reject_close(&m->reject, status != CLI_FAILED || m->rows > 0);
    if (rc != 0 && status != CLI_FAILED)
        status = cli_fail_errno(m->ui, rc, "write to", m->reject.path);
    return status == CLI_DONE ? report(m, cli_now_ns() - begun) : status;
}

/* ---- the command line ---- */

cli_format cli_format_of(const cli_call *call, const char *path)
{
    static const struct {
        const char *name;
        cli_format format;
    } known[] = {
        {"csv", CLI_FORMAT_CSV},      {"tsv", CLI_FORMAT_TSV}, {"ndjson", CLI_FORMAT_NDJSON},
        {"jsonl", CLI_FORMAT_NDJSON}, {"tab", CLI_FORMAT_TSV},
    };
    const char *dot = path != NULL ? strrchr(path, '.') : NULL;
    const char *name = cli_value(call, CLI_OPT_FORMAT);
    if (name == NULL)
        name = dot != NULL ? dot + 1 : "";
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcasecmp(known[i].name, name) == 0)
            return known[i].format;
    return CLI_FORMAT_NONE;
}

static cli_exit read_command(import *m)
{
    const cli_call *call = m->call;
    m->path = call->args[0];
    m->table.name = cli_value(call, CLI_OPT_TABLE);
    m->create = cli_has(call, CLI_OPT_CREATE);
    m->header = !cli_has(call, CLI_OPT_NO_HEADER);
    m->reject.path = cli_value(call, CLI_OPT_REJECT);
    m->reject.fd = -1;
    m->shape.format = cli_format_of(call, call->args[1]);
    m->shape.csv = m->shape.format == CLI_FORMAT_TSV ? &cli_csv_tab : &cli_csv_comma;
    m->shape.rule.null_text = cli_value(call, CLI_OPT_NULL);
    m->shape.columns = &m->columns;
    m->shape.table = m->table.name;
    m->shape.computed = &m->table.computed;
    if (m->table.name[0] == '\0')
        return cli_usage(m->ui, call->page, "--table: the name is empty");
    if (m->reject.path != NULL && cli_is_of_database(m->path, m->reject.path))
        return cli_usage(m->ui, call->page, "--reject %s: that is the database", m->reject.path);
    if (m->reject.path != NULL && cli_same_file(call->args[1], m->reject.path))
        return cli_usage(m->ui, call->page, "--reject %s: that is the data", m->reject.path);
    if (m->shape.format == CLI_FORMAT_NONE)
        return cli_usage(m->ui, call->page, "%s: which format? --format csv, tsv or ndjson",
                         call->args[1]);
    if (m->shape.format == CLI_FORMAT_NDJSON && (!m->header || m->shape.rule.null_text != NULL))
        return cli_usage(m->ui, call->page, "--no-header and --null are for CSV and TSV");
    return cli_number(call, CLI_OPT_BATCH, 1, BATCH_MAX, &m->batch_rows);
}

static void dispose(import *m)
{
    cli_keys_dispose(&m->keys);
    cli_feed_dispose(&m->feed);
    cli_source_close(&m->source);
    cli_fields_dispose(&m->columns);
    cli_fields_dispose(&m->table.columns);
    cli_fields_dispose(&m->table.computed);
    cli_buf_dispose(&m->create_sql);
    cli_buf_dispose(&m->one_sql);
    cli_buf_dispose(&m->many_sql);
    free(m);
}

cli_exit cli_db_import(const cli_call *call)
{
    import *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return cli_fail_memory(call->ui);
    m->call = call;
    m->ui = call->ui;
    m->source.fd = -1;
    cli_exit status = read_command(m);
    if (status == CLI_DONE)
        status = cli_keys_read(call, &m->keys);
    if (status == CLI_DONE && !cli_stop_watch())
        status = cli_fail_errno(call->ui, errno, "watch for", "signals");
    if (status == CLI_DONE)
        status = work(m);
    dispose(m);
    cli_stop_die();
    return status;
}
