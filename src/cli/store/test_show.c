/* SPDX-License-Identifier: MIT */
/* What `skep store test` has seen. */
#include <jansson.h>

#include "cli/show/json.h"
#include "cli/show/table.h"
#include "cli/store/test.h"

static const char *const words[] = {[TRY_NO] = "no", [TRY_YES] = "yes", [TRY_FAILED] = "FAILED"};
static const char *const json_words[] = {
    [TRY_NO] = "no", [TRY_YES] = "yes", [TRY_FAILED] = "failed"};

static json_t *result_json(const try_result *r)
{
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o}", "name", r->name, "result", json_words[r->state], "latency_ms",
        r->latency_ns > 0 ? cli_json_rounded((double)r->latency_ns / 1e6, 3) : json_null(),
        "bytes_per_second", r->rate > 0 ? json_integer((json_int_t)r->rate) : json_null(), "how",
        cli_json_text(skep_slice_str(r->how)));
}

static cli_exit as_json(const trial *t, cli_exit status)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->count; i++)
        if (json_array_append_new(list, result_json(&t->results[i])) != 0) {
            json_decref(list);
            return cli_fail_memory(t->s->ui);
        }
    return cli_json_end(t->s->ui,
                        json_pack("{s:o, s:b, s:o}", "store",
                                  cli_json_text(skep_slice_str(skep_store_name(t->store))), "ok",
                                  status == CLI_DONE, "tests", list),
                        status);
}

static bool row(cli_table *table, const try_result *r)
{
    char rate[64] = "";
    if (r->rate > 0)
        (void)snprintf(rate, sizeof(rate), "%s/s", cli_bytes((uint64_t)r->rate).s);
    cli_table_text(table, r->name);
    cli_table_text(table, words[r->state]);
    cli_table_figure(table, r->latency_ns > 0 ? cli_duration(r->latency_ns).s : "");
    cli_table_figure(table, rate);
    cli_table_text(table, r->how);
    return cli_table_end_row(table);
}

static cli_exit as_table(const trial *t, cli_exit status)
{
    cli_out out = {stdout, 0};
    cli_table table;
    cli_table_begin(&table, t->s->ui, &out, 5);
    cli_table_text(&table, "what");
    cli_table_text(&table, "can");
    cli_table_text(&table, "latency");
    cli_table_text(&table, "throughput");
    cli_table_text(&table, "how");
    bool fits = cli_table_end_row(&table);
    for (size_t i = 0; i < t->count && fits; i++)
        fits = row(&table, &t->results[i]);
    fits = fits && cli_table_end(&table);
    cli_table_dispose(&table);
    if (!fits)
        return cli_fail_memory(t->s->ui);
    status = cli_out_end(&out, t->s->ui, status);
    if (t->s->ui->loud >= 0 && status == CLI_WRONG)
        cli_say(t->s->ui, "%s lacks what every store must do: do not trust it with data",
                skep_store_name(t->store));
    return status;
}

cli_exit try_show(const trial *t, cli_exit status)
{
    return t->s->ui->json ? as_json(t, status) : as_table(t, status);
}
