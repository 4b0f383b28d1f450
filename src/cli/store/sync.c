/* SPDX-License-Identifier: MIT */
/* `skep store sync`, and `cp -r`: all objects, several at a time. */
#include "cli/store/sync.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli/line/number.h"
#include "cli/show/ask.h"
#include "cli/show/json.h"
#include "cli/stop.h"

#define JOBS_MOST 256

typedef struct syncing {
    store_session *s;
    skep_store *from;
    skep_store *to;
    cli_out out;
    bool list;   /* each step is printed */
    bool failed; /* memory ran out while one was */
    skep_sync_opts opts;
    skep_sync_sum sum;
    uint64_t took_ns;
} syncing;

/* ---- options ---- */

bool store_is_plain(const store_session *s, const char *side)
{
    const char *plain = cli_value(s->call, CLI_OPT_PLAIN);
    return plain != NULL && strcmp(plain, side) == 0;
}

cli_exit store_rate_read(store_session *s)
{
    const char *text = cli_value(s->call, CLI_OPT_LIMIT_RATE);
    char *end = NULL;
    if (text == NULL)
        return CLI_DONE;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    static const char units[] = "kmgt";
    const char *unit = *end == '\0' ? NULL : strchr(units, tolower((unsigned char)*end));
    unsigned shift = unit == NULL ? 0 : 10 * (unsigned)(unit - units + 1);
    if (!isdigit((unsigned char)text[0]) || errno != 0 || n == 0 || n > UINT64_MAX >> shift ||
        (*end != '\0' && (unit == NULL || end[1] != '\0')))
        return cli_usage(s->ui, s->call->page,
                         "--limit-rate %s: it is bytes a second, as 500000, 500K or 20M", text);
    s->rate = n << shift;
    return CLI_DONE;
}

static uint32_t compare_of(const char *name, skep_compare otherwise)
{
    static const char *const names[] = {"hash", "size", "bytes", "never"};
    for (uint32_t i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return (uint32_t)otherwise;
}

/* ---- what is told ---- */

static const char *word_of(int what)
{
    static const char *const words[] = {"same", "copy", "replace", "delete", "failed"};
    return what >= 0 && what <= SKEP_SYNC_FAILED ? words[what] : "?";
}

static bool step_json(syncing *y, const skep_sync_step *step)
{
    json_t *all = json_pack("{s:o, s:s, s:I, s:s}", "key", cli_json_text(skep_slice_str(step->key)),
                            "what", word_of(step->what), "bytes", (json_int_t)step->bytes, "why",
                            step->why != NULL ? step->why : "");
    bool fits = all != NULL &&
                (step->error == NULL ||
                 json_object_set_new(all, "error",
                                     cli_json_text(skep_slice_str(step->error->text))) == 0) &&
                cli_json_put(&y->out, all);
    json_decref(all);
    cli_putc(&y->out, '\n');
    return fits;
}

static void step_line(syncing *y, const skep_sync_step *step)
{
    cli_buf key CLI_CLEANUP(cli_buf_dispose) = {0};
    (void)cli_show(&key, skep_slice_str(step->key), CLI_NO_LIMIT, y->s->ui->utf8);
    cli_printf(&y->out, "%-8s %10s  %s%s%s%s\n", word_of(step->what), cli_bytes(step->bytes).s,
               key.data != NULL ? key.data : "", step->why != NULL ? "  (" : "",
               step->why != NULL ? step->why : "", step->why != NULL ? ")" : "");
}

static int on_step(const skep_sync_step *step, void *ctx)
{
    syncing *y = ctx;
    if (step->what == SKEP_SYNC_FAILED &&
        !(step->error != NULL && step->error->code == SKEP_ECANCELLED)) {
        cli_progress_end(&y->s->progress);
        cli_say(y->s->ui, "%s: %s", step->key, step->error != NULL ? step->error->text : "failed");
    }
    if (y->s->ui->json)
        y->failed = !step_json(y, step) || y->failed;
    else if (y->list)
        step_line(y, step);
    return y->out.error != 0 || y->failed ? SKEP_EUSER : SKEP_OK;
}

static void on_progress(uint64_t objects, uint64_t bytes, uint64_t of_objects, uint64_t of_bytes,
                        int all, void *ctx)
{
    syncing *y = ctx;
    (void)objects;
    (void)of_objects;
    y->s->progress.total = all ? of_bytes : 0;
    cli_progress_at(&y->s->progress, bytes);
}

static cli_exit sum_json(const syncing *y, cli_exit status)
{
    const skep_sync_sum *sum = &y->sum;
    return cli_json_end(y->s->ui,
                        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o}", "same",
                                  (json_int_t)sum->same, "copied", (json_int_t)sum->copied,
                                  "replaced", (json_int_t)sum->replaced, "removed",
                                  (json_int_t)sum->removed, "failed", (json_int_t)sum->failed,
                                  "bytes", (json_int_t)sum->bytes, "dry_run", (int)y->opts.dry_run,
                                  "seconds", cli_json_rounded((double)y->took_ns / 1e9, 3)),
                        status);
}

static void sum_line(const syncing *y)
{
    const skep_sync_sum *sum = &y->sum;
    uint64_t rate = y->took_ns > 0 ? (uint64_t)((double)sum->bytes * 1e9 / (double)y->took_ns) : 0;
    cli_say(y->s->ui, "%s%s copied, %s replaced, %s deleted, %s the same%s%s; %s in %s, %s/s",
            y->opts.dry_run != 0 ? "would be: " : "", cli_count(sum->copied).s,
            cli_count(sum->replaced).s, cli_count(sum->removed).s, cli_count(sum->same).s,
            sum->failed > 0 ? ", failed: " : "", sum->failed > 0 ? cli_count(sum->failed).s : "",
            cli_bytes(sum->bytes).s, cli_duration(y->took_ns).s, cli_bytes(rate).s);
}

static cli_exit tell(syncing *y, cli_exit status)
{
    bool differs = y->sum.copied + y->sum.replaced + y->sum.removed > 0;
    if (status == CLI_DONE && y->opts.dry_run != 0 && differs)
        status = CLI_WRONG;
    if (y->failed)
        return cli_fail_memory(y->s->ui);
    status = cli_out_end(&y->out, y->s->ui, status);
    if (cli_stopping() || y->out.error != 0)
        return status;
    if (y->s->ui->json)
        return sum_json(y, status);
    if (y->s->ui->loud >= 0)
        sum_line(y);
    return status;
}

/* ---- the work ---- */

static cli_exit run(syncing *y)
{
    uint64_t begun = cli_now_ns();
    bool dry = y->opts.dry_run != 0;
    cli_progress_begin(&y->s->progress, y->s->ui, dry ? "comparing" : "copying", "bytes", 0);
    y->sum = (skep_sync_sum){.size = (uint32_t)sizeof(y->sum)};
    int rc = skep_store_sync(y->from, y->to, &y->opts, &y->sum);
    skep_err err = *skep_last_error();
    cli_progress_end(&y->s->progress);
    y->took_ns = cli_now_ns() - begun;
    if (rc >= 0 || y->out.error != 0 || y->failed)
        return CLI_DONE;
    return store_fail_err(y->s, &err);
}

/* What --delete would delete is counted first, so that the question can say it. */
static cli_exit ask(syncing *y)
{
    char what[256];
    syncing dry = *y;
    if (y->opts.remove == 0 || y->opts.dry_run != 0 || cli_has(y->s->call, CLI_OPT_YES))
        return CLI_DONE;
    dry.opts.dry_run = 1;
    dry.opts.step = NULL;
    dry.opts.ctx = &dry;
    cli_exit status = run(&dry);
    if (status != CLI_DONE || dry.sum.removed == 0)
        return status;
    (void)snprintf(what, sizeof(what), "%s object%s that SRC does not have will be deleted from %s",
                   cli_count(dry.sum.removed).s, dry.sum.removed == 1 ? "" : "s",
                   skep_store_name(y->to));
    return cli_confirm(y->s->call, what);
}

/* Without a key, what is sealed would arrive where no key ring is. */
static cli_exit check_ring(const syncing *y, const store_place *from)
{
    skep_keyring *ring = NULL;
    skep_io_opts io = store_io(y->s);
    if (from->local || store_is_sealed(y->s) || cli_has(y->s->call, CLI_OPT_RAW))
        return CLI_DONE;
    int rc = skep_keyring_read(y->from, &io, &ring);
    skep_keyring_free(ring);
    if (rc == SKEP_ENOTFOUND)
        return CLI_DONE;
    return rc < 0 ? store_fail(y->s) : store_refuse_sealed(y->s, skep_store_name(y->from));
}

/* "" or with a slash at its end; owned. */
static char *prefix_of(const store_place *place)
{
    size_t len = place->key == NULL ? 0 : strlen(place->key);
    char *prefix = malloc(len + 2);
    if (prefix == NULL)
        return NULL;
    if (len > 0)
        memcpy(prefix, place->key, len);
    if (len > 0 && prefix[len - 1] != '/')
        prefix[len++] = '/';
    prefix[len] = '\0';
    return prefix;
}

static cli_exit sync_opened(syncing *y, const store_place *from, const store_place *to)
{
    char *from_prefix = prefix_of(from);
    char *to_prefix = prefix_of(to);
    cli_exit status = CLI_DONE;
    if (from_prefix == NULL || to_prefix == NULL)
        status = cli_fail_memory(y->s->ui);
    y->opts.from_prefix = from_prefix;
    y->opts.to_prefix = to_prefix;
    if (status == CLI_DONE)
        status = check_ring(y, from);
    if (status == CLI_DONE)
        status = ask(y);
    if (status == CLI_DONE)
        status = tell(y, run(y));
    free(from_prefix);
    free(to_prefix);
    return status;
}

cli_exit store_sync_places(store_session *s, const store_place *from, const store_place *to,
                           skep_compare compare)
{
    const cli_call *call = s->call;
    syncing y = {.s = s, .out = {stdout, 0}, .opts = SKEP_SYNC_OPTS_INIT};
    uint64_t jobs = 0;
    bool raw = cli_has(call, CLI_OPT_RAW);
    cli_exit status = cli_number(call, CLI_OPT_JOBS, 1, JOBS_MOST, &jobs);
    if (status != CLI_DONE)
        return status;
    y.opts.dry_run = cli_has(call, CLI_OPT_DRY_RUN);
    y.opts.remove = cli_has(call, CLI_OPT_DELETE);
    y.opts.compare = compare_of(cli_value(call, CLI_OPT_COMPARE), compare);
    y.opts.jobs = (uint32_t)jobs;
    y.opts.step = on_step;
    y.opts.progress = on_progress;
    y.opts.ctx = &y;
    y.opts.io = store_io(s);
    y.list = y.opts.dry_run != 0 || s->ui->loud > 0;
    uint64_t rate = s->rate; /* once, where bytes leave or enter the machine */
    s->rate = to->local ? rate : 0;
    status = store_open(s, from->text, STORE_LOOK, from->local || raw || store_is_plain(s, "src"),
                        &y.from);
    s->rate = to->local ? 0 : rate;
    if (status == CLI_DONE)
        status = store_open(s, to->text, y.opts.dry_run != 0 ? STORE_LOOK : STORE_MAKE,
                            to->local || raw || store_is_plain(s, "dst"), &y.to);
    if (status == CLI_DONE)
        status = store_close(s, y.to, sync_opened(&y, from, to));
    return store_close(s, y.from, status);
}

/* ---- one mirror ---- */

/* What is for two stores says nothing about those of a mirror, whose rule decides. */
static cli_exit refuse_for_one(const store_session *s)
{
    static const struct {
        cli_option_id id;
        const char *name;
    } not [] = {{CLI_OPT_DRY_RUN, "--dry-run"},
                {CLI_OPT_DELETE, "--delete"},
                {CLI_OPT_COMPARE, "--compare"},
                {CLI_OPT_JOBS, "--jobs"}};
    for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++)
        if (cli_has(s->call, not [i].id))
            return cli_usage(s->ui, s->call->page,
                             "%s goes with SRC and DST: name two of the mirror's stores",
                             not [i].name);
    return CLI_DONE;
}

/* The stores of a mirror are made alike, after its rule; what it keeps sealed is moved as it is. */
static cli_exit repair(store_session *s, const char *uri)
{
    syncing y = {.s = s, .out = {stdout, 0}, .sum = {.size = (uint32_t)sizeof(skep_sync_sum)}};
    skep_io_opts io = store_io(s);
    uint64_t begun = cli_now_ns();
    cli_exit status = refuse_for_one(s);
    if (status == CLI_DONE)
        status = store_open(s, uri, STORE_CHANGE, true, &y.from);
    if (status != CLI_DONE)
        return status;
    if (skep_mirror_repair(y.from, &io, &y.sum) < 0)
        status = store_fail(s);
    y.took_ns = cli_now_ns() - begun;
    return store_close(s, y.from, tell(&y, status));
}

cli_exit cli_store_sync(const cli_call *call)
{
    store_session s;
    store_place from = {.text = NULL};
    store_place to = {.text = NULL};
    cli_exit status = store_begin(&s, call);
    if (status == CLI_DONE)
        status = store_rate_read(&s);
    if (call->arg_count == 1)
        return store_end(&s, status == CLI_DONE ? repair(&s, call->args[0]) : status);
    if (status == CLI_DONE)
        status = store_place_read(s.ui, call->args[0], &from);
    if (status == CLI_DONE)
        status = store_place_read(s.ui, call->args[1], &to);
    if (status == CLI_DONE)
        status = store_sync_places(&s, &from, &to, SKEP_COMPARE_DEFAULT);
    store_place_dispose(&from);
    store_place_dispose(&to);
    return store_end(&s, status);
}
