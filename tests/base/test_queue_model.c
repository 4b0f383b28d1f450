/* SPDX-License-Identifier: MIT */
/* Many threads, random calls: each answer is true, and nothing is kept twice or lost. */
#include "suites.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"

#include "fake_group.h"

#define THREADS 16

typedef struct step {
    int answer;
    int outcome;
    bool keeps; /* its plan lets it be kept */
} step;

typedef struct model {
    fake f;
    size_t per_thread;
    step *steps; /* by id - 1 */
    _Atomic uint32_t running;
    skep__word stop;
    skep__thread releaser;
    uint64_t seed;
} model;

/* Acknowledges what was committed, now and then with a failure. */
static void release_loop(void *arg)
{
    model *m = arg;
    rng r = rng_of(m->seed ^ 77);
    while (atomic_load(&m->stop) == 0) {
        int code = rng_below(&r, 5) == 0 ? SKEP_EUNREPLICATED : SKEP_OK;
        skep__mutex_lock(&m->f.queue.mutex);
        uint64_t newest = m->f.queue.held.tail != NULL ? m->f.queue.held.tail->number : 0;
        skep__mutex_unlock(&m->f.queue.mutex);
        if (newest > 0)
            skep__queue_release(&m->f.queue, newest, code, "the model says so");
        (void)skep__word_wait(&m->stop, 0, skep__now_ns() + SKEP__NS_PER_MS);
    }
}

static void choose(rng *r, fake_call *call)
{
    static const fake_plan plans[] = {FAKE_KEEP, FAKE_KEEP, FAKE_KEEP,      FAKE_KEEP,
                                      FAKE_UNDO, FAKE_LOSE, FAKE_BAD_COMMIT};
    call->plan = plans[rng_below(r, sizeof(plans) / sizeof(plans[0]))];
    call->req.priority = (int32_t)rng_below(r, SKEP__LINE_CLASSES);
    if (rng_below(r, 16) == 0)
        call->req.flags |= SKEP__REQ_ALONE;
    if (rng_below(r, 2) == 0)
        call->req.flags |= SKEP__REQ_STAMP;
    if (rng_below(r, 4) == 0)
        call->req.flags |= SKEP__REQ_HOLD;
    if (rng_below(r, 4) == 0)
        call->req.deadline_ns = skep__now_ns() + rng_below(r, 200 * SKEP__NS_PER_US);
}

static void one_step(model *m, rng *r, int id)
{
    fake_call call = {.id = id};
    choose(r, &call);
    skep_cancel *cancel = NULL;
    if (rng_below(r, 4) == 0) {
        assert_ok(skep_cancel_new(&cancel));
        call.req.cancel = cancel;
        if (rng_below(r, 2) == 0)
            skep_cancel_fire(cancel);
    }
    if (rng_below(r, 3) != 0) {
        (void)fake_submit(&m->f, &call);
    } else {
        fake_post(&m->f, &call, 1);
        uint64_t look_ns = call.req.deadline_ns;
        while (!skep__word_wait(&call.answered, 0, look_ns) && atomic_load(&call.answered) == 0) {
            (void)skep__queue_expire(&m->f.queue);
            look_ns = skep__now_ns() + SKEP__NS_PER_MS; /* it may have been taken, and wait again */
        }
        fake_wait(&call);
    }
    step *s = &m->steps[id - 1];
    s->answer = call.answer;
    s->outcome = call.answer < 0 ? call.err.outcome : SKEP_OUTCOME_NONE;
    s->keeps = call.plan == FAKE_KEEP;
    if (call.answer < 0)
        ck_assert_int_eq(call.err.code, call.answer);
    skep_cancel_free(cancel);
}

static void thread_main(size_t index, void *ctx)
{
    model *m = ctx;
    rng r = rng_of(m->seed + index);
    for (size_t i = 0; i < m->per_thread; i++)
        one_step(m, &r, (int)(index * m->per_thread + i + 1));
}

static void check(const model *m, size_t total)
{
    uint8_t *kept = calloc(total + 1, 1);
    ck_assert_ptr_nonnull(kept);
    for (size_t i = 0; i < m->f.count; i++) {
        ck_assert_int_le(m->f.ids[i], (int)total);
        ck_assert_msg(kept[m->f.ids[i]] == 0, "%d was committed twice", m->f.ids[i]);
        kept[m->f.ids[i]] = 1;
    }
    for (size_t id = 1; id <= total; id++) {
        const step *s = &m->steps[id - 1];
        bool stands = s->answer > 0 || s->answer == SKEP_EUNREPLICATED;
        ck_assert_msg(stands == (kept[id] == 1), "%zu was answered %d, and is%s there", id,
                      s->answer, kept[id] ? "" : " not");
        if (s->answer > 0)
            ck_assert_int_eq(s->answer, (int)id);
        if (s->answer == SKEP_EUNREPLICATED)
            ck_assert_int_eq(s->outcome, SKEP_OUTCOME_COMMITTED);
        ck_assert(s->keeps || !stands);
    }
    free(kept);
}

static void run_model(size_t group_max, uint64_t budget_ns, uint64_t gather_ns)
{
    uint64_t total = harness_size(SIZE_MODEL_STEPS);
    while (total > 0) {
        model m;
        memset(&m, 0, sizeof(m));
        uint64_t now = total < FAKE_KEPT_MAX ? total : FAKE_KEPT_MAX;
        total -= now;
        m.per_thread = (size_t)(now / THREADS) + 1;
        size_t count = m.per_thread * THREADS;
        m.per_thread -= count > FAKE_KEPT_MAX;
        count = m.per_thread * THREADS;
        m.seed = harness_seed() + total;
        m.steps = calloc(count, sizeof(*m.steps));
        ck_assert_ptr_nonnull(m.steps);
        fake_init(&m.f, group_max);
        m.f.queue.budget_ns = budget_ns;
        m.f.queue.gather_max_ns = gather_ns;
        fake_deputize(&m.f);
        assert_ok(skep__thread_start(&m.releaser, "releaser", release_loop, &m));
        harness_threads(THREADS, thread_main, &m);
        atomic_store(&m.stop, 1);
        skep__word_wake(&m.stop, INT_MAX);
        skep__thread_join(&m.releaser);
        check(&m, count);
        fake_dispose(&m.f);
        free(m.steps);
    }
}

TEST(random_calls_of_many_threads_get_true_answers)
{
    run_model(SKEP__QUEUE_GROUP_MAX, 0, 0);
}

TEST(random_calls_in_small_groups_with_gathering_get_true_answers)
{
    run_model(4, 0, 80 * SKEP__NS_PER_US);
}

TEST(random_calls_under_a_tight_budget_get_true_answers)
{
    run_model(8, 20 * SKEP__NS_PER_US, 0);
}

static const harness_test tests[] = {
    HARNESS_TEST(random_calls_of_many_threads_get_true_answers),
    HARNESS_TEST(random_calls_in_small_groups_with_gathering_get_true_answers),
    HARNESS_TEST(random_calls_under_a_tight_budget_get_true_answers),
};
const harness_suite queue_model_suite = HARNESS_SUITE("queue_model", tests);
