/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cli/show/json.h"
#include "cli/show/table.h"
#include "cli/store/store.h"

/* Who opens what is sealed in a store; and, with a key, which of them it is. Nothing of it is
 * secret. Without a store, the recipient of the key. */

static const char *kind_word(int kind)
{
    return kind == SKEP_WRAP_RAW          ? "raw key"
           : kind == SKEP_WRAP_PASSPHRASE ? "passphrase"
                                          : "recipient";
}

static const char *use_word(int use)
{
    return use == SKEP_WRAP_DATA ? "data key" : "old recipient";
}

/* A wrap as it is shown. */
typedef struct row {
    skep_wrap wrap;
    char id[2 * SKEP_WRAP_ID_BYTES + 1];
    char created[SKEP_TIME_TEXT_SIZE];
    bool opens; /* with the key that was given */
} row;

static int take(const skep_keyring *ring, size_t index, const skep_key *key, row *out)
{
    *out = (row){.wrap = SKEP_WRAP_INIT};
    int rc = skep_keyring_get(ring, index, &out->wrap);
    if (rc >= 0)
        rc = skep_time_text(out->wrap.created_us, out->created);
    if (rc >= 0 && key != NULL)
        rc = skep_keyring_opens(ring, index, key);
    out->opens = rc > 0;
    for (size_t i = 0; i < SKEP_WRAP_ID_BYTES; i++)
        (void)snprintf(out->id + 2 * i, 3, "%02x", out->wrap.id[i]);
    return rc;
}

static bool put_json(cli_out *out, const row *r, bool with_key)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", kind_word(r->wrap.kind), "of",
                  use_word(r->wrap.use), "by", r->wrap.by, "id", r->id, "created", r->created);
    bool ok = object != NULL &&
              (!with_key || json_object_set_new(object, "opens", json_boolean(r->opens)) == 0) &&
              cli_json_put(out, object);
    json_decref(object);
    cli_putc(out, '\n');
    return ok;
}

static bool put_row(cli_table *table, const row *r, bool with_key)
{
    cli_table_text(table, use_word(r->wrap.use));
    cli_table_text(table, kind_word(r->wrap.kind));
    cli_table_text(table, r->wrap.by);
    cli_table_text(table, r->created);
    if (with_key)
        cli_table_text(table, r->opens ? "yes" : "");
    return cli_table_end_row(table);
}

static bool put_header(cli_table *table, const cli_ui *ui, cli_out *out, bool with_key)
{
    static const char *const names[] = {"what", "opened by a", "which is", "since", "yours"};
    const size_t wide = with_key ? 5 : 4;
    cli_table_begin(table, ui, out, wide);
    for (size_t i = 0; i < wide; i++)
        cli_table_text(table, names[i]);
    return cli_table_end_row(table);
}

static cli_exit show_ring(const cli_ui *ui, const skep_keyring *ring, const skep_key *key)
{
    cli_table table;
    row r;
    cli_out out = {stdout, 0};
    bool opened = false;
    int rc = SKEP_OK;
    bool ok = ui->json || put_header(&table, ui, &out, key != NULL);
    for (size_t i = 0; i < skep_keyring_count(ring) && ok && rc >= 0; i++) {
        rc = take(ring, i, key, &r);
        opened = opened || r.opens;
        if (rc >= 0)
            ok = ui->json ? put_json(&out, &r, key != NULL) : put_row(&table, &r, key != NULL);
    }
    if (!ui->json) {
        ok = ok && cli_table_end(&table);
        cli_table_dispose(&table);
    }
    cli_exit status = rc < 0 ? cli_fail(ui) : !ok ? cli_fail_memory(ui) : CLI_DONE;
    if (status == CLI_DONE && key != NULL && !opened) {
        cli_say(ui, "the key given opens none of them");
        status = CLI_WRONG;
    }
    return cli_out_end(&out, ui, status);
}

static cli_exit show_store(store_session *s)
{
    skep_store *store = NULL;
    skep_keyring *ring = NULL;
    cli_exit status = store_open(s, s->call->args[0], STORE_LOOK, true, &store);
    if (status != CLI_DONE)
        return status;
    const skep_io_opts io = store_io(s);
    if (skep_keyring_read(store, &io, &ring) < 0)
        status = store_fail(s);
    else
        status = show_ring(s->ui, ring, s->keys.key);
    skep_keyring_free(ring);
    return store_close(s, store, status);
}

static cli_exit show_key(const store_session *s)
{
    char recipient[SKEP_RECIPIENT_TEXT_MAX + 1];
    cli_out out = {stdout, 0};
    if (s->keys.key == NULL)
        return cli_usage(s->ui, s->call->page, "a URI or a key (--key-file F) is to be given");
    if (skep_key_recipient(s->keys.key, recipient, sizeof(recipient)) < 0)
        return cli_fail(s->ui);
    if (s->ui->json)
        return cli_json_end(s->ui, json_pack("{s:s}", "recipient", recipient), CLI_DONE);
    cli_printf(&out, "%s\n", recipient);
    return cli_out_end(&out, s->ui, CLI_DONE);
}

cli_exit cli_key_show(const cli_call *call)
{
    store_session s;
    cli_exit status = store_begin(&s, call);
    if (status == CLI_DONE)
        status = call->arg_count > 0 ? show_store(&s) : show_key(&s);
    return store_end(&s, status);
}
