/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <unistd.h>

#include "cli/json.h"
#include "cli/text.h"

static int read_info(const char *path, skep_db_info *info)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_db *db = NULL;
    opts.flags = SKEP_DB_READONLY;
    int rc = skep_db_open(path, &opts, &db);
    if (rc < 0)
        return rc;
    rc = skep_db_get_info(db, info);
    if (rc < 0) {
        skep_err first = *skep_last_error(); /* closing may fail too, and is not the news */
        (void)skep_db_close(db);
        return first.code;
    }
    return skep_db_close(db);
}

static json_t *as_json(const skep_db_info *info)
{
    json_t *path = cli_json_text(skep_slice_str(info->path));
    if (path == NULL)
        return NULL;
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:b, s:s, s:s}", "path", path,
                     "page_size", (json_int_t)info->page_size, "pages", (json_int_t)info->pages,
                     "free_pages", (json_int_t)info->free_pages, "bytes", (json_int_t)info->bytes,
                     "wal_bytes", (json_int_t)info->wal_bytes, "journal_mode", info->journal_mode,
                     "synchronous", info->synchronous, "encrypted", info->encrypted != 0,
                     "sqlite_version", info->sqlite_version, "skep_version", skep_version());
}

static void row(cli_out *out, const cli_ui *ui, const char *name, const char *text)
{
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    (void)cli_show(&line, skep_slice_str(text), CLI_NO_LIMIT, ui->utf8);
    cli_printf(out, "%s%-14s%s  %s\n", cli_sgr(ui->out_colour, CLI_DIM), name,
               cli_sgr(ui->out_colour, CLI_PLAIN), line.data != NULL ? line.data : "");
}

static void as_lines(cli_out *out, const cli_ui *ui, const skep_db_info *info)
{
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
    (void)snprintf(text, sizeof(text), "%s, in skep %s", info->sqlite_version, skep_version());
    row(out, ui, "SQLite", text);
}

cli_exit cli_db_status(const cli_call *call)
{
    skep_db_info info = {.size = (uint32_t)sizeof(info)};
    cli_out out = {stdout, 0};
    if (read_info(call->args[0], &info) < 0)
        return cli_fail(call->ui);
    if (call->ui->json)
        return cli_json_end(call->ui, as_json(&info), CLI_DONE);
    as_lines(&out, call->ui, &info);
    return cli_out_end(&out, call->ui, CLI_DONE);
}
