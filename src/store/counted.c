/* SPDX-License-Identifier: MIT */
/* A filter that counts. */
#include <stdatomic.h>

#include <skep/filter.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "base/time.h"
#include "store/around.h"

typedef struct counted {
    skep__around base;
    _Atomic uint64_t in_flight;
    struct {
        _Atomic uint64_t failed;
        _Atomic uint64_t objects;
        _Atomic uint64_t bytes;
        skep__hist ns;
    } kinds[SKEP__AROUND_KINDS];
} counted;

static int enter(skep__around *around, const skep_io *io)
{
    (void)io;
    atomic_fetch_add(&((counted *)(void *)around)->in_flight, 1);
    return SKEP_OK;
}

static int move(skep__around *around, uint64_t bytes, const skep_io *io)
{
    (void)around;
    (void)bytes;
    (void)io;
    return SKEP_OK;
}

static void leave(skep__around *around, const skep__around_call *call)
{
    counted *c = (counted *)(void *)around;
    atomic_fetch_sub(&c->in_flight, 1);
    skep__hist_add(&c->kinds[call->kind].ns, skep__now_ns() - call->begun_ns);
    if (call->rc < 0 && call->rc != SKEP_ENOTFOUND)
        atomic_fetch_add(&c->kinds[call->kind].failed, 1);
    else if (call->rc >= 0)
        atomic_fetch_add(&c->kinds[call->kind].objects, call->count);
    atomic_fetch_add(&c->kinds[call->kind].bytes, call->bytes);
}

static void dispose(skep__around *around)
{
    (void)around;
}

static const skep__around_hooks hooks = {
    .name = "counted", .enter = enter, .move = move, .leave = leave, .dispose = dispose};

int skep_store_counted(skep_store *next, skep_store **out)
{
    SKEP__REQUIRE(next != NULL);
    SKEP__REQUIRE(out != NULL);
    counted *c = skep__calloc(1, sizeof(*c));
    if (c == NULL)
        return skep__oom();
    SKEP__TRY(skep__around_adopt(&c->base, &hooks, next));
    *out = &c->base.base;
    return SKEP_OK;
}

/* ---- showing ---- */

#define LABELS_MAX (SKEP_STORE_URI_MAX * 2 + 64)
#define SHOW_MAX (1024 * 1024)

typedef enum row { SECONDS, FAILED, OBJECTS, BYTES, ROWS } row;

#define KIND(kind_, name_)                                                                         \
    [kind_] = {                                                                                    \
        [SECONDS] = {.name = "skep_store_" name_ "_seconds",                                       \
                     .help = "Time of calls to " name_ "; of a stream, to its end.",               \
                     .divisor = 1e9,                                                               \
                     .kind = SKEP__METRIC_HISTOGRAM},                                              \
        [FAILED] = {.name = "skep_store_" name_ "_failed_total",                                   \
                    .help = "Calls to " name_ " that failed; what is not there is no failure.",    \
                    .kind = SKEP__METRIC_COUNTER},                                                 \
        [OBJECTS] = {.name = "skep_store_" name_ "_objects_total",                                 \
                     .help = "Objects of calls to " name_ " that succeeded.",                      \
                     .kind = SKEP__METRIC_COUNTER},                                                \
        [BYTES] = {.name = "skep_store_" name_ "_bytes_total",                                     \
                   .help = "Bytes of content that moved in calls to " name_ ".",                   \
                   .kind = SKEP__METRIC_COUNTER},                                                  \
    }

/* clang-format off */
static const skep__metric metrics[SKEP__AROUND_KINDS][ROWS] = {
    KIND(SKEP__AROUND_HEAD, "head"), KIND(SKEP__AROUND_DELETE, "delete"),
    KIND(SKEP__AROUND_COPY, "copy"), KIND(SKEP__AROUND_PUT, "put"),
    KIND(SKEP__AROUND_GET, "get"),   KIND(SKEP__AROUND_LIST, "list"),
};
/* clang-format on */
static const skep__metric in_flight = {.name = "skep_store_in_flight",
                                       .help = "Calls and streams that have begun and not ended.",
                                       .kind = SKEP__METRIC_GAUGE};

static int64_t number_of(const counted *c, size_t kind, row what)
{
    uint64_t n = what == FAILED    ? atomic_load(&c->kinds[kind].failed)
                 : what == OBJECTS ? atomic_load(&c->kinds[kind].objects)
                                   : atomic_load(&c->kinds[kind].bytes);
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* Only puts, gets and copies move content. */
static bool is_shown(size_t kind, row what)
{
    return what != BYTES || kind == SKEP__AROUND_PUT || kind == SKEP__AROUND_GET ||
           kind == SKEP__AROUND_COPY;
}

static int all_text(const counted *c, skep__buf *out)
{
    SKEP__CLEANUP(skep__buf_dispose) skep__buf labels = SKEP__BUF_INIT(LABELS_MAX);
    skep__metric_label(&labels, "store", skep_store_name(&c->base.base));
    SKEP__TRY(skep__buf_status(&labels));
    const char *text = skep__buf_text(&labels);
    skep__metric_text(out, &in_flight, text, (int64_t)atomic_load(&c->in_flight));
    for (size_t kind = 0; kind < SKEP__AROUND_KINDS; kind++) {
        skep__metric_text_hist(out, &metrics[kind][SECONDS], text, &c->kinds[kind].ns);
        for (row what = FAILED; what < ROWS; what++)
            if (is_shown(kind, what))
                skep__metric_text(out, &metrics[kind][what], text, number_of(c, kind, what));
    }
    return skep__buf_status(out);
}

static int all_json(const counted *c, skep__buf *out)
{
    skep__json json = SKEP__JSON_INIT(out);
    skep__json_object(&json, NULL);
    skep__json_text(&json, "store", skep_store_name(&c->base.base));
    skep__json_object(&json, "metrics");
    skep__metric_json(&json, &in_flight, (int64_t)atomic_load(&c->in_flight));
    for (size_t kind = 0; kind < SKEP__AROUND_KINDS; kind++) {
        skep__metric_json_hist(&json, &metrics[kind][SECONDS], &c->kinds[kind].ns);
        for (row what = FAILED; what < ROWS; what++)
            if (is_shown(kind, what))
                skep__metric_json(&json, &metrics[kind][what], number_of(c, kind, what));
    }
    skep__json_end(&json);
    skep__json_end(&json);
    return skep__buf_status(out);
}

int skep_store_metrics(skep_store *store, skep_metrics_format format, char **out, size_t *len)
{
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(out != NULL);
    const counted *c = (const counted *)(const void *)skep__around_of(store, &hooks);
    if (c == NULL)
        return SKEP__FAIL(SKEP_EUNSUPPORTED,
                          "%s does not count: skep_store_counted() makes one "
                          "that does",
                          skep_store_name(store));
    if (format != SKEP_METRICS_PROMETHEUS && format != SKEP_METRICS_JSON)
        return SKEP__FAIL(SKEP_EINVALID, "%d is no format of metrics", (int)format);
    SKEP__CLEANUP(skep__buf_dispose) skep__buf text = SKEP__BUF_INIT(SHOW_MAX);
    SKEP__TRY(format == SKEP_METRICS_JSON ? all_json(c, &text) : all_text(c, &text));
    return skep__buf_take(&text, out, len);
}
