/* SPDX-License-Identifier: MIT */
/* What statements cost and which were slow, for who asks. */
#include <skep/inspect.h>
#include <skep/time.h>

#include "base/mem.h"
#include "db/db_private.h"
#include "db/show.h"

int skep_db_statements(skep_db *db, skep_db_statement *list, size_t *n)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(n != NULL);
    SKEP__REQUIRE(list != NULL || *n == 0);
    for (size_t i = 0; i < *n; i++)
        SKEP__REQUIRE(list[i].size == sizeof(*list));
    SKEP__TRY(skep__db_here(db));
    return skep__costs_list(db->costs, list, n);
}

int skep_db_slow_statements(skep_db *db, skep_db_slow *list, size_t *n)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(n != NULL);
    SKEP__REQUIRE(list != NULL || *n == 0);
    for (size_t i = 0; i < *n; i++)
        SKEP__REQUIRE(list[i].size == sizeof(*list));
    SKEP__TRY(skep__db_here(db));
    skep__costs_slow(db->costs, list, n);
    return SKEP_OK;
}

/* ---- as JSON ---- */

static void show_statement(const skep_db_statement *s, skep__json *out)
{
    skep__json_object(out, NULL);
    skep__json_text(out, "sql", s->sql);
    skep__json_uint(out, "runs", s->runs);
    skep__json_uint(out, "rows", s->rows);
    skep__json_uint(out, "failed", s->failed);
    skep__json_uint(out, "total_ns", s->total_ns);
    skep__json_uint(out, "worst_ns", s->worst_ns);
    skep__json_end(out);
}

int skep__show_statements(skep_db *db, skep__json *out, size_t most)
{
    skep_db_statement *list = skep__calloc(most, sizeof(*list));
    if (list == NULL)
        return skep__oom();
    size_t n = most;
    int rc = skep__costs_list(db->costs, list, &n);
    skep__json_array(out, "statements");
    for (size_t i = 0; rc >= 0 && i < n && i < most; i++)
        show_statement(&list[i], out);
    skep__json_end(out);
    skep__free(list);
    return rc < 0 ? rc : skep__buf_status(out->out);
}

static int show_run(const skep_db_slow *s, skep__json *out)
{
    char at[SKEP_TIME_TEXT_SIZE];
    SKEP__TRY(skep_time_text(s->at_us, at));
    skep__json_object(out, NULL);
    skep__json_text(out, "at", at);
    skep__json_text(out, "sql", s->sql);
    skep__json_uint(out, "took_ns", s->took_ns);
    skep__json_uint(out, "rows", s->rows);
    skep__json_text(out, "values", s->values);
    skep__json_bool(out, "writing", s->writing != 0);
    skep__json_uint(out, "thread", s->thread);
    skep__json_text(out, "code", skep_code_name(s->rc));
    skep__json_end(out);
    return SKEP_OK;
}

int skep__show_slow(skep_db *db, skep__json *out, size_t most)
{
    skep_db_slow *list = skep__calloc(most, sizeof(*list));
    if (list == NULL)
        return skep__oom();
    size_t n = most;
    int rc = SKEP_OK;
    skep__costs_slow(db->costs, list, &n);
    skep__json_array(out, "slow_statements");
    for (size_t i = 0; rc >= 0 && i < n && i < most; i++)
        rc = show_run(&list[i], out);
    skep__json_end(out);
    skep__free(list);
    return rc < 0 ? rc : skep__buf_status(out->out);
}
