/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <string.h>

#include "cli/db/open.h"
#include "cli/show/json.h"
#include "cli/show/steps.h"
#include "cli/show/text.h"

typedef struct checkpoint {
    const cli_call *call;
    skep_maintain_opts opts;
    skep_maintain_result result;
    skep_db_info before;
    skep_db_info after;
} checkpoint;

static cli_exit tell(const checkpoint *c)
{
    const cli_ui *ui = c->call->ui;
    const skep_maintain_result *result = &c->result;
    cli_out out = {stdout, 0};
    uint64_t written = result->wal_pages - result->pages_left;
    if (ui->json)
        return cli_json_end(ui,
                            json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:o}", "path",
                                      cli_json_text(skep_slice_str(c->before.path)), "journal_mode",
                                      c->before.journal_mode, "wal_pages",
                                      (json_int_t)result->wal_pages, "pages_left",
                                      (json_int_t)result->pages_left, "wal_bytes_before",
                                      (json_int_t)c->before.wal_bytes, "wal_bytes_after",
                                      (json_int_t)c->after.wal_bytes, "took_ms",
                                      cli_json_rounded((double)result->took_ns / 1e6, 3)),
                            CLI_DONE);
    if (strcmp(c->before.journal_mode, "wal") != 0)
        cli_printf(&out, "nothing to do: the journal mode is %s, so there is no WAL\n",
                   c->before.journal_mode);
    else
        cli_printf(&out, "%s pages written back, %s left; the -wal has %s, had %s; %s\n",
                   cli_count(written).s, cli_count(result->pages_left).s,
                   cli_bytes(c->after.wal_bytes).s, cli_bytes(c->before.wal_bytes).s,
                   cli_duration(result->took_ns).s);
    if (result->pages_left > 0)
        cli_say(ui, "a reader still needs what is left");
    return cli_out_end(&out, ui, CLI_DONE);
}

static cli_exit write_back(checkpoint *c, skep_db *db)
{
    cli_steps steps;
    if (skep_db_get_info(db, &c->before) < 0)
        return cli_fail(c->call->ui);
    c->opts.progress = cli_steps_at;
    c->opts.ctx = &steps;
    cli_steps_begin(&steps, c->call->ui);
    int rc = skep_db_checkpoint(db, &c->opts, &c->result);
    cli_steps_end(&steps);
    if (rc < 0 || skep_db_get_info(db, &c->after) < 0)
        return cli_fail(c->call->ui);
    return CLI_DONE;
}

cli_exit cli_db_checkpoint(const cli_call *call)
{
    checkpoint c = {.call = call,
                    .opts = SKEP_MAINTAIN_OPTS_INIT,
                    .result = {.size = (uint32_t)sizeof(c.result)},
                    .before = {.size = (uint32_t)sizeof(c.before)},
                    .after = {.size = (uint32_t)sizeof(c.after)}};
    skep_db *db = NULL;
    cli_exit status = cli_open_writing(call, call->args[0], &db);
    if (status != CLI_DONE)
        return status;
    c.opts.flags = cli_has(call, CLI_OPT_TRUNCATE) ? SKEP_MAINTAIN_TRUNCATE : 0;
    status = cli_close(call, db, write_back(&c, db));
    return status == CLI_DONE ? tell(&c) : status;
}
