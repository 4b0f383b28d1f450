/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

#include <string.h>

#include "cli/show/json.h"

#define VALUE_COLUMNS 14

/* ---- 1: record ---- */

static void compare_row(tour *t, const char *name, const char *skep, const char *pool)
{
    tour_print(t, "  %-30s%*s%*s\n", name, VALUE_COLUMNS, skep, VALUE_COLUMNS + 4, pool);
}

static void compare_ns(tour *t, const char *name, uint64_t skep, uint64_t pool)
{
    compare_row(t, name, cli_duration(skep).s, cli_duration(pool).s);
}

static void show_left_out(tour *t, const tour_inventory *story)
{
    if (story->files.cut)
        tour_print(t, "\n  The search was ended after %u s; there are more files.",
                   (unsigned)(TOUR_WALK_NS / 1000000000u));
    if (story->left_out > 0)
        tour_print(t, "\n  %s%s files were left out: new ones are taken for %u s only.",
                   story->files.cut ? "At least " : "", cli_count(story->left_out).s,
                   (unsigned)(TOUR_TAKE_NS / 1000000000u));
    if (story->files.cut || story->left_out > 0)
        tour_print(t, "\n");
}

void tour_show_record(tour *t, const tour_inventory *story)
{
    const tour_figures *skep = &story->skep;
    const tour_figures *pool = &story->pool;
    char skep_group[32];
    char pool_group[32];
    double most = tour_rate(skep) > tour_rate(pool) ? tour_rate(skep) : tour_rate(pool);
    tour_print(t, "  Durable transactions a second, %d threads:\n\n", TOUR_THREADS);
    tour_rate_bar(t, "skep", tour_rate(skep), most, CLI_ACCENT);
    tour_rate_bar(t, "connection per thread", tour_rate(pool), most, CLI_DIM);
    (void)snprintf(skep_group, sizeof(skep_group), "%.1f", tour_group(skep));
    (void)snprintf(pool_group, sizeof(pool_group), "%.1f", tour_group(pool));
    tour_print(t, "\n");
    tour_style(t, CLI_DIM);
    compare_row(t, "", "skep", "per thread");
    tour_style(t, CLI_PLAIN);
    compare_row(t, "files recorded", cli_count(skep->done).s, cli_count(pool->done).s);
    compare_row(t, "transactions in one sync", skep_group, pool_group);
    compare_ns(t, "half were answered within", skep->p50_ns, pool->p50_ns);
    compare_ns(t, "999 of 1,000 within", skep->p999_ns, pool->p999_ns);
    compare_ns(t, "the slowest", skep->max_ns, pool->max_ns);
    show_left_out(t, story);
    tour_flush(t);
}

/* ---- 3: ask ---- */

static void question_head(tour *t, const tour_question *q)
{
    tour_print(t, "  ");
    tour_style(t, CLI_BOLD);
    tour_cell(t, q->text, tour_columns(t) - 4 - VALUE_COLUMNS, false);
    tour_style(t, CLI_PLAIN);
    tour_style(t, CLI_GOOD);
    tour_print(t, "%*s\n", VALUE_COLUMNS, cli_duration(q->took_ns).s);
    tour_style(t, CLI_PLAIN);
}

static void newest(tour *t, const tour_question *q)
{
    question_head(t, q);
    for (size_t i = 0; i < q->count; i++) {
        const tour_answer *a = &q->answers[i];
        tour_print(t, "    ");
        tour_style(t, CLI_DIM);
        tour_print(t, "%s  ", cli_date(a->mtime).s);
        tour_style(t, CLI_PLAIN);
        tour_cell(t, a->text, tour_columns(t) - 36, true);
        tour_print(t, " %9s\n", cli_bytes(a->bytes).s);
    }
}

/* `whole`: what a full bar stands for. */
static void sizes(tour *t, const tour_question *q, uint64_t whole, uint64_t total)
{
    question_head(t, q);
    for (size_t i = 0; i < q->count; i++) {
        const tour_answer *a = &q->answers[i];
        double share = whole > 0 ? (double)a->bytes / (double)whole : 0;
        double part = total > 0 ? 100.0 * (double)a->bytes / (double)total : 0;
        tour_print(t, "    ");
        tour_cell(t, a->text[0] != '\0' ? a->text : "(none)", 17, false);
        tour_print(t, " ");
        tour_bar(t, share, tour_columns(t) - 60, CLI_ACCENT2);
        tour_print(t, " %5.1f %%%10s%9s file%s\n", part, cli_bytes(a->bytes).s,
                   cli_count(a->files).s, a->files == 1 ? "" : "s");
    }
}

void tour_show_questions(tour *t, const tour_inventory *story)
{
    const tour_question *q = story->questions;
    uint64_t total = story->files.bytes;
    sizes(t, &q[0], q[0].count > 0 ? q[0].answers[0].bytes : 0, total);
    tour_print(t, "\n");
    newest(t, &q[1]);
    tour_print(t, "\n");
    sizes(t, &q[2], q[2].count > 0 ? q[2].answers[0].bytes : 0, total);
    tour_flush(t);
}

/* ---- 5: kill ---- */

void tour_show_crash(tour *t, const tour_inventory *story)
{
    const tour_crash *c = &story->crash;
    char text[160];
    uint64_t unanswered =
        c->found + c->missing > c->acknowledged ? c->found + c->missing - c->acknowledged : 0;
    (void)snprintf(text, sizeof(text), "kill -9 after %s", cli_duration(c->ran_ns).s);
    tour_fact(t, "acknowledged before the kill", cli_count(c->acknowledged).s, text);
    (void)snprintf(text, sizeof(text), "opened again in %s", cli_duration(c->reopen_ns).s);
    tour_fact(t, "found afterwards", cli_count(c->found).s, text);
    tour_fact(t, "committed, but not yet answered", cli_count(unanswered).s,
              unanswered > 0 ? "at most one a thread" : "");
    tour_fact(t, "acknowledged and lost", cli_count(c->missing).s, "");
    tour_print(t, "\n");
    (void)snprintf(text, sizeof(text), "every acknowledged record is there, as it was written");
    tour_verdict(t, c->missing == 0 && c->different == 0, text);
    (void)snprintf(text, sizeof(text), "integrity_check: %s", c->integrity);
    tour_verdict(t, strcmp(c->integrity, "ok") == 0, text);
    tour_flush(t);
}

/* ---- the end ---- */

void tour_show_end(tour *t, const tour_inventory *story)
{
    const tour_figures *skep = &story->skep;
    double pool = tour_rate(&story->pool);
    tour_heading(t, "", "In figures");
    tour_print(t, "  %s files (%s), each in a durable transaction of its own, in %s\n",
               cli_count(skep->done).s, cli_bytes(story->files.bytes).s,
               cli_duration(skep->took_ns).s);
    tour_print(t, "  %s transactions/s", cli_count((uint64_t)tour_rate(skep)).s);
    if (pool > 0)
        tour_print(t, ": %.1fx one connection per thread", tour_rate(skep) / pool);
    tour_print(t, "\n  %s transactions/s from one thread, %s of them in flight\n",
               cli_count((uint64_t)tour_flight_rate(&story->flight)).s,
               cli_count(story->flight.in_flight).s);
    tour_print(t, "  slowest answer %s, there %s\n", cli_duration(skep->max_ns).s,
               cli_duration(story->pool.max_ns).s);
    tour_print(t, "  killed after %s acknowledged: %s lost\n",
               cli_count(story->crash.acknowledged).s, cli_count(story->crash.missing).s);
    tour_print(t, "  the whole tour: %s; its temporary directory is gone\n",
               cli_duration(cli_now_ns() - t->begun_ns).s);
    tour_heading(t, "", "Try next");
    tour_print(t, "  skep tour --source ~             the same with your own files\n"
                  "  skep db status FILE              what a database is: any SQLite file\n"
                  "  skep db query FILE \"SELECT ...\"  ask it; --json, --csv\n"
                  "  skep --help, man skep            everything else\n\n");
    tour_flush(t);
}

/* ---- the same as JSON ---- */

static json_t *figures_json(const tour_figures *f)
{
    return json_pack("{s:I, s:o, s:o, s:I, s:o, s:I, s:I, s:I}", "transactions",
                     (json_int_t)f->done, "seconds", cli_json_rounded((double)f->took_ns / 1e9, 3),
                     "per_second", cli_json_rounded(tour_rate(f), 1), "commits",
                     (json_int_t)f->commits, "group_size", cli_json_rounded(tour_group(f), 2),
                     "p50_us", (json_int_t)(f->p50_ns / 1000), "p999_us",
                     (json_int_t)(f->p999_ns / 1000), "max_us", (json_int_t)(f->max_ns / 1000));
}

static json_t *question_json(const tour_question *q)
{
    json_t *answers = json_array();
    for (size_t i = 0; i < q->count; i++) {
        const tour_answer *a = &q->answers[i];
        (void)json_array_append_new(answers,
                                    json_pack("{s:o, s:I, s:I, s:I}", "name",
                                              cli_json_text(skep_slice_str(a->text)), "files",
                                              (json_int_t)a->files, "bytes", (json_int_t)a->bytes,
                                              "newest_at", (json_int_t)a->mtime));
    }
    return json_pack("{s:s, s:o, s:o}", "question", q->name, "ms",
                     cli_json_rounded((double)q->took_ns / 1e6, 3), "answers", answers);
}

static json_t *crash_json(const tour_crash *c)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:s}", "acknowledged",
                     (json_int_t)c->acknowledged, "found", (json_int_t)c->found, "missing",
                     (json_int_t)c->missing, "different", (json_int_t)c->different,
                     "killed_after_ms", cli_json_rounded((double)c->ran_ns / 1e6, 1), "reopen_ms",
                     cli_json_rounded((double)c->reopen_ns / 1e6, 3), "integrity_check",
                     c->integrity);
}

json_t *tour_json(const tour *t, const tour_inventory *story)
{
    json_t *questions = json_array();
    for (size_t i = 0; i < TOUR_QUESTIONS; i++)
        (void)json_array_append_new(questions, question_json(&story->questions[i]));
    return json_pack(
        "{s:s, s:o, s:s, s:b, s:i, s:I, s:I, s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "chapter", "inventory", "source", cli_json_text(skep_slice_str(t->source)), "file_system",
        t->file_system, "in_memory", t->in_memory, "threads", TOUR_THREADS, "files",
        (json_int_t)story->files.count, "bytes", (json_int_t)story->files.bytes, "left_out",
        (json_int_t)story->left_out, "left_out_is_least", story->files.cut, "skep",
        figures_json(&story->skep), "connection_per_thread", figures_json(&story->pool),
        "in_flight", tour_flight_json(&story->flight), "questions", questions, "health",
        tour_health_json(&story->health), "crash", crash_json(&story->crash), "encrypted",
        tour_seal_json(&story->seal), "total_seconds",
        cli_json_rounded((double)(cli_now_ns() - t->begun_ns) / 1e9, 3));
}
