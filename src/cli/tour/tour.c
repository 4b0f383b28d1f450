/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

#include <errno.h>
#include <string.h>

#include "cli/stop.h"
#include "cli/tempdir.h"

#define SOURCE_DEFAULT "/usr/share"
bool tour_stopping(void)
{
    return cli_stopping();
}

cli_exit cli_tour(const cli_call *call)
{
    tour t = {.ui = call->ui, .out = {stdout, 0}, .begun_ns = cli_now_ns()};
    if (cli_has(call, CLI_OPT_CHILD))
        return tour_crash_child(call, cli_value(call, CLI_OPT_CHILD));
    t.source = cli_has(call, CLI_OPT_SOURCE) ? cli_value(call, CLI_OPT_SOURCE) : SOURCE_DEFAULT;
    if (!cli_stop_watch())
        return cli_fail_errno(call->ui, errno, "watch for", "signals");
    cli_tempdir dir;
    cli_exit status = cli_tempdir_make(call->ui, NULL, "skep-tour", &dir);
    if (status != CLI_DONE)
        return status;
    memcpy(t.dir, dir.path, sizeof(t.dir));
    t.file_system = dir.file_system;
    t.in_memory = dir.in_memory;
    const char *chapter = call->arg_count > 0 ? call->args[0] : "";
    if (strcmp(chapter, "store") != 0)
        status = tour_chapter_inventory(&t);
    if (status == CLI_DONE && !tour_stopping() && strcmp(chapter, "inventory") != 0)
        status = tour_chapter_store(&t);
    cli_exit removed = cli_tempdir_remove(call->ui, &dir);
    if (tour_stopping()) {
        cli_say(call->ui, "stopped; the temporary directory is gone");
        cli_stop_die();
        return CLI_FAILED;
    }
    if (removed != CLI_DONE)
        return removed;
    return cli_out_end(&t.out, call->ui, status);
}
