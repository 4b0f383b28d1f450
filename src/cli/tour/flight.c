/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

#include <stdlib.h>
#include <string.h>

#include <skep/async.h>

#include "cli/show/json.h"

/* One thread, many transactions in flight: each file is marked as seen in a transaction of its own,
 * and the answers are waited for only when all have been handed over. */

typedef struct mark {
    int64_t id;
    int64_t at;
} mark;

typedef struct flight {
    const tour *t;
    skep_db *db;
    size_t count;
    mark *marks;
    skep_future **futures;
    size_t sent;
} flight;

static int create(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "CREATE TABLE IF NOT EXISTS seen (file INTEGER PRIMARY KEY"
                         " REFERENCES file, at INTEGER NOT NULL)");
}

static int see(skep_tx *tx, void *arg)
{
    const mark *m = arg;
    return skep_exec(tx, "INSERT INTO seen (file, at) VALUES (?, ?)", SKEP_V(m->id),
                     skep_time(m->at));
}

/* Threads of this process, as the kernel counts them; 0 if it does not say. */
static uint64_t threads_now(void)
{
    char line[256];
    unsigned long count = 0;
    FILE *status = fopen("/proc/self/status", "re");
    if (status == NULL)
        return 0;
    while (count == 0 && fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, "Threads:", 8) == 0)
            count = strtoul(line + 8, NULL, 10);
    (void)fclose(status);
    return count;
}

static uint64_t commits(skep_db *db, uint64_t *in_flight)
{
    skep_db_stats stats = {.size = (uint32_t)sizeof(stats)};
    if (skep_db_get_stats(db, &stats) < 0)
        return 0;
    *in_flight = stats.async_in_flight;
    return stats.groups;
}

static int hand_over(flight *f)
{
    int64_t now = skep_now_us();
    for (; f->sent < f->count && !tour_stopping(); f->sent++) {
        f->marks[f->sent] = (mark){(int64_t)f->sent + 1, now};
        int rc = skep_write_async(f->db, see, &f->marks[f->sent], NULL, &f->futures[f->sent]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* All of them, also after a failure: they use what is freed next. */
static int wait_for_all(flight *f, skep_err *err)
{
    int first = 0;
    for (size_t i = 0; i < f->sent; i++) {
        int rc = skep_future_wait(f->futures[i], -1);
        if (rc < 0 && first == 0) {
            first = rc;
            *err = *skep_last_error();
        }
        skep_future_free(f->futures[i]);
    }
    return first;
}

static cli_exit fly(flight *f, tour_flight *out)
{
    skep_err err = {0};
    uint64_t before = commits(f->db, &out->in_flight);
    uint64_t begun = cli_now_ns();
    int sent = hand_over(f);
    out->submit_ns = cli_now_ns() - begun;
    if (sent < 0)
        err = *skep_last_error();
    (void)commits(f->db, &out->in_flight);
    out->threads = threads_now();
    int done = wait_for_all(f, sent < 0 ? &(skep_err){0} : &err);
    out->took_ns = cli_now_ns() - begun;
    out->done = f->sent;
    out->commits = commits(f->db, &(uint64_t){0}) - before;
    return sent < 0 || done < 0 ? cli_fail_err(f->t->ui, &err) : CLI_DONE;
}

cli_exit tour_flight_run(const tour *t, skep_db *db, size_t files, tour_flight *out)
{
    flight f = {.t = t, .db = db, .count = files < TOUR_FLIGHT ? files : TOUR_FLIGHT};
    if (skep_write(db, create, NULL) < 0)
        return cli_fail(t->ui);
    f.marks = calloc(f.count + 1, sizeof(*f.marks));
    f.futures = calloc(f.count + 1, sizeof(*f.futures));
    cli_exit status = f.marks != NULL && f.futures != NULL ? fly(&f, out) : cli_fail_memory(t->ui);
    free(f.marks);
    free(f.futures);
    return status;
}

double tour_flight_rate(const tour_flight *f)
{
    return f->took_ns > 0 ? (double)f->done * 1e9 / (double)f->took_ns : 0;
}

static double group(const tour_flight *f)
{
    return f->commits > 0 ? (double)f->done / (double)f->commits : 0;
}

void tour_show_flight(tour *t, const tour_inventory *story)
{
    const tour_flight *f = &story->flight;
    double waiting = tour_rate(&story->skep);
    double most = tour_flight_rate(f) > waiting ? tour_flight_rate(f) : waiting;
    char text[80];
    tour_print(t, "  One thread hands over %s transactions and waits for none of them:\n\n",
               cli_count(f->done).s);
    (void)snprintf(text, sizeof(text), "%d threads that wait", TOUR_THREADS);
    tour_rate_bar(t, text, waiting, most, CLI_DIM);
    tour_rate_bar(t, "1 thread, no waiting", tour_flight_rate(f), most, CLI_ACCENT);
    tour_print(t, "\n");
    (void)snprintf(text, sizeof(text), "%s in flight then", cli_count(f->in_flight).s);
    tour_fact(t, "all were handed over after", cli_duration(f->submit_ns).s, text);
    (void)snprintf(text, sizeof(text), "%s commit%s, %.0f in each", cli_count(f->commits).s,
                   f->commits == 1 ? "" : "s", group(f));
    tour_fact(t, "all were on the disk and answered after", cli_duration(f->took_ns).s, text);
    if (f->threads > 0)
        tour_fact(t, "threads of this program meanwhile", cli_count(f->threads).s,
                  "not one for each call");
    tour_flush(t);
}

json_t *tour_flight_json(const tour_flight *f)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:I, s:o, s:I, s:I}", "transactions",
                     (json_int_t)f->done, "seconds", cli_json_rounded((double)f->took_ns / 1e9, 3),
                     "per_second", cli_json_rounded(tour_flight_rate(f), 1), "submit_ms",
                     cli_json_rounded((double)f->submit_ns / 1e6, 3), "commits",
                     (json_int_t)f->commits, "group_size", cli_json_rounded(group(f), 2),
                     "in_flight", (json_int_t)f->in_flight, "threads", (json_int_t)f->threads);
}
