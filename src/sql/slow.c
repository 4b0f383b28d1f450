/* SPDX-License-Identifier: MIT */
/* Runs that took long: the newest are remembered, and an event tells of each. What was bound to
 * them is told by type and size only. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skep/time.h>

#include "base/text.h"
#include "base/time.h"
#include "sql/cost_private.h"

static const char *type_name(int32_t type)
{
    static const char *const names[] = {
        [SKEP_NULL] = "null", [SKEP_INT] = "int",   [SKEP_REAL] = "real", [SKEP_TEXT] = "text",
        [SKEP_BLOB] = "blob", [SKEP_BOOL] = "bool", [SKEP_TIME] = "time",
    };
    size_t at = (size_t)type;
    return at < sizeof(names) / sizeof(names[0]) && names[at] != NULL ? names[at] : "?";
}

/* "int,text(12),null", with ",..." where there are more than fit or are known. */
static void describe_values(const skep__cost *cost, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < cost->values_count; i++) {
        char one[32] = "...";
        bool bytes = false;
        if (i < SKEP__SQL_SLOW_VALUES) {
            const skep__cost_value *v = &cost->values[i];
            bytes = v->type == SKEP_TEXT || v->type == SKEP_BLOB;
            (void)snprintf(one, sizeof(one), bytes ? "%s(%zu)" : "%s", type_name(v->type), v->size);
        }
        bool last = i + 1 == cost->values_count;
        if (len + strlen(one) + (last ? 2 : 6) > size) /* room for ",..." stays */
            (void)snprintf(one, sizeof(one), "...");
        int n = snprintf(out + len, size - len, "%s%s", i > 0 ? "," : "", one);
        ASSERT(n > 0);
        len += (size_t)n;
        ASSERT(len < size);
        if (strcmp(one, "...") == 0)
            return;
    }
}

static void remember(skep__costs *costs, const skep_db_slow *slow)
{
    skep__mutex_lock(&costs->slow_mutex);
    costs->slow[costs->slow_count % SKEP_DB_SLOW_MAX] = *slow;
    costs->slow_count++;
    skep__mutex_unlock(&costs->slow_mutex);
}

void skep__cost_slow(const skep__stmt *stmt, uint64_t took_ns, int rc)
{
    skep__costs *costs = stmt->cost.entry->costs;
    skep_db_slow slow = {
        .size = (uint32_t)sizeof(slow),
        .writing = stmt->conn->role == SKEP__CONN_WRITER,
        .at_us = skep_now_us(),
        .took_ns = took_ns,
        .rows = stmt->cost.run_rows,
        .thread = (uint64_t)gettid(),
        .rc = rc < 0 ? rc : 0,
        .values_count = (uint32_t)stmt->cost.values_count,
    };
    describe_values(&stmt->cost, slow.values, sizeof(slow.values));
    (void)skep__text_copy(slow.sql, sizeof(slow.sql), stmt->cost.entry->sql);
    atomic_fetch_add_explicit(&costs->slow_runs, 1, memory_order_relaxed);
    remember(costs, &slow);
    uint64_t dropped = 0;
    if (!skep__event_wanted(SKEP_WARNING) ||
        !skep__event_pass(&costs->slow_events, SKEP__SQL_SLOW_EVENTS, &dropped))
        return;
    SKEP__EVENT(SKEP_WARNING, "db.slow_statement", {"path", skep_text(costs->opts.path)},
                {"sql", skep_text(slow.sql)}, {"took_ms", skep_int((int64_t)(took_ns / 1000000))},
                {"rows", skep_uint(slow.rows)}, {"values", skep_text(slow.values)},
                {"writing", skep_bool((int)slow.writing)}, {"thread", skep_uint(slow.thread)},
                {"code", skep_int(slow.rc)}, {"not_told", skep_uint(dropped)});
}

void skep__costs_slow(skep__costs *costs, skep_db_slow *list, size_t *n)
{
    skep__mutex_lock(&costs->slow_mutex);
    size_t there = costs->slow_count < SKEP_DB_SLOW_MAX ? costs->slow_count : SKEP_DB_SLOW_MAX;
    for (size_t i = 0; i < there && i < *n; i++) {
        uint32_t size = list[i].size;
        list[i] = costs->slow[(costs->slow_count - 1 - i) % SKEP_DB_SLOW_MAX];
        list[i].size = size;
    }
    skep__mutex_unlock(&costs->slow_mutex);
    *n = there;
}
