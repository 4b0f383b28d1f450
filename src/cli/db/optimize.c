/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cli/db/open.h"
#include "cli/show/json.h"
#include "cli/show/steps.h"
#include "cli/show/text.h"

/* What the disk under `path` would still take; 0 where that is not known. */
static uint64_t room_beside(const char *path)
{
    struct statvfs room;
    if (statvfs(path, &room) != 0)
        return 0;
    return (uint64_t)room.f_bavail * (uint64_t)room.f_frsize;
}

/* File and -wal as they are now that this program has closed them: a WAL that nobody else uses has
 * gone. Where that cannot be told, what the library found. */
static uint64_t bytes_now(const char *path, uint64_t found)
{
    struct stat file;
    struct stat wal;
    cli_buf name CLI_CLEANUP(cli_buf_dispose) = {0};
    cli_buf_puts(&name, path);
    cli_buf_puts(&name, "-wal");
    if (name.failed || stat(path, &file) != 0)
        return found;
    uint64_t beside = stat(name.data, &wal) == 0 ? (uint64_t)wal.st_size : 0;
    return (uint64_t)file.st_size + beside;
}

/* Before it begins, since it can take long and may not fit. */
static void tell_need(const cli_call *call, skep_db *db)
{
    skep_db_info info = {.size = (uint32_t)sizeof(info)};
    if (call->ui->loud < 0 || call->ui->json || skep_db_get_info(db, &info) < 0)
        return;
    uint64_t used = (info.pages - info.free_pages) * info.page_size;
    cli_say(call->ui, "rewriting %s: needs %s, and up to %s of disk for a while; %s are free",
            cli_bytes(used).s,
            info.encrypted ? "about as much memory" : "as much for a temporary file",
            cli_bytes(2 * used).s, cli_bytes(room_beside(info.path)).s);
}

static cli_exit tell(const cli_call *call, const skep_maintain_opts *opts,
                     const skep_maintain_result *result)
{
    cli_out out = {stdout, 0};
    bool vacuum = (opts->flags & SKEP_MAINTAIN_VACUUM) != 0;
    bool analyze = (opts->flags & SKEP_MAINTAIN_ANALYZE) != 0;
    if (call->ui->json)
        return cli_json_end(call->ui,
                            json_pack("{s:o, s:b, s:b, s:I, s:I, s:o}", "path",
                                      cli_json_path(call->args[0]), "analyze", analyze, "vacuum",
                                      vacuum, "bytes_before", (json_int_t)result->bytes_before,
                                      "bytes_after", (json_int_t)result->bytes_after, "took_ms",
                                      cli_json_rounded((double)result->took_ns / 1e6, 3)),
                            CLI_DONE);
    cli_printf(&out, "%s; %s; %s, was %s; %s\n",
               analyze ? "statistics of every table made anew"
                       : "statistics brought up to date where they needed it",
               vacuum ? "file written anew" : "free pages given back",
               cli_bytes(result->bytes_after).s, cli_bytes(result->bytes_before).s,
               cli_duration(result->took_ns).s);
    return cli_out_end(&out, call->ui, CLI_DONE);
}

cli_exit cli_db_optimize(const cli_call *call)
{
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    skep_maintain_result result = {.size = (uint32_t)sizeof(result)};
    skep_db *db = NULL;
    cli_steps steps;
    cli_exit status = cli_open_writing(call, call->args[0], &db);
    if (status != CLI_DONE)
        return status;
    opts.flags = (cli_has(call, CLI_OPT_ANALYZE) ? SKEP_MAINTAIN_ANALYZE : 0u) |
                 (cli_has(call, CLI_OPT_VACUUM) ? SKEP_MAINTAIN_VACUUM : 0u);
    opts.progress = cli_steps_at;
    opts.ctx = &steps;
    if (cli_has(call, CLI_OPT_VACUUM))
        tell_need(call, db);
    cli_steps_begin(&steps, call->ui);
    int rc = skep_db_optimize(db, &opts, &result);
    cli_steps_end(&steps);
    status = cli_close(call, db, rc < 0 ? cli_fail(call->ui) : CLI_DONE);
    result.bytes_after = bytes_now(call->args[0], result.bytes_after);
    return status == CLI_DONE ? tell(call, &opts, &result) : status;
}
