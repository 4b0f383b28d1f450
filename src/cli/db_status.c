/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <inttypes.h>
#include <string.h>

#include "cli/json.h"
#include "cli/open.h"
#include "cli/text.h"

/* What stands in the head of the file. */
typedef struct head {
    int64_t auto_vacuum;
    int64_t application_id;
    int64_t user_version;
    char encoding[16];
} head;

typedef struct file_status {
    const cli_ui *ui;
    skep_db_info info;
    head head;
} file_status;

static int read_number(skep_tx *tx, const char *sql, int64_t *out)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, sql);
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    if (rc > 0)
        *out = skep_column_int(rows, 0);
    skep_rows_close(rows);
    return rc < 0 ? rc : SKEP_OK;
}

static int read_encoding(skep_tx *tx, head *h)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "PRAGMA encoding");
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    skep_slice text = rc > 0 ? skep_column_text(rows, 0) : skep_slice_str("");
    (void)snprintf(h->encoding, sizeof(h->encoding), "%.*s", (int)text.len,
                   text.len > 0 ? (const char *)text.data : "");
    skep_rows_close(rows);
    return rc < 0 ? rc : SKEP_OK;
}

static int read_head(skep_tx *tx, void *arg)
{
    head *h = arg;
    int rc = read_number(tx, "PRAGMA auto_vacuum", &h->auto_vacuum);
    if (rc >= 0)
        rc = read_number(tx, "PRAGMA application_id", &h->application_id);
    if (rc >= 0)
        rc = read_number(tx, "PRAGMA user_version", &h->user_version);
    return rc < 0 ? rc : read_encoding(tx, h);
}

static cli_exit read_status(const cli_call *call, file_status *s)
{
    skep_db *db = NULL;
    cli_exit status = cli_open_reading(call, call->args[0], &db);
    if (status != CLI_DONE)
        return status;
    if (skep_db_get_info(db, &s->info) < 0 || skep_read(db, read_head, &s->head) < 0)
        status = cli_fail(call->ui);
    return cli_close(call, db, status);
}

static const char *vacuum_name(int64_t auto_vacuum)
{
    switch (auto_vacuum) {
    case 1:
        return "full";
    case 2:
        return "incremental";
    default:
        return "none";
    }
}

static json_t *as_json(const file_status *s)
{
    const skep_db_info *info = &s->info;
    json_t *path = cli_json_text(skep_slice_str(info->path));
    if (path == NULL)
        return NULL;
    return json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:I, s:I}", "path", path,
        "page_size", (json_int_t)info->page_size, "pages", (json_int_t)info->pages, "free_pages",
        (json_int_t)info->free_pages, "bytes", (json_int_t)info->bytes, "wal_bytes",
        (json_int_t)info->wal_bytes, "journal_mode", info->journal_mode, "synchronous",
        info->synchronous, "encrypted", info->encrypted != 0, "sqlite_version",
        info->sqlite_version, "skep_version", skep_version(), "auto_vacuum",
        vacuum_name(s->head.auto_vacuum), "encoding", s->head.encoding, "application_id",
        (json_int_t)s->head.application_id, "user_version", (json_int_t)s->head.user_version);
}

static void row(cli_out *out, const cli_ui *ui, const char *name, const char *text)
{
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    (void)cli_show(&line, skep_slice_str(text), CLI_NO_LIMIT, ui->utf8);
    cli_printf(out, "%s%-14s%s  %s\n", cli_sgr(ui->out_colour, CLI_DIM), name,
               cli_sgr(ui->out_colour, CLI_PLAIN), line.data != NULL ? line.data : "");
}

static void head_rows(cli_out *out, const cli_ui *ui, const head *h)
{
    char text[64];
    row(out, ui, "auto vacuum", vacuum_name(h->auto_vacuum));
    row(out, ui, "encoding", h->encoding);
    (void)snprintf(text, sizeof(text), "%" PRId64, h->application_id);
    row(out, ui, "application id", text);
    (void)snprintf(text, sizeof(text), "%" PRId64, h->user_version);
    row(out, ui, "user version", text);
}

static void as_lines(cli_out *out, const file_status *s)
{
    const cli_ui *ui = s->ui;
    const skep_db_info *info = &s->info;
    char text[128];
    row(out, ui, "path", info->path);
    (void)snprintf(text, sizeof(text), "%s (%llu bytes)", cli_bytes(info->bytes).s,
                   (unsigned long long)info->bytes);
    row(out, ui, "size", text);
    (void)snprintf(text, sizeof(text), "%s of %u bytes, %s free", cli_count(info->pages).s,
                   info->page_size, cli_count(info->free_pages).s);
    row(out, ui, "pages", text);
    (void)snprintf(text, sizeof(text), "%s (%llu bytes)", cli_bytes(info->wal_bytes).s,
                   (unsigned long long)info->wal_bytes);
    row(out, ui, "wal", info->wal_bytes > 0 ? text : "none");
    row(out, ui, "journal mode", info->journal_mode);
    row(out, ui, "synchronous", info->synchronous);
    row(out, ui, "encrypted", info->encrypted != 0 ? "yes" : "no");
    head_rows(out, ui, &s->head);
    (void)snprintf(text, sizeof(text), "%s, in skep %s", info->sqlite_version, skep_version());
    row(out, ui, "SQLite", text);
}

cli_exit cli_db_status(const cli_call *call)
{
    file_status s = {.ui = call->ui, .info = {.size = (uint32_t)sizeof(s.info)}};
    cli_out out = {stdout, 0};
    cli_exit status = read_status(call, &s);
    if (status != CLI_DONE)
        return status;
    if (call->ui->json)
        return cli_json_end(call->ui, as_json(&s), CLI_DONE);
    as_lines(&out, &s);
    return cli_out_end(&out, call->ui, CLI_DONE);
}
