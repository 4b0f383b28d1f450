/* SPDX-License-Identifier: MIT */

/* The table: every ratio that has a target, with both sides, then every side by itself. A ratio is
 * the median of the rounds' ratios, each of two runs that lay seconds apart. */

#include "bench.h"
#include "json.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 1000 };

typedef struct side {
    const char *name;
    int clients;
} side;

typedef struct target {
    const char *kind;
    const char *mode;
    side ours;
    side peer;
    double ratio; /* least, or 0: the figure is given without a target */
    double limit; /* most microseconds of our `percentile`, or 0 */
    const char *percentile;
} target;

static const target targets[] = {
    {"write", "full", {"skep", 1}, {"pool", 1}, 0.97, 0, NULL},
    {"write", "full", {"skep", 1}, {"dedicated", 1}, 0, 0, NULL},
    {"write", "full", {"skep", 1}, {"better-sqlite3", 1}, 0, 0, NULL},
    {"write", "full", {"skep", 16}, {"pool", 16}, 8, 0, NULL},
    {"write", "full", {"skep", 16}, {"dedicated", 16}, 1.1, 0, NULL},
    {"write", "full", {"skep", 16}, {"pool", 16}, 0, 20000, "p999_us"},
    {"write", "full", {"skep", 64}, {"pool", 16}, 12, 0, NULL},
    {"write", "full", {"skep", 64}, {"pool", 64}, 0, 0, NULL},
    {"write", "full", {"skep", 64}, {"dedicated", 64}, 1.1, 0, NULL},
    {"write", "normal", {"skep", 1}, {"pool", 1}, 1.2, 0, NULL},
    {"write", "normal", {"skep", 1}, {"dedicated", 1}, 0, 0, NULL},
    {"write", "normal", {"skep", 1}, {"better-sqlite3", 1}, 0, 0, NULL},
    {"write", "normal", {"skep", 16}, {"pool", 16}, 1.8, 0, NULL},
    {"write", "normal", {"skep", 16}, {"dedicated", 16}, 0, 0, NULL},
    {"read", "autocommit", {"skep", 1}, {"raw", 1}, 0.95, 0, NULL},
    {"read", "autocommit", {"skep", 1}, {"better-sqlite3", 1}, 0, 0, NULL},
    {"read", "held", {"skep", 1}, {"raw", 1}, 0.95, 0, NULL},
    {"read", "held", {"skep", 1}, {"better-sqlite3", 1}, 0, 0, NULL},
    {"read", "lease", {"skep", 1}, {"raw", 1}, 0.95, 0, NULL},
    {"open", "plain", {"skep", 1}, {"raw", 1}, 0, 1000, "p50_us"},
    {"write", "full", {"skep-aegis", 1}, {"skep", 1}, 0.93, 0, NULL},
    {"read", "autocommit", {"skep-aegis", 1}, {"skep", 1}, 0.89, 0, NULL},
    {"read", "scan", {"skep-aegis", 1}, {"skep", 1}, 0.95, 0, NULL},
    {"open", "raw key", {"skep-aegis", 1}, {"skep-aegis", 1}, 0, 1000, "p50_us"},
    {"write", "full", {"skep-async", 1}, {"pool", 16}, 0, 0, NULL},
    {"write", "full", {"skep-batch", 1}, {"pool", 16}, 0, 0, NULL},
};
enum { TARGETS = sizeof(targets) / sizeof(targets[0]) };

typedef struct series {
    size_t count;
    double value[ROUNDS_MAX]; /* by round where the bench was not cut short */
    double median;
    double min;
    double max;
} series;

static const char *what_of(const char *kind, const char *mode)
{
    if (strcmp(kind, "write") == 0)
        return "small write transactions";
    if (strcmp(kind, "open") == 0)
        return strcmp(mode, "passphrase") == 0 ? "open with a passphrase, derivation included"
               : strcmp(mode, "raw key") == 0  ? "open with a raw key"
                                               : "open and set up a database";
    if (strcmp(kind, "sync") == 0)
        return "fdatasync of 4 KiB";
    return strcmp(mode, "held") == 0    ? "point SELECT, held transaction"
           : strcmp(mode, "lease") == 0 ? "point SELECT, each on a lease"
           : strcmp(mode, "scan") == 0  ? "scan of rows, cache too small"
                                        : "point SELECT, autocommit";
}

static const char *durability_of(const char *kind, const char *mode)
{
    if (strcmp(kind, "write") != 0)
        return strcmp(kind, "sync") == 0 ? mode : "–";
    return strcmp(mode, "full") == 0 ? "FULL" : "NORMAL";
}

static void name_of(const char *kind, side s, char out[64])
{
    if (strcmp(s.name, "pool") == 0 && s.clients == 1)
        (void)snprintf(out, 64, "plain connection");
    else if (strcmp(s.name, "pool") == 0)
        (void)snprintf(out, 64, "plain pool, %d", s.clients);
    else if (strcmp(s.name, "dedicated") == 0)
        (void)snprintf(out, 64, "writer thread, %d", s.clients);
    else if (strcmp(s.name, "raw") == 0)
        (void)snprintf(out, 64, "raw sqlite3");
    else if (strcmp(s.name, "skep-async") == 0)
        (void)snprintf(out, 64, "skep, 1 thread, 2048 futures");
    else if (strcmp(s.name, "skep-batch") == 0)
        (void)snprintf(out, 64, "skep, 1 thread, batches of 256");
    else if (strcmp(s.name, "skep-aegis") == 0)
        (void)snprintf(out, 64, "skep, AEGIS");
    else if (strcmp(kind, "write") == 0 && strcmp(s.name, "skep") == 0)
        (void)snprintf(out, 64, "skep, %d", s.clients);
    else
        (void)snprintf(out, 64, "%s", s.name);
}

static void collect(const json_t *lines, const target *t, side s, const char *key, series *out)
{
    size_t i;
    json_t *line;
    out->count = 0;
    json_array_foreach(lines, i, line)
    {
        if (strcmp(bench_json_text(line, "type"), "run") != 0 ||
            strcmp(bench_json_text(line, "kind"), t->kind) != 0 ||
            strcmp(bench_json_text(line, "mode"), t->mode) != 0 ||
            strcmp(bench_json_text(line, "side"), s.name) != 0 ||
            (int)bench_json_number(line, "clients") != s.clients || out->count == ROUNDS_MAX)
            continue;
        out->value[out->count++] = bench_json_number(line, key);
    }
}

static void summarize(series *s)
{
    double sorted[ROUNDS_MAX];
    memcpy(sorted, s->value, s->count * sizeof(sorted[0]));
    s->median = bench_median(sorted, s->count);
    s->min = s->count > 0 ? sorted[0] : 0.0;
    s->max = s->count > 0 ? sorted[s->count - 1] : 0.0;
}

/* Three digits that matter: 4.56, 51.7, 824. */
static const char *digits(double value, const char *unit, char out[32])
{
    int places = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    (void)snprintf(out, 32, "%.*f%s", places, value, unit);
    return out;
}

static const char *time_text(double us, char out[32])
{
    if (us >= 1e6)
        return digits(us / 1e6, " s", out);
    if (us >= 1e3)
        return digits(us / 1e3, " ms", out);
    return digits(us, " µs", out);
}

static void rate_cell(bench_table *table, const series *s)
{
    char a[32];
    char b[32];
    char c[32];
    bench_table_cell(table, "%s k/s [%s..%s]", digits(s->median / 1e3, "", a),
                     digits(s->min / 1e3, "", b), digits(s->max / 1e3, "", c));
}

static void limit_cells(bench_table *table, const target *t, const series *ours, const series *peer)
{
    char a[32];
    char b[32];
    char c[32];
    bool hit = ours->median <= t->limit;
    bench_table_cell(table, "%s", time_text(ours->median, a));
    bench_table_cell(table, "%s", time_text(peer->median, b));
    bench_table_cell(table, "–");
    bench_table_cell(table, "≤ %s", time_text(t->limit, c));
    if (hit)
        bench_table_cell(table, "hit");
    else
        bench_table_cell(table, "**miss** by %.1fx", ours->median / t->limit);
}

static void ratio_cells(bench_table *table, const target *t, const series *ours, const series *peer)
{
    series ratio = {.count = ours->count < peer->count ? ours->count : peer->count};
    for (size_t i = 0; i < ratio.count; i++)
        ratio.value[i] = ours->value[i] / peer->value[i];
    summarize(&ratio);
    rate_cell(table, ours);
    rate_cell(table, peer);
    bench_table_cell(table, "%.2fx [%.2f..%.2f]", ratio.median, ratio.min, ratio.max);
    if (t->ratio <= 0.0) {
        bench_table_cell(table, "–");
        bench_table_cell(table, "–");
        return;
    }
    bench_table_cell(table, "≥ %.*fx", t->ratio < 2.0 ? 2 : 0, t->ratio);
    if (ratio.median >= t->ratio)
        bench_table_cell(table, "hit");
    else
        bench_table_cell(table, "**miss** by %.1f %%", (1.0 - ratio.median / t->ratio) * 100.0);
}

static void compare(bench_table *table, const json_t *lines, const target *t)
{
    static series ours;
    static series peer;
    char name[64];
    bool alone = strcmp(t->ours.name, t->peer.name) == 0 && t->ours.clients == t->peer.clients;
    const char *key = t->limit > 0.0 ? t->percentile : "per_s";
    collect(lines, t, t->ours, key, &ours);
    collect(lines, t, t->peer, key, &peer);
    if (ours.count == 0 || peer.count == 0)
        return;
    summarize(&ours);
    summarize(&peer);
    bench_table_row(table);
    bench_table_cell(table, "%s%s", what_of(t->kind, t->mode),
                     t->limit <= 0.0                        ? ""
                     : strcmp(t->percentile, "p50_us") == 0 ? ", median"
                                                            : ", p99.9");
    bench_table_cell(table, "%s", durability_of(t->kind, t->mode));
    name_of(t->kind, t->ours, name);
    bench_table_cell(table, "%s", name);
    name_of(t->kind, t->peer, name);
    bench_table_cell(table, "%s", alone ? "–" : name);
    if (t->limit > 0.0)
        limit_cells(table, t, &ours, &peer);
    else
        ratio_cells(table, t, &ours, &peer);
}

static void time_cell(bench_table *table, const json_t *lines, const target *t, const char *key)
{
    static series s;
    char text[32];
    bool worst = strcmp(key, "max_us") == 0;
    collect(lines, t, t->ours, key, &s);
    summarize(&s);
    bench_table_cell(table, "%s", time_text(worst ? s.max : s.median, text));
}

static void describe(bench_table *table, const json_t *lines, const target *t)
{
    static series s;
    char name[64];
    char text[32];
    bench_table_row(table);
    bench_table_cell(table, "%s", what_of(t->kind, t->mode));
    bench_table_cell(table, "%s", durability_of(t->kind, t->mode));
    name_of(t->kind, t->ours, name);
    bench_table_cell(table, "%s", name);
    collect(lines, t, t->ours, "per_s", &s);
    summarize(&s);
    rate_cell(table, &s);
    collect(lines, t, t->ours, "group", &s);
    summarize(&s);
    bench_table_cell(table, "%s", s.median > 1.0 ? digits(s.median, "", text) : "1");
    time_cell(table, lines, t, "p50_us");
    time_cell(table, lines, t, "p999_us");
    time_cell(table, lines, t, "max_us");
    collect(lines, t, t->ours, "cpu_us", &s);
    summarize(&s);
    bench_table_cell(table, "%s", s.median > 0.0 ? time_text(s.median, text) : "–");
}

/* One row for every side, in the order in which the first round ran. */
static void describe_all(bench_table *table, const json_t *lines)
{
    size_t i;
    json_t *line;
    json_array_foreach(lines, i, line)
    {
        if (strcmp(bench_json_text(line, "type"), "run") != 0 ||
            (int)bench_json_number(line, "round") != 1)
            continue;
        const target one = {
            .kind = bench_json_text(line, "kind"),
            .mode = bench_json_text(line, "mode"),
            .ours = {bench_json_text(line, "side"), (int)bench_json_number(line, "clients")},
        };
        describe(table, lines, &one);
    }
}

static void machine_facts(const json_t *line, FILE *out)
{
    const json_t *set = json_object_get(line, "settings");
    (void)fprintf(out, "%s, %d cores, %s; Linux %s; %s; load at the start %.2f\n\n",
                  bench_json_text(line, "cpu"), (int)bench_json_number(line, "cores"),
                  bench_json_text(line, "memory"), bench_json_text(line, "kernel"),
                  bench_json_text(line, "file_system"), bench_json_number(line, "load"));
    (void)fprintf(out, "skep %s and all peers in C on SQLite %s; compiler %s; %s; %s\n\n",
                  bench_json_text(line, "skep"), bench_json_text(line, "sqlite"),
                  bench_json_text(line, "compiler"), bench_json_text(line, "build"),
                  bench_json_text(line, "date"));
    (void)fprintf(
        out,
        "%d rounds of %.2f s; page_size %s, journal_mode %s, wal_autocheckpoint %s (pool), "
        "cache_size %s (peers), mmap_size %s\n\n",
        (int)bench_json_number(line, "rounds"), bench_json_number(line, "seconds"),
        bench_json_text(set, "page_size"), bench_json_text(set, "journal_mode"),
        bench_json_text(set, "wal_autocheckpoint"), bench_json_text(set, "cache_size"),
        bench_json_text(set, "mmap_size"));
}

static void peer_facts(const json_t *lines, FILE *out)
{
    size_t i;
    json_t *line;
    json_array_foreach(lines, i, line)
    {
        const char *type = bench_json_text(line, "type");
        if (strcmp(type, "machine") == 0)
            machine_facts(line, out);
        else if (strcmp(type, "peer") == 0)
            (void)fprintf(out, "%s %s with its own SQLite %s on Node %s\n\n",
                          bench_json_text(line, "side"), bench_json_text(line, "version"),
                          bench_json_text(line, "sqlite"), bench_json_text(line, "node"));
        else if (strcmp(type, "skip") == 0)
            (void)fprintf(out, "%s was skipped: %s\n\n", bench_json_text(line, "side"),
                          bench_json_text(line, "reason"));
    }
}

int bench_report(const char *jsonl, FILE *out)
{
    static const char *const ratio_heading[] = {
        "what",  "durability of both", "skep", "peer", "skep's", "peer's", "ratio", "target",
        "result"};
    static const char *const side_heading[] = {"what", "durability", "side",  "rate",      "group",
                                               "p50",  "p99.9",      "worst", "CPU per op"};
    json_t *lines = bench_json_read(jsonl);
    bench_table *table = bench_calloc(1, sizeof(*table));
    peer_facts(lines, out);
    bench_table_heading(table, ratio_heading, sizeof(ratio_heading) / sizeof(char *));
    for (size_t i = 0; i < TARGETS; i++)
        compare(table, lines, &targets[i]);
    bench_table_print(table, out);
    (void)fputc('\n', out);
    memset(table, 0, sizeof(*table));
    bench_table_heading(table, side_heading, sizeof(side_heading) / sizeof(char *));
    describe_all(table, lines);
    bench_table_print(table, out);
    free(table);
    json_decref(lines);
    return 0;
}
