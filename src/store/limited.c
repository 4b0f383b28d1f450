/* SPDX-License-Identifier: MIT */
/* A filter that keeps to a rate of bytes and of calls, and to a number of calls at a time. */
#include "store/limited.h"

#include <skep/filter.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/settings.h"
#include "base/time.h"
#include "store/around.h"

#define LOOK_NS (20 * SKEP__NS_PER_MS) /* how often a waiting thread looks for its cancel */

typedef struct limited {
    skep__around base;
    uint32_t most; /* calls at a time; 0: no limit */
    skep__mutex mutex;
    skep__cond left;
    uint32_t in_flight SKEP__GUARDED_BY(mutex);
    skep__pace bytes SKEP__GUARDED_BY(mutex);
    skep__pace calls SKEP__GUARDED_BY(mutex);
} limited;

static const skep__setting rows[] = {
    {.name = "limit.in_flight",
     .type = SKEP__SETTING_INT,
     .unit = "calls",
     SKEP__FIELD(skep_limit_opts, in_flight),
     .help = "Most calls and streams at a time; 0: no limit."},
    {.name = "limit.bytes_per_second",
     .type = SKEP__SETTING_BYTES,
     .unit = "bytes",
     SKEP__FIELD(skep_limit_opts, bytes_per_second),
     .help = "Both ways together; 0: no limit."},
    {.name = "limit.calls_per_second",
     .type = SKEP__SETTING_INT,
     .unit = "calls",
     SKEP__FIELD(skep_limit_opts, calls_per_second),
     .help = "Most calls that begin in a second; 0: no limit."},
};
static const skep__settings_table table =
    SKEP__SETTINGS_TABLE("skep_limit_opts", skep_limit_opts, rows);

uint64_t skep__pace_take(skep__pace *pace, uint64_t amount, uint64_t now_ns)
{
    if (pace->per_second == 0)
        return now_ns;
    uint64_t earliest = now_ns > SKEP__PACE_CREDIT_NS ? now_ns - SKEP__PACE_CREDIT_NS : 0;
    uint64_t begin = pace->free_ns > earliest ? pace->free_ns : earliest;
    /* In two steps, so that nothing overflows: whole seconds, then the rest. */
    uint64_t whole = amount / pace->per_second;
    double rest = (double)(amount % pace->per_second) / (double)pace->per_second;
    pace->free_ns = begin + whole * SKEP__NS_PER_S + (uint64_t)(rest * 1e9);
    return begin > now_ns ? begin : now_ns;
}

static int wait_until(uint64_t at_ns, const skep_io *io)
{
    skep__word word = 0;
    while (skep__now_ns() < at_ns) {
        uint64_t until = io->deadline_ns != 0 && io->deadline_ns < at_ns ? io->deadline_ns : at_ns;
        (void)skep__cancel_wait(io->cancel, &word, atomic_load(&word), until);
        SKEP__TRY(skep__io_check(io));
    }
    return SKEP_OK;
}

static int take_place(limited *l, const skep_io *io)
{
    int rc = SKEP_OK;
    skep__mutex_lock(&l->mutex);
    while (l->most != 0 && l->in_flight >= l->most && rc >= 0) {
        (void)skep__cond_timedwait(&l->left, &l->mutex, skep__now_ns() + LOOK_NS);
        rc = skep__io_check(io);
    }
    l->in_flight += rc >= 0 ? 1 : 0;
    skep__mutex_unlock(&l->mutex);
    return rc;
}

static void give_place(limited *l)
{
    skep__mutex_lock(&l->mutex);
    l->in_flight--;
    skep__cond_signal(&l->left);
    skep__mutex_unlock(&l->mutex);
}

static int enter(skep__around *around, const skep_io *io)
{
    limited *l = (limited *)(void *)around;
    SKEP__TRY(take_place(l, io));
    skep__mutex_lock(&l->mutex);
    uint64_t at = skep__pace_take(&l->calls, 1, skep__now_ns());
    skep__mutex_unlock(&l->mutex);
    int rc = wait_until(at, io);
    if (rc < 0)
        give_place(l);
    return rc;
}

static int move(skep__around *around, uint64_t bytes, const skep_io *io)
{
    limited *l = (limited *)(void *)around;
    skep__mutex_lock(&l->mutex);
    uint64_t at = skep__pace_take(&l->bytes, bytes, skep__now_ns());
    skep__mutex_unlock(&l->mutex);
    return wait_until(at, io);
}

static void leave(skep__around *around, const skep__around_call *call)
{
    (void)call;
    give_place((limited *)(void *)around);
}

static void dispose(skep__around *around)
{
    limited *l = (limited *)(void *)around;
    skep__cond_dispose(&l->left);
    skep__mutex_dispose(&l->mutex);
}

static const skep__around_hooks hooks = {
    .name = "limited", .enter = enter, .move = move, .leave = leave, .dispose = dispose};

int skep_store_limited(skep_store *next, const skep_limit_opts *opts, skep_store **out)
{
    skep_limit_opts taken;
    SKEP__REQUIRE(next != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__TRY(skep__settings_take(&table, opts, &taken));
    SKEP__CLEANUP(skep__freep) limited *l = skep__calloc(1, sizeof(*l));
    if (l == NULL)
        return skep__oom();
    l->most = taken.in_flight;
    l->bytes.per_second = taken.bytes_per_second;
    l->calls.per_second = taken.calls_per_second;
    SKEP__TRY(skep__mutex_init(&l->mutex));
    int rc = skep__cond_init(&l->left);
    if (rc < 0) {
        skep__mutex_dispose(&l->mutex);
        return rc;
    }
    skep__around *around = &SKEP__TAKE(l)->base;
    SKEP__TRY(skep__around_adopt(around, &hooks, next));
    *out = &around->base;
    return SKEP_OK;
}
