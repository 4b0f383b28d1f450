/* SPDX-License-Identifier: MIT */
#include "harness/sweep.h"

#include <stdio.h>

#include "harness/harness.h"

typedef struct sweeping {
    const sweep *s;
    const sweep_source *source;
    sweep_result result;
    uint64_t living; /* after the undisturbed run */
    skep_err err;    /* of the last run, before `after` made its own calls */
} sweeping;

static bool allowed(const int *codes, int rc)
{
    for (; codes != NULL && *codes != 0; codes++) {
        if (*codes == rc)
            return true;
    }
    return false;
}

/* One run; returns what `run` returned. */
static int step(sweeping *w, uint64_t nth, bool persistent, uint64_t *points, uint64_t *injected)
{
    const sweep *s = w->s;
    if (s->before != NULL)
        s->before(s->ctx);
    w->source->arm(w->source->self, nth, persistent);
    int rc = s->run(s->ctx);
    *points = w->source->disarm(w->source->self, injected);
    w->err = *skep_last_error();
    if (s->after != NULL)
        s->after(s->ctx, rc);
    return rc;
}

static void failing_step(sweeping *w, uint64_t nth, bool persistent)
{
    const char *how = persistent ? "and all that follow" : "alone";
    uint64_t points = 0;
    uint64_t injected = 0;
    int rc = step(w, nth, persistent, &points, &injected);
    w->result.steps++;
    w->result.hit += injected > 0;
    w->result.failed += rc < 0;
    ck_assert_msg(rc >= 0 || allowed(w->s->codes, rc), "%s %llu of %llu failed %s: %s: %s: %s",
                  w->source->what, (unsigned long long)nth, (unsigned long long)w->result.points,
                  how, skep_code_name(rc), w->err.room, w->err.text);
    ck_assert_msg(rc >= 0 || injected > 0, "nothing was failed, and yet: %s: %s",
                  skep_code_name(rc), w->err.text);
    if (w->source->living == NULL || w->s->keeps_memory)
        return;
    uint64_t living = w->source->living(w->source->self);
    ck_assert_msg(
        living <= w->living, "%s %llu of %llu failed %s: %llu blocks leaked (returned %s)",
        w->source->what, (unsigned long long)nth, (unsigned long long)w->result.points, how,
        (unsigned long long)(living - w->living), rc < 0 ? skep_code_name(rc) : "success");
}

/* The k-th of `steps` numbers that lie spread over 1 … n: one from each of `steps` equal parts, the
 * first and the last fixed. */
static uint64_t spread(rng *r, uint64_t k, uint64_t steps, uint64_t n)
{
    if (steps >= n)
        return k + 1;
    if (k == 0)
        return 1;
    if (k == steps - 1)
        return n;
    uint64_t from = k * n / steps;
    uint64_t to = (k + 1) * n / steps;
    return from + 1 + rng_below(r, to - from);
}

sweep_result sweep_over(const sweep *s, const sweep_source *source)
{
    sweeping w = {.s = s, .source = source};
    uint64_t injected = 0;
    uint64_t points = 0;
    /* Twice: the first run also pays for what is set up once a process, which the later ones do
     * not. */
    for (int i = 0; i < 2; i++) {
        int rc = step(&w, 0, false, &points, &injected);
        ck_assert_msg(rc >= 0, "undisturbed run: %s: %s: %s", skep_code_name(rc), w.err.room,
                      w.err.text);
        if (source->living != NULL)
            w.living = source->living(source->self);
    }
    w.result.points = points;
    ck_assert_msg(points > 0, "the work passes no %s at all", source->what);

    uint64_t steps = harness_size(SIZE_SWEEP_STEPS);
    if (steps > points)
        steps = points;
    rng r = rng_of(harness_seed());
    for (int persistent = 0; persistent < 2; persistent++) {
        for (uint64_t k = 0; k < steps; k++)
            failing_step(&w, spread(&r, k, steps, points), persistent != 0);
    }
    printf("%s: %llu points, %llu steps, %llu hit, %llu failed\n", source->what,
           (unsigned long long)w.result.points, (unsigned long long)w.result.steps,
           (unsigned long long)w.result.hit, (unsigned long long)w.result.failed);
    return w.result;
}
