/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/db/open.h"
#include "cli/db/running.h"
#include "cli/db/seal.h"
#include "cli/show/json.h"
#include "cli/show/text.h"

/* What stands in the head of the file. */
typedef struct head {
    int64_t auto_vacuum;
    int64_t application_id;
    int64_t user_version;
    char encoding[16];
} head;

typedef struct file_status {
    const cli_ui *ui;
    skep_seal seal;
    bool opened; /* else only what needs no key is known: `info` has path and sizes */
    char why[SKEP_ERR_TEXT_MAX]; /* it was not opened */
    skep_db_info info;
    head head;
    cli_running running;
} file_status;

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
    int rc = cli_read_number(tx, "PRAGMA auto_vacuum", &h->auto_vacuum);
    if (rc >= 0)
        rc = cli_read_number(tx, "PRAGMA application_id", &h->application_id);
    if (rc >= 0)
        rc = cli_read_number(tx, "PRAGMA user_version", &h->user_version);
    return rc < 0 ? rc : read_encoding(tx, h);
}

/* What can be told of an encrypted file by who has no key. */
static cli_exit read_outside(const cli_call *call, file_status *s)
{
    char wal[sizeof(s->info.path) + 8];
    char real[PATH_MAX];
    struct stat st;
    if (realpath(call->args[0], real) == NULL || stat(real, &st) != 0)
        return cli_fail_errno(call->ui, errno, "read", call->args[0]);
    (void)snprintf(s->info.path, sizeof(s->info.path), "%s", real);
    s->info.bytes = (uint64_t)st.st_size;
    (void)snprintf(wal, sizeof(wal), "%s-wal", s->info.path);
    if (stat(wal, &st) == 0)
        s->info.wal_bytes = (uint64_t)st.st_size;
    return CLI_DONE;
}

static cli_exit read_inside(const cli_call *call, file_status *s, skep_db *db)
{
    cli_exit status = CLI_DONE;
    s->opened = true;
    if (skep_db_get_info(db, &s->info) < 0 || skep_read(db, read_head, &s->head) < 0)
        status = cli_fail(call->ui);
    return cli_close(call, db, status);
}

static cli_exit read_status(const cli_call *call, file_status *s)
{
    skep_db *db = NULL;
    if (skep_db_seal(call->args[0], &s->seal) < 0) /* first: nobody may have it open */
        return cli_fail(call->ui);
    cli_exit status = cli_try_reading(call, call->args[0], &db);
    if (status != CLI_DONE)
        return status;
    if (db != NULL)
        return read_inside(call, s, db);
    int code = skep_last_error()->code;
    if (code == SKEP_EREADONLY)
        (void)snprintf(
            s->why, sizeof(s->why),
            "a transaction was interrupted, which has to be undone before it can be read");
    else if (code == SKEP_EAUTH && s->seal.state != SKEP_SEAL_PLAIN)
        (void)snprintf(s->why, sizeof(s->why), "%s", skep_last_error()->text);
    else
        return cli_fail(call->ui);
    return read_outside(call, s);
}

static const char *cipher_of(const file_status *s)
{
    if (s->seal.state == SKEP_SEAL_PLAIN)
        return "none";
    return s->seal.cipher == SKEP_CIPHER_DEFAULT ? "unknown" : skep_cipher_name(s->seal.cipher);
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

/* Of the file alone: what is known without its key. */
static json_t *outside_json(const file_status *s)
{
    const skep_db_info *info = &s->info;
    json_t *path = cli_json_text(skep_slice_str(info->path));
    if (path == NULL)
        return NULL;
    return json_pack("{s:o, s:I, s:I, s:b, s:s, s:s, s:b, s:s, s:s}", "path", path, "bytes",
                     (json_int_t)info->bytes, "wal_bytes", (json_int_t)info->wal_bytes, "encrypted",
                     s->seal.state != SKEP_SEAL_PLAIN, "encryption", cli_seal_word(s->seal.state),
                     "cipher", cipher_of(s), "opened", s->opened, "sqlite_version",
                     skep_sqlite_version(), "skep_version", skep_version());
}

static json_t *inside_json(const file_status *s)
{
    const skep_db_info *info = &s->info;
    return json_pack(
        "{s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:I, s:I}", "page_size", (json_int_t)info->page_size,
        "pages", (json_int_t)info->pages, "free_pages", (json_int_t)info->free_pages,
        "journal_mode", info->journal_mode, "synchronous", info->synchronous, "auto_vacuum",
        vacuum_name(s->head.auto_vacuum), "encoding", s->head.encoding, "application_id",
        (json_int_t)s->head.application_id, "user_version", (json_int_t)s->head.user_version);
}

/* What runs it: true, false, or null where that cannot be known. */
static bool add_running(const file_status *s, json_t *object)
{
    const cli_running *running = &s->running;
    bool known = running->state != CLI_RUNNING_BLIND;
    if (json_object_set_new(object, "running",
                            known ? json_boolean(running->state == CLI_RUNNING) : json_null()) !=
            0 ||
        json_object_set_new(object, "process", cli_running_json(running)) != 0)
        return false;
    return s->opened ||
           json_object_set_new(object, "why", cli_json_text(skep_slice_str(s->why))) == 0;
}

static json_t *as_json(const file_status *s)
{
    json_t *all = outside_json(s);
    json_t *inside = s->opened ? inside_json(s) : json_object();
    bool fits = all != NULL && inside != NULL && json_object_update(all, inside) == 0 &&
                add_running(s, all);
    json_decref(inside);
    if (fits)
        return all;
    json_decref(all);
    return NULL;
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

static void inside_rows(cli_out *out, const file_status *s)
{
    const cli_ui *ui = s->ui;
    const skep_db_info *info = &s->info;
    char text[128];
    (void)snprintf(text, sizeof(text), "%s of %u bytes, %s free", cli_count(info->pages).s,
                   info->page_size, cli_count(info->free_pages).s);
    row(out, ui, "pages", text);
    row(out, ui, "journal mode", info->journal_mode);
    row(out, ui, "synchronous", info->synchronous);
    head_rows(out, ui, &s->head);
}

static void seal_row(cli_out *out, const file_status *s)
{
    char text[256];
    if (s->seal.state == SKEP_SEAL_PLAIN)
        (void)snprintf(text, sizeof(text), "no");
    else if (s->seal.state == SKEP_SEAL_ENCRYPTED)
        (void)snprintf(text, sizeof(text), "yes, %s",
                       s->seal.cipher == SKEP_CIPHER_DEFAULT ? "the cipher is not recorded"
                                                             : cipher_of(s));
    else
        (void)snprintf(text, sizeof(text), "%s", cli_seal_text(s->seal.state));
    row(out, s->ui, "encrypted", text);
}

static bool as_lines(cli_out *out, const file_status *s)
{
    const cli_ui *ui = s->ui;
    const skep_db_info *info = &s->info;
    char text[128];
    row(out, ui, "path", info->path);
    (void)snprintf(text, sizeof(text), "%s (%llu bytes)", cli_bytes(info->bytes).s,
                   (unsigned long long)info->bytes);
    row(out, ui, "size", text);
    (void)snprintf(text, sizeof(text), "%s (%llu bytes)", cli_bytes(info->wal_bytes).s,
                   (unsigned long long)info->wal_bytes);
    row(out, ui, "wal", info->wal_bytes > 0 ? text : "none");
    seal_row(out, s);
    if (s->opened)
        inside_rows(out, s);
    else
        row(out, ui, "not opened", s->why);
    (void)snprintf(text, sizeof(text), "%s, in skep %s", skep_sqlite_version(), skep_version());
    row(out, ui, "SQLite", text);
    return cli_running_rows(&s->running, ui, out);
}

static cli_exit show(const file_status *s)
{
    cli_out out = {stdout, 0};
    if (s->ui->json)
        return cli_json_end(s->ui, as_json(s), CLI_DONE);
    if (!as_lines(&out, s))
        return cli_fail_memory(s->ui);
    return cli_out_end(&out, s->ui, CLI_DONE);
}

cli_exit cli_db_status(const cli_call *call)
{
    file_status s = {.ui = call->ui,
                     .seal = {.size = (uint32_t)sizeof(s.seal)},
                     .info = {.size = (uint32_t)sizeof(s.info)}};
    cli_exit status = read_status(call, &s);
    if (status != CLI_DONE)
        return status;
    cli_running_read(&s.running, call->args[0]);
    status = show(&s);
    cli_running_dispose(&s.running);
    return status;
}
