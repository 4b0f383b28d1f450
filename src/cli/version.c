/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "cli/show/json.h"

cli_exit cli_version(const cli_call *call)
{
    cli_out out = {stdout, 0};
    if (call->ui->json)
        return cli_json_end(call->ui,
                            json_pack("{s:s, s:s, s:s}", "skep", skep_version(), "sqlite",
                                      skep_sqlite_version(), "sqlite_mc", skep_sqlite_mc_version()),
                            CLI_DONE);
    cli_printf(&out, "skep %s\nSQLite %s (%s)\n", skep_version(), skep_sqlite_version(),
               skep_sqlite_mc_version());
    return cli_out_end(&out, call->ui, CLI_DONE);
}
