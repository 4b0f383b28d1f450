/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "cli/db/seal.h"
#include "cli/key.h"
#include "cli/show/ask.h"
#include "cli/show/json.h"
#include "cli/show/progress.h"
#include "cli/show/text.h"

/* Encrypting, changing the key, decrypting. What state the file is in is said when a rekey was
 * interrupted and when this one fails: those are the moments when nobody knows which key fits. */

typedef struct rekey {
    const cli_call *call;
    cli_keys keys;
    skep_key *to;
    skep_seal before;
    skep_seal after;
    cli_progress progress;
    uint64_t pages;
    uint64_t took_ns;
} rekey;

static void progressed(uint64_t done, uint64_t total, void *ctx)
{
    rekey *r = ctx;
    r->pages = total;
    r->progress.total = total;
    cli_progress_at(&r->progress, done);
}

static void tell_interrupted(const rekey *r, const skep_seal *seal)
{
    if (seal->state == SKEP_SEAL_REKEY_OLD || seal->state == SKEP_SEAL_REKEY_NEW)
        cli_say(r->call->ui, "%s: %s", r->call->args[0], cli_seal_text(seal->state));
}

/* A plain file has no key: what the environment holds is for other files. */
static bool was_plain(const skep_seal *seal)
{
    return seal->state == SKEP_SEAL_PLAIN ||
           (seal->state == SKEP_SEAL_REKEY_OLD && seal->cipher == SKEP_CIPHER_DEFAULT);
}

static cli_exit change(rekey *r)
{
    const char *path = r->call->args[0];
    uint64_t begun = cli_now_ns();
    skep_rekey_opts opts = SKEP_REKEY_OPTS_INIT;
    opts.cipher = r->keys.cipher;
    opts.key = was_plain(&r->before) ? NULL : r->keys.key;
    opts.to = r->to;
    opts.progress = progressed;
    opts.ctx = r;
    cli_progress_begin(&r->progress, r->call->ui, r->to != NULL ? "encrypting" : "decrypting",
                       "pages", 0);
    int rc = skep_db_rekey(path, &opts);
    cli_progress_end(&r->progress);
    r->took_ns = cli_now_ns() - begun;
    if (rc < 0) {
        cli_exit status = cli_fail(r->call->ui);
        if (skep_db_seal(path, &r->after) >= 0)
            tell_interrupted(r, &r->after);
        return status;
    }
    return skep_db_seal(path, &r->after) < 0 ? cli_fail(r->call->ui) : CLI_DONE;
}

static cli_exit tell(const rekey *r)
{
    const cli_ui *ui = r->call->ui;
    cli_out out = {stdout, 0};
    if (ui->json)
        return cli_json_end(
            ui,
            json_pack(
                "{s:o, s:s, s:s, s:s, s:I, s:o}", "path", cli_json_path(r->call->args[0]), "was",
                cli_seal_word(r->before.state), "state", cli_seal_word(r->after.state), "cipher",
                r->after.state == SKEP_SEAL_PLAIN ? "none" : skep_cipher_name(r->after.cipher),
                "pages", (json_int_t)r->pages, "took_ms",
                cli_json_rounded((double)r->took_ns / 1e6, 3)),
            CLI_DONE);
    if (r->after.state == SKEP_SEAL_PLAIN)
        cli_printf(&out, "not encrypted");
    else
        cli_printf(&out, "encrypted with the new key, %s", skep_cipher_name(r->after.cipher));
    if (r->pages > 0)
        cli_printf(&out, "; %s pages in %s", cli_count(r->pages).s, cli_duration(r->took_ns).s);
    else
        cli_printf(&out, "; it was so already, no page was written");
    cli_puts(&out, "\n");
    return cli_out_end(&out, ui, CLI_DONE);
}

/* The command line alone. */
static cli_exit check_call(const cli_call *call)
{
    bool decrypt = cli_has(call, CLI_OPT_DECRYPT);
    if (decrypt && cli_has(call, CLI_OPT_CIPHER))
        return cli_usage(call->ui, call->page, "--decrypt and --cipher contradict each other");
    return decrypt ? cli_confirm(call, "all that the file holds will lie on the disk in the clear")
                   : CLI_DONE;
}

static cli_exit run(rekey *r)
{
    const cli_call *call = r->call;
    const char *new_key = cli_value(call, CLI_OPT_NEW_KEY_FILE);
    cli_exit status = cli_keys_read(call, &r->keys);
    if (status == CLI_DONE && new_key != NULL)
        status = cli_key_file(call->ui, new_key, &r->to);
    if (status != CLI_DONE)
        return status;
    if (skep_db_seal(call->args[0], &r->before) < 0)
        return cli_fail(call->ui);
    tell_interrupted(r, &r->before);
    if (r->before.state == SKEP_SEAL_PLAIN && r->to == NULL) {
        r->after = r->before; /* as it was asked for */
        return tell(r);
    }
    status = change(r);
    return status == CLI_DONE ? tell(r) : status;
}

cli_exit cli_db_rekey(const cli_call *call)
{
    rekey r = {.call = call,
               .before = {.size = (uint32_t)sizeof(r.before)},
               .after = {.size = (uint32_t)sizeof(r.after)}};
    cli_exit status = check_call(call);
    if (status == CLI_DONE)
        status = run(&r);
    skep_key_free(r.to);
    cli_keys_dispose(&r.keys);
    return status;
}
