/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

#include <stdlib.h>
#include <string.h>

#include <skep/health.h>
#include <skep/inspect.h>

#include "cli/show/json.h"

/* What the database that did all this says of itself, while it is still open. */

static int check(skep_db *db, tour_health *out)
{
    uint64_t begun = cli_now_ns();
    int rc = skep_db_ping(db);
    out->ping_ns = cli_now_ns() - begun;
    if (rc < 0)
        return rc;
    begun = cli_now_ns();
    rc = skep_db_check(db, NULL);
    out->check_ns = cli_now_ns() - begun;
    out->findings = rc < 0 ? 0 : (uint64_t)rc;
    return rc;
}

/* The lines of the metrics that this passage shows. */
static const char *const shown[TOUR_METRICS] = {"skep_transactions_total",
                                                "skep_transactions_failed_total",
                                                "skep_commit_seconds_count", "skep_wal_bytes"};

static void keep_metric(char *out, size_t size, const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) != 0 || (line[len] != '{' && line[len] != ' '))
            continue;
        const char *value = strstr(line, "} ");
        value = value != NULL ? value + 2 : line + len + 1;
        (void)snprintf(out, size, "%s %.*s", name, (int)strcspn(value, "\n"), value);
        return;
    }
}

static int take_metrics(skep_db *db, tour_health *out)
{
    char *text = NULL;
    int rc = skep_db_metrics(db, SKEP_METRICS_PROMETHEUS, &text, NULL);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < TOUR_METRICS; i++)
        keep_metric(out->metrics[i], sizeof(out->metrics[i]), text, shown[i]);
    skep_free(text);
    return 0;
}

cli_exit tour_health_run(const tour *t, skep_db *db, tour_health *out)
{
    skep_db_stats stats = {.size = (uint32_t)sizeof(stats)};
    out->health.size = (uint32_t)sizeof(out->health);
    if (check(db, out) < 0 || skep_db_health(db, &out->health) < 0 ||
        skep_db_get_stats(db, &stats) < 0 || take_metrics(db, out) < 0)
        return cli_fail(t->ui);
    out->connections = stats.total_connections;
    out->transactions = stats.total_transactions;
    out->failed = stats.failed_transactions;
    return CLI_DONE;
}

void tour_show_health(tour *t, const tour_inventory *story)
{
    const tour_health *h = &story->health;
    char text[96];
    tour_verdict(t, h->health.state == SKEP_HEALTHY, skep_health_name(h->health.state));
    for (uint32_t i = 0; i < h->health.reasons_count; i++) {
        tour_print(t, "    ");
        tour_cell(t, h->health.reasons[i].text, tour_columns(t) - 4, false);
        tour_print(t, "\n");
    }
    tour_print(t, "\n");
    (void)snprintf(text, sizeof(text), "each answered, in %s", cli_duration(h->ping_ns).s);
    tour_fact(t, "connections", cli_count(h->connections).s, text);
    (void)snprintf(text, sizeof(text), "%s failed", cli_count(h->failed).s);
    tour_fact(t, "transactions so far", cli_count(h->transactions).s, text);
    (void)snprintf(text, sizeof(text), "a quick check, %s", cli_duration(h->check_ns).s);
    tour_fact(t, "findings", cli_count(h->findings).s, text);
    tour_fact(t, "free on the disk", cli_bytes(h->health.disk_free_bytes).s, "");
    tour_print(t, "\n  For a monitoring system, among others:\n\n");
    tour_style(t, CLI_DIM);
    for (size_t i = 0; i < TOUR_METRICS; i++)
        if (h->metrics[i][0] != '\0')
            tour_print(t, "    %s\n", h->metrics[i]);
    tour_style(t, CLI_PLAIN);
    tour_flush(t);
}

json_t *tour_health_json(const tour_health *h)
{
    json_t *reasons = json_array();
    for (uint32_t i = 0; i < h->health.reasons_count; i++)
        (void)json_array_append_new(reasons,
                                    json_pack("{s:s, s:s}", "what", h->health.reasons[i].what,
                                              "text", h->health.reasons[i].text));
    return json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "state",
                     skep_health_name(h->health.state), "reasons", reasons, "connections",
                     (json_int_t)h->connections, "transactions", (json_int_t)h->transactions,
                     "failed", (json_int_t)h->failed, "findings", (json_int_t)h->findings,
                     "check_ms", cli_json_rounded((double)h->check_ns / 1e6, 3), "ping_ms",
                     cli_json_rounded((double)h->ping_ns / 1e6, 3));
}
