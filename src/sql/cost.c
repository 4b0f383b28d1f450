/* SPDX-License-Identifier: MIT */
/*
 * Counting what statements cost, on the path where a whole read takes a microsecond. A run writes
 * to its own statement's memory only, and reads the coarse clock twice: a look at the kernel's last
 * tick, without the counter of the processor. Every sixteenth run is timed exactly, step by step.
 *
 * A total is what is known plus what was sampled, scaled up. Known are the first run of a text,
 * which is seldom like the others, and all slow ones, so that one slow run in a million counts for
 * itself and not for sixteen, or none.
 */
#include "sql/cost.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "sql/cost_private.h"
#include "sql/mask.h"

#define SAMPLE_EVERY 16

static uint64_t get(const _Atomic uint64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

/* There is one writer, so this need not be one operation. */
static void add(_Atomic uint64_t *to, uint64_t by)
{
    atomic_store_explicit(to, get(to) + by, memory_order_relaxed);
}

/* ---- the table ---- */

int skep__costs_new(const skep__costs_opts *opts, skep__costs **out)
{
    ASSERT(opts->profile != SKEP_PROFILE_DEFAULT);
    skep__costs *costs = skep__calloc(1, sizeof(*costs));
    if (costs == NULL)
        return skep__oom();
    costs->opts = *opts;
    costs->other.costs = costs;
    (void)skep__text_copy(costs->other.sql, sizeof(costs->other.sql), "(other)");
    int rc = skep__mutex_init(&costs->mutex);
    if (rc >= 0)
        rc = skep__mutex_init(&costs->slow_mutex);
    if (rc < 0) {
        skep__free(costs);
        return rc;
    }
    *out = costs;
    return SKEP_OK;
}

void skep__costs_free(skep__costs *costs)
{
    if (costs == NULL)
        return;
    for (size_t i = 0; i < SKEP__SQL_COST_BUCKETS; i++) {
        while (costs->buckets[i] != NULL) {
            skep__cost_entry *entry = costs->buckets[i];
            ASSERT(entry->live == NULL);
            costs->buckets[i] = entry->next;
            skep__free(entry);
        }
    }
    ASSERT(costs->other.live == NULL);
    skep__mutex_dispose(&costs->mutex);
    skep__mutex_dispose(&costs->slow_mutex);
    skep__free(costs);
}

void skep__costs_abandon(skep__costs *costs)
{
    if (costs == NULL || !skep__mutex_trylock(&costs->mutex))
        return;
    for (size_t i = 0; i < SKEP__SQL_COST_BUCKETS; i++) {
        while (costs->buckets[i] != NULL) {
            skep__cost_entry *entry = costs->buckets[i];
            costs->buckets[i] = entry->next;
            skep__free(entry);
        }
    }
    skep__mutex_unlock(&costs->mutex);
    skep__free(costs);
}

static skep__cost_entry **bucket_of(skep__costs *costs, uint64_t hash)
{
    return &costs->buckets[hash % SKEP__SQL_COST_BUCKETS];
}

/* The entry of a text, or what stands for it in a full table; NULL: `made` is to be added. */
static skep__cost_entry *find_locked(skep__costs *costs, uint64_t hash) SKEP__REQUIRES(costs->mutex)
{
    skep__cost_entry *entry = *bucket_of(costs, hash);
    while (entry != NULL && entry->hash != hash)
        entry = entry->next;
    if (entry == NULL && costs->texts >= SKEP_DB_STATEMENTS_MAX)
        return &costs->other;
    return entry;
}

static void link_locked(skep__costs *costs, skep__cost_entry *entry, skep__cost *cost)
    SKEP__REQUIRES(costs->mutex)
{
    ASSERT(entry->costs == costs);
    cost->entry = entry;
    cost->next = entry->live;
    cost->back = &entry->live;
    if (cost->next != NULL)
        cost->next->back = &cost->next;
    entry->live = cost;
}

static int attach_masked(skep__costs *costs, skep__cost *cost, const char *sql, size_t len)
{
    uint64_t hash = skep__hash64(sql, len, 0);
    skep__mutex_lock(&costs->mutex);
    skep__cost_entry *entry = find_locked(costs, hash);
    if (entry != NULL)
        link_locked(costs, entry, cost);
    skep__mutex_unlock(&costs->mutex);
    if (entry != NULL)
        return SKEP_OK;
    skep__cost_entry *made = skep__calloc(1, sizeof(*made));
    if (made == NULL)
        return skep__oom();
    made->costs = costs;
    made->hash = hash;
    (void)skep__text_copy(made->sql, sizeof(made->sql), sql);
    skep__mutex_lock(&costs->mutex);
    entry = find_locked(costs, hash); /* another thread may have been faster */
    if (entry == NULL) {
        entry = SKEP__TAKE(made);
        entry->next = *bucket_of(costs, hash);
        *bucket_of(costs, hash) = entry;
        costs->texts++;
    }
    link_locked(costs, entry, cost);
    skep__mutex_unlock(&costs->mutex);
    skep__free(made);
    return SKEP_OK;
}

int skep__cost_attach(skep__stmt *stmt)
{
    skep__costs *costs = stmt->conn->costs;
    if (costs == NULL)
        return SKEP_OK;
    char small[SKEP__SQL_MASK_SIZE(512)];
    size_t size = SKEP__SQL_MASK_SIZE(stmt->len);
    char *masked = size <= sizeof(small) ? small : skep__alloc(size);
    if (masked == NULL)
        return skep__oom();
    size_t len = skep__sql_mask(stmt->sql, stmt->len, masked);
    int rc = attach_masked(costs, &stmt->cost, masked, len);
    if (masked != small)
        skep__free(masked);
    stmt->cost.watched = costs->opts.profile != SKEP_PROFILE_OFF;
    stmt->cost.all = costs->opts.profile == SKEP_PROFILE_ALL;
    stmt->cost.fine_clock = costs->opts.slow_ns < SKEP__SQL_COARSE_MIN_NS;
    stmt->cost.slow_ns = costs->opts.slow_ns;
    return rc;
}

static void sum_add(skep__cost_sum *sum, const skep__cost *cost)
{
    sum->runs += get(&cost->runs);
    sum->rows += get(&cost->rows);
    sum->failed += get(&cost->failed);
    sum->exact_runs += get(&cost->exact_runs);
    sum->exact_ns += get(&cost->exact_ns);
    sum->sampled_runs += get(&cost->sampled_runs);
    sum->sampled_ns += get(&cost->sampled_ns);
    uint64_t worst = get(&cost->worst_ns);
    sum->worst_ns = worst > sum->worst_ns ? worst : sum->worst_ns;
}

void skep__cost_detach(skep__stmt *stmt)
{
    skep__cost *cost = &stmt->cost;
    if (cost->entry == NULL)
        return;
    skep__mutex *mutex = &cost->entry->costs->mutex;
    skep__mutex_lock(mutex);
    sum_add(&cost->entry->past, cost);
    *cost->back = cost->next;
    if (cost->next != NULL)
        cost->next->back = cost->back;
    skep__mutex_unlock(mutex);
    cost->entry = NULL;
}

/* ---- a run ---- */

static uint64_t wall_ns(const skep__cost *cost)
{
    return cost->fine_clock ? skep__now_ns() : skep__coarse_ns();
}

static void begin(skep__stmt *stmt)
{
    skep__cost *cost = &stmt->cost;
    cost->on = true;
    atomic_store_explicit(&stmt->conn->running, cost->entry, memory_order_release);
    if (!cost->watched)
        return;
    cost->timed = get(&cost->runs) == cost->timed_next;
    cost->run_rows = 0;
    cost->began_ns = wall_ns(cost);
}

/* Of a run that was timed or was slow. */
static __attribute__((noinline)) void end_seldom(skep__stmt *stmt, uint64_t took_ns, int rc)
{
    skep__cost *cost = &stmt->cost;
    bool slow = took_ns >= cost->slow_ns;
    uint64_t runs = get(&cost->runs);
    bool exact = slow || runs == 1 || cost->all;
    uint64_t ns = cost->timed ? cost->step_ns : took_ns;
    add(exact ? &cost->exact_runs : &cost->sampled_runs, 1);
    add(exact ? &cost->exact_ns : &cost->sampled_ns, ns);
    if (ns > get(&cost->worst_ns))
        atomic_store_explicit(&cost->worst_ns, ns, memory_order_relaxed);
    if (cost->timed) {
        skep__hist_add(&cost->entry->costs->times, ns);
        /* The first run is not like the others: samples begin with the second. */
        cost->timed_next = runs == 1 || cost->all ? runs : runs - 1 + SAMPLE_EVERY;
    }
    if (slow)
        skep__cost_slow(stmt, took_ns, rc);
    cost->timed = false;
    cost->step_ns = 0;
}

void skep__cost_end(skep__stmt *stmt, int rc)
{
    skep__cost *cost = &stmt->cost;
    cost->on = false;
    if (!cost->watched)
        return;
    uint64_t took_ns = wall_ns(cost) - cost->began_ns;
    add(&cost->runs, 1);
    add(&cost->rows, cost->run_rows);
    if (rc < 0)
        add(&cost->failed, 1);
    if (cost->timed || took_ns >= cost->slow_ns)
        end_seldom(stmt, took_ns, rc);
}

static __attribute__((noinline)) int step_timed(skep__stmt *stmt)
{
    uint64_t before = skep__now_ns();
    int rc = stmt->conn->driver->step(stmt);
    stmt->cost.step_ns += skep__now_ns() - before;
    return rc;
}

int skep__stmt_step(skep__stmt *stmt)
{
    if (!stmt->cost.on)
        begin(stmt);
    int rc = stmt->cost.timed ? step_timed(stmt) : stmt->conn->driver->step(stmt);
    if (rc > 0)
        stmt->cost.run_rows++;
    else
        skep__cost_end(stmt, rc);
    return rc;
}

void skep__running_sql(const skep__conn *conn, char *out, size_t size)
{
    const skep__cost_entry *entry = atomic_load_explicit(&conn->running, memory_order_acquire);
    (void)skep__text_copy(out, size, entry != NULL ? entry->sql : "");
}

/* ---- what is told of it ---- */

void skep__costs_busy(skep__costs *costs)
{
    if (costs != NULL)
        atomic_fetch_add_explicit(&costs->busy, 1, memory_order_relaxed);
}

static void sum_locked(skep__costs *costs, const skep__cost_entry *entry, skep__cost_sum *out)
    SKEP__REQUIRES(costs->mutex)
{
    DEBUG_ASSERT(entry->costs == costs);
    *out = entry->past;
    for (const skep__cost *cost = entry->live; cost != NULL; cost = cost->next)
        sum_add(out, cost);
}

/* While a run ends its counters do not fit together yet. */
static uint64_t total_ns(const skep__cost_sum *sum)
{
    if (sum->sampled_runs == 0 || sum->runs <= sum->exact_runs)
        return sum->exact_ns;
    double each = (double)sum->sampled_ns / (double)sum->sampled_runs;
    return sum->exact_ns + (uint64_t)(each * (double)(sum->runs - sum->exact_runs));
}

static void sums_add_locked(skep__costs *costs, const skep__cost_entry *entry,
                            skep__costs_sums *out) SKEP__REQUIRES(costs->mutex)
{
    skep__cost_sum sum;
    sum_locked(costs, entry, &sum);
    out->runs += sum.runs;
    out->rows += sum.rows;
    out->failed += sum.failed;
    out->total_ns += total_ns(&sum);
}

void skep__costs_read(skep__costs *costs, skep__costs_sums *out)
{
    memset(out, 0, sizeof(*out));
    skep__mutex_lock(&costs->mutex);
    for (size_t i = 0; i < SKEP__SQL_COST_BUCKETS; i++)
        for (skep__cost_entry *e = costs->buckets[i]; e != NULL; e = e->next)
            sums_add_locked(costs, e, out);
    sums_add_locked(costs, &costs->other, out);
    out->texts = costs->texts;
    skep__mutex_unlock(&costs->mutex);
    out->slow = get(&costs->slow_runs);
    out->busy = get(&costs->busy);
}

typedef struct listed {
    const skep__cost_entry *entry;
    skep__cost_sum sum;
} listed;

static int by_total(const void *a, const void *b)
{
    uint64_t left = total_ns(&((const listed *)a)->sum);
    uint64_t right = total_ns(&((const listed *)b)->sum);
    return (left < right) - (left > right);
}

static void list_add_locked(skep__costs *costs, const skep__cost_entry *entry, listed *all,
                            size_t cap, size_t *count) SKEP__REQUIRES(costs->mutex)
{
    if (*count == cap)
        return;
    sum_locked(costs, entry, &all[*count].sum);
    all[*count].entry = entry;
    *count += all[*count].sum.runs > 0;
}

static size_t list_all(skep__costs *costs, listed *all, size_t cap)
{
    size_t count = 0;
    skep__mutex_lock(&costs->mutex);
    for (size_t i = 0; i < SKEP__SQL_COST_BUCKETS; i++)
        for (const skep__cost_entry *e = costs->buckets[i]; e != NULL; e = e->next)
            list_add_locked(costs, e, all, cap, &count);
    list_add_locked(costs, &costs->other, all, cap, &count);
    skep__mutex_unlock(&costs->mutex);
    return count;
}

int skep__costs_list(skep__costs *costs, skep_db_statement *list, size_t *n)
{
    size_t cap = SKEP_DB_STATEMENTS_MAX + 1;
    listed *all = skep__alloc_array(cap, sizeof(*all));
    if (all == NULL)
        return skep__oom();
    size_t count = list_all(costs, all, cap);
    qsort(all, count, sizeof(*all), by_total);
    for (size_t i = 0; i < count && i < *n; i++) {
        const skep__cost_sum *sum = &all[i].sum;
        list[i] = (skep_db_statement){
            .size = list[i].size,
            .runs = sum->runs,
            .rows = sum->rows,
            .failed = sum->failed,
            .total_ns = total_ns(sum),
            .worst_ns = sum->worst_ns,
        };
        (void)skep__text_copy(list[i].sql, sizeof(list[i].sql), all[i].entry->sql);
    }
    skep__free(all);
    *n = count;
    return SKEP_OK;
}

const skep__hist *skep__costs_times(const skep__costs *costs)
{
    return &costs->times;
}
