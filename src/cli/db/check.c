/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <string.h>

#include "cli/db/open.h"
#include "cli/line/number.h"
#include "cli/show/json.h"
#include "cli/show/progress.h"
#include "cli/show/text.h"

#define MAX_DEFAULT 100
#define MAX_MOST 1000000

typedef struct check {
    const cli_ui *ui;
    const char *path;
    bool full;
    uint64_t max;
    cli_out out;
    json_t *list; /* with --json: what was found */
    uint64_t found;
    bool failed; /* memory ran out */
    uint64_t pages;
    uint64_t begun_ns;
    uint64_t took_ns;
    cli_progress progress;
} check;

static void found_line(check *c, skep_slice text)
{
    c->found++;
    if (c->ui->json) {
        if (json_array_append_new(c->list, cli_json_text(text)) != 0)
            c->failed = true;
        return;
    }
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    cli_progress_end(&c->progress);
    (void)cli_show(&line, text, CLI_NO_LIMIT, c->ui->utf8);
    cli_printf(&c->out, "%s\n", line.data != NULL ? line.data : "");
}

/* SQLite tells all that is wrong with pages in one text, under a heading. */
static void found(const char *text, void *ctx)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        if (len > 0 && strncmp(text, "*** in database", 15) != 0)
            found_line(ctx, skep_slice_of(text, len));
        text += len + (text[len] == '\n');
    }
}

static void progressed(uint64_t done, uint64_t total, void *ctx)
{
    check *c = ctx;
    c->progress.total = total;
    if (done >= total) { /* every page was seen; what follows has no known length */
        c->progress.label = "comparing";
        c->progress.total = 0;
        done = 0;
    }
    cli_progress_at(&c->progress, done);
}

/* Damage that is met before the check can begin is a finding like any other. */
static cli_exit failed(check *c)
{
    if (skep_last_error()->code != SKEP_ECORRUPT)
        return cli_fail(c->ui);
    found(skep_last_error()->text, c);
    return CLI_WRONG;
}

static cli_exit check_opened(check *c, skep_db *db)
{
    skep_db_info info = {.size = (uint32_t)sizeof(info)};
    skep_check_opts opts = SKEP_CHECK_OPTS_INIT;
    if (skep_db_get_info(db, &info) < 0)
        return failed(c);
    c->pages = info.pages;
    opts.flags = c->full ? SKEP_CHECK_FULL : 0;
    opts.max_findings = (uint32_t)c->max;
    opts.finding = found;
    opts.progress = progressed;
    opts.ctx = c;
    int rc = skep_db_check(db, &opts);
    if (rc < 0)
        return failed(c);
    return rc > 0 ? CLI_WRONG : CLI_DONE;
}

static cli_exit check_file(check *c, const cli_call *call)
{
    skep_db *db = NULL;
    cli_progress_begin(&c->progress, c->ui, "checking", "pages", 0);
    cli_exit status = cli_try_reading(call, c->path, &db);
    if (status == CLI_DONE && db == NULL)
        status =
            skep_last_error()->code == SKEP_EREADONLY ? cli_fail_reading(call, c->path) : failed(c);
    else if (status == CLI_DONE)
        status = cli_close(call, db, check_opened(c, db));
    cli_progress_end(&c->progress);
    c->took_ns = cli_now_ns() - c->begun_ns;
    return status;
}

static cli_exit as_json(check *c, cli_exit status)
{
    json_t *object = NULL;
    if (!c->failed)
        object = json_pack("{s:o, s:b, s:b, s:O, s:I, s:o}", "path", cli_json_path(c->path), "full",
                           c->full, "ok", c->found == 0, "findings", c->list, "pages",
                           (json_int_t)c->pages, "took_ms",
                           cli_json_rounded((double)c->took_ns / 1e6, 3));
    return cli_json_end(c->ui, object, status);
}

static cli_exit as_text(check *c, cli_exit status)
{
    if (status == CLI_DONE)
        cli_printf(&c->out, "ok\n");
    status = cli_out_end(&c->out, c->ui, status);
    if (c->ui->loud < 0)
        return status;
    if (status == CLI_DONE)
        cli_say(c->ui, "%s pages in %s%s", cli_count(c->pages).s, cli_duration(c->took_ns).s,
                c->full ? "" : "; --full also compares indexes with their tables");
    else if (c->found > 0)
        cli_say(c->ui, "%s finding%s%s; man skep-db, CHECK, says what to do", cli_count(c->found).s,
                c->found == 1 ? "" : "s", c->found >= c->max ? " (--max N shows more)" : "");
    return status;
}

cli_exit cli_db_check(const cli_call *call)
{
    check c = {.ui = call->ui,
               .path = call->args[0],
               .full = cli_has(call, CLI_OPT_FULL),
               .max = MAX_DEFAULT,
               .out = {stdout, 0},
               .begun_ns = cli_now_ns()};
    cli_exit status = cli_number(call, CLI_OPT_MAX, 1, MAX_MOST, &c.max);
    if (status != CLI_DONE)
        return status;
    c.list = json_array();
    call->ui->own_event = "db.check";
    status = check_file(&c, call);
    if (status == CLI_DONE || status == CLI_WRONG)
        status = c.ui->json ? as_json(&c, status) : as_text(&c, status);
    json_decref(c.list);
    return status;
}
