/* SPDX-License-Identifier: MIT */
/* `skep store ls`: what is in a store. */
#include <jansson.h>

#include "cli/line/number.h"
#include "cli/show/json.h"
#include "cli/show/table.h"
#include "cli/store/store.h"

typedef struct listing {
    const cli_ui *ui;
    cli_out out;
    cli_table table;
    uint64_t count;
    uint64_t bytes;
} listing;

static bool header(listing *l)
{
    if (l->ui->json)
        return true;
    cli_table_begin(&l->table, l->ui, &l->out, 3);
    cli_table_text(&l->table, "modified (UTC)");
    cli_table_text(&l->table, "size");
    cli_table_text(&l->table, "key");
    return cli_table_end_row(&l->table);
}

static bool line(listing *l, const skep_object *object)
{
    l->count++;
    l->bytes += object->bytes;
    if (l->ui->json) {
        json_t *all = store_object_json(object);
        bool fits = all != NULL && cli_json_put(&l->out, all);
        json_decref(all);
        cli_putc(&l->out, '\n');
        return fits;
    }
    cli_table_text(&l->table, cli_date(object->modified_us / 1000000).s);
    cli_table_figure(&l->table, cli_bytes(object->bytes).s);
    cli_table_text(&l->table, object->key);
    return cli_table_end_row(&l->table);
}

static cli_exit all_lines(listing *l, store_session *s, skep_list *list)
{
    skep_object object = SKEP_OBJECT_INIT;
    int rc = 1;
    bool fits = header(l);
    while (fits && l->out.error == 0 && (rc = skep_list_next(list, &object)) > 0)
        fits = line(l, &object);
    if (fits && !l->ui->json)
        fits = cli_table_end(&l->table);
    cli_table_dispose(&l->table);
    if (!fits)
        return cli_fail_memory(l->ui);
    return rc < 0 ? store_fail(s) : CLI_DONE;
}

static cli_exit list_store(store_session *s, skep_store *store)
{
    listing l = {.ui = s->ui, .out = {stdout, 0}};
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_list *list = NULL;
    opts.prefix = cli_value(s->call, CLI_OPT_PREFIX);
    opts.after = cli_value(s->call, CLI_OPT_AFTER);
    opts.io = store_io(s);
    cli_exit status = cli_number(s->call, CLI_OPT_LIMIT, 1, UINT64_MAX, &opts.limit);
    if (status != CLI_DONE)
        return status;
    if (skep_list_open(store, &opts, &list) < 0)
        return store_fail(s);
    status = all_lines(&l, s, list);
    skep_list_close(list);
    status = cli_out_end(&l.out, s->ui, status);
    if (status == CLI_DONE && !s->ui->json && s->ui->loud >= 0)
        cli_say(s->ui, "%s object%s, %s%s", cli_count(l.count).s, l.count == 1 ? "" : "s",
                cli_bytes(l.bytes).s, store_is_sealed(s) ? " as they are stored" : "");
    return status;
}

cli_exit cli_store_ls(const cli_call *call)
{
    store_session s;
    skep_store *store = NULL;
    cli_exit status = store_begin(&s, call);
    if (status == CLI_DONE)
        status = store_open(&s, call->args[0], STORE_LOOK, false, &store);
    if (status == CLI_DONE)
        status = store_close(&s, store, list_store(&s, store));
    return store_end(&s, status);
}
