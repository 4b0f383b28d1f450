/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>

#include <jansson.h>

#include "cli/show/json.h"
#include "cli/store/store.h"

/* skep key wrap and skep key rotate: who shall open what is sealed in a store. */

static cli_exit tell(const store_session *s, bool rotate, int changed)
{
    cli_out out = {stdout, 0};
    if (s->ui->json)
        return cli_json_end(s->ui,
                            rotate ? json_pack("{s:b}", "rotated", changed > 0)
                                   : json_pack("{s:i}", "added", changed),
                            CLI_DONE);
    if (changed == 0)
        cli_puts(&out, rotate ? "it was so already\n" : "it opens them already\n");
    else if (rotate)
        cli_puts(&out, "rotated: the old key opens nothing here any more\n");
    else
        cli_printf(&out, "%d data key%s wrapped\n", changed, changed == 1 ? "" : "s");
    return cli_out_end(&out, s->ui, CLI_DONE);
}

static cli_exit change(store_session *s, bool rotate, const skep_rewrap_opts *opts)
{
    skep_store *store = NULL;
    cli_exit status =
        store_open(s, s->call->args[0], rotate ? STORE_CHANGE : STORE_MAKE, true, &store);
    if (status != CLI_DONE)
        return status;
    int changed = rotate ? skep_keyring_rotate(store, opts) : skep_keyring_wrap(store, opts);
    status = changed < 0 ? store_fail(s) : tell(s, rotate, changed);
    return store_close(s, store, status);
}

static cli_exit run(const cli_call *call, bool rotate)
{
    store_session s;
    skep_key *to = NULL;
    skep_rewrap_opts opts = SKEP_REWRAP_OPTS_INIT;
    const char *new_key = cli_value(call, CLI_OPT_NEW_KEY_FILE);
    cli_exit status = store_begin(&s, call);
    if (status == CLI_DONE && new_key != NULL)
        status = cli_key_file(call->ui, new_key, &to);
    if (status == CLI_DONE && rotate && s.keys.key == NULL)
        status = cli_usage(call->ui, call->page,
                           "the present key is to be given (--key-file F, or SKEP_KEY)");
    if (status == CLI_DONE) {
        opts.key = s.keys.key;
        opts.to = to;
        opts.recipient = cli_value(call, CLI_OPT_RECIPIENT);
        opts.io = store_io(&s);
        status = change(&s, rotate, &opts);
    }
    skep_key_free(to);
    return store_end(&s, status);
}

cli_exit cli_key_wrap(const cli_call *call)
{
    return run(call, false);
}

cli_exit cli_key_rotate(const cli_call *call)
{
    return run(call, true);
}
