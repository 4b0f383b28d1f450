/* SPDX-License-Identifier: MIT */
/* Limits, figures and a log around a store. */
#include "suites.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skep/alloc.h>
#include <skep/event.h>
#include <skep/filter.h>

#include "base/time.h"
#include "harness/alloc.h"
#include "store/limited.h"
#include "store/memory.h"
#include "support.h"

static skep_store *open_memory(void)
{
    skep_store *store = NULL;
    assert_ok(memory_store_open(MEMORY_CAPS, &store));
    return store;
}

/* ---- limited ---- */

/* By the clock of the test: any rate, amounts of any size, with pauses, over a long time. */
TEST(F11_a_rate_is_kept_within_a_tenth)
{
    static const uint64_t rates[] = {1, 999, 10000, 1 << 20, UINT64_C(3) << 32};
    rng r = rng_of(harness_seed());
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        skep__pace pace = {.per_second = rates[i]};
        const uint64_t start = 7 * SKEP__NS_PER_S;
        uint64_t now = start;
        uint64_t sum = 0;
        while (now < start + 100 * SKEP__NS_PER_S) {
            uint64_t amount = 1 + rng_below(&r, rates[i] / 50 + 1);
            now = skep__pace_take(&pace, amount, now);
            sum += amount;
            now += rng_below(&r, 100000); /* what the work itself takes: less than the rate */
        }
        double seconds = (double)(now - start) / 1e9;
        double got = (double)sum / seconds;
        ck_assert_msg(got < 1.1 * (double)rates[i] && got > 0.9 * (double)rates[i],
                      "%llu per second: %f", (unsigned long long)rates[i], got);
    }
}

TEST(a_pause_earns_no_more_than_a_little_credit)
{
    skep__pace pace = {.per_second = 1000};
    uint64_t now = SKEP__NS_PER_S;
    (void)skep__pace_take(&pace, 1, now);
    now += 3600 * SKEP__NS_PER_S;
    uint64_t let_pass = 0;
    while (skep__pace_take(&pace, 1, now) == now)
        let_pass++;
    ck_assert_uint_ge(let_pass, 40); /* 50 ms of 1000 a second */
    ck_assert_uint_le(let_pass, 60);
    skep__pace none = {.per_second = 0};
    ck_assert_uint_eq(skep__pace_take(&none, UINT64_MAX, 5), 5);
    skep__pace slow = {.per_second = 1};
    (void)skep__pace_take(&slow, UINT64_C(1) << 42, now); /* and nothing overflows */
    ck_assert_uint_gt(skep__pace_take(&slow, 1, now), now + (UINT64_C(1) << 42) / 2);
}

typedef struct crowd {
    skep_store *store;
    _Atomic int now;
    _Atomic int most;
} crowd;

/* The one in memory is behind the limit; a list that is open is a call that is in flight. */
static void come_and_go(size_t index, void *ctx)
{
    crowd *c = ctx;
    (void)index;
    for (unsigned i = 0; i < 20; i++) {
        skep_list *list = NULL;
        assert_ok(skep_list_open(c->store, NULL, &list));
        int now = ++c->now;
        int most = c->most;
        while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
            ;
        --c->now;
        skep_list_close(list);
    }
}

TEST(no_more_calls_are_in_flight_than_are_allowed)
{
    crowd c = {0};
    skep_limit_opts opts = SKEP_LIMIT_OPTS_INIT;
    opts.in_flight = 3;
    assert_ok(skep_store_limited(open_memory(), &opts, &c.store));
    harness_threads(16, come_and_go, &c);
    ck_assert_int_ge(c.most, 1);
    ck_assert_int_le(c.most, 3);
    support_close(c.store);
}

TEST(who_waits_for_a_limit_keeps_to_deadline_and_cancel)
{
    skep_store *store = NULL;
    skep_list *list = NULL;
    skep_cancel *cancel = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    skep_limit_opts opts = SKEP_LIMIT_OPTS_INIT;
    opts.in_flight = 1;
    assert_ok(skep_store_limited(open_memory(), &opts, &store));
    assert_ok(skep_list_open(store, NULL, &list)); /* has the only place */
    io.timeout_ms = 1;
    assert_fails(skep_store_head(store, "k", &io, &object), SKEP_ETIMEOUT);
    skep_list_close(list);
    assert_fails(skep_store_head(store, "k", NULL, &object), SKEP_ENOTFOUND);
    /* A copy is one call, though it gets and puts. */
    put_text(store, "a", "x");
    assert_ok(skep_store_copy(store, "a", "b", NULL, NULL));
    support_close(store);

    opts = (skep_limit_opts)SKEP_LIMIT_OPTS_INIT;
    opts.bytes_per_second = 1;
    assert_ok(skep_store_limited(open_memory(), &opts, &store));
    put_text(store, "k", "takes as many seconds as it has bytes");
    skep_put_opts put = SKEP_PUT_OPTS_INIT;
    put.io.timeout_ms = 1;
    assert_fails(skep_store_put(store, "l", skep_slice_str("x"), &put, NULL), SKEP_ETIMEOUT);
    ck_assert(!is_there(store, "l"));
    assert_ok(skep_cancel_new(&cancel));
    skep_cancel_fire(cancel);
    put.io.timeout_ms = 0;
    put.io.cancel = cancel;
    assert_fails(skep_store_put(store, "l", skep_slice_str("x"), &put, NULL), SKEP_ECANCELLED);
    skep_cancel_free(cancel);
    support_close(store);
}

/* ---- counted ---- */

static bool says(const char *text, const char *name, const char *value)
{
    char line[256];
    (void)snprintf(line, sizeof(line), "%s{store=\"memory:\"} %s\n", name, value);
    bool there = strstr(text, line) != NULL;
    if (!there)
        (void)fprintf(stderr, "no %s", line);
    return there;
}

static void work(skep_store *store)
{
    skep_put *put = NULL;
    const char *const keys[] = {"a", "b"};
    put_text(store, "a", "12345");
    put_text(store, "b", "123");
    assert_content(store, "a", "12345");
    ck_assert(!is_there(store, "c"));
    (void)listed(store, NULL, NULL, 0);
    assert_ok(skep_put_begin(store, "d", NULL, &put));
    skep_put_abort(put);
    assert_ok(skep_store_copy(store, "a", "e", NULL, NULL));
    assert_ok(skep_store_delete_many(store, keys, 2, NULL, NULL));
}

TEST(calls_bytes_and_failures_are_counted)
{
    char *text = NULL;
    size_t len = 0;
    skep_store *store = NULL;
    assert_ok(skep_store_counted(open_memory(), &store));
    work(store);
    assert_ok(skep_store_metrics(store, SKEP_METRICS_PROMETHEUS, &text, &len));
    ck_assert_uint_eq(len, strlen(text));
    ck_assert(says(text, "skep_store_put_seconds_count", "3"));
    ck_assert(says(text, "skep_store_put_failed_total", "1")); /* the one that was aborted */
    ck_assert(says(text, "skep_store_put_objects_total", "2"));
    ck_assert(says(text, "skep_store_put_bytes_total", "8"));
    ck_assert(says(text, "skep_store_get_bytes_total", "5"));
    ck_assert(says(text, "skep_store_head_seconds_count", "1"));
    ck_assert(says(text, "skep_store_head_failed_total", "0"));
    ck_assert(says(text, "skep_store_delete_objects_total", "2"));
    ck_assert(says(text, "skep_store_list_objects_total", "2"));
    ck_assert(says(text, "skep_store_copy_seconds_count", "1"));
    ck_assert(says(text, "skep_store_in_flight", "0"));
    skep_free(text);
    assert_ok(skep_store_metrics(store, SKEP_METRICS_JSON, &text, NULL));
    ck_assert_ptr_nonnull(strstr(text, "\"skep_store_put_bytes_total\""));
    skep_free(text);
    assert_fails(skep_store_metrics(store, (skep_metrics_format)7, &text, NULL), SKEP_EINVALID);
    support_close(store);
    store = open_memory();
    assert_fails(skep_store_metrics(store, SKEP_METRICS_JSON, &text, NULL), SKEP_EUNSUPPORTED);
    support_close(store);
}

TEST(each_metric_of_a_store_is_in_the_guide)
{
    char page[4096];
    char *text = NULL;
    skep_store *store = NULL;
    (void)snprintf(page, sizeof(page), "%s/docs/guide/metrics.md", getenv("SKEP_SOURCE_DIR"));
    const char *guide = harness_read_file(page, NULL);
    assert_ok(skep_store_counted(open_memory(), &store));
    assert_ok(skep_store_metrics(store, SKEP_METRICS_PROMETHEUS, &text, NULL));
    unsigned found = 0;
    for (char *at = text; (at = strstr(at, "# TYPE ")) != NULL; found++) {
        char name[128];
        at += strlen("# TYPE ");
        (void)snprintf(name, sizeof(name), "`%.*s`", (int)strcspn(at, " "), at);
        ck_assert_msg(strstr(guide, name) != NULL, "%s", name);
    }
    ck_assert_uint_eq(found, 22);
    skep_free(text);
    support_close(store);
}

/* ---- logged ---- */

typedef struct event_log {
    char text[1024];
} event_log;

static void take_event(const skep_event *event, void *ctx)
{
    event_log *l = ctx;
    size_t len = strlen(l->text);
    if (strcmp(event->name, "store.call") != 0)
        return;
    skep_slice call = event->fields[1].value.u.s;
    skep_slice key = event->fields[2].value.u.s;
    skep_slice code = event->fields[6].value.u.s;
    (void)snprintf(l->text + len, sizeof(l->text) - len, "%.*s '%.*s' %lld %lld %.*s; ",
                   (int)call.len, (const char *)call.data, (int)key.len, (const char *)key.data,
                   (long long)event->fields[3].value.u.i, (long long)event->fields[4].value.u.i,
                   (int)code.len, (const char *)code.data);
}

TEST(each_call_is_told_with_its_key_bytes_and_code)
{
    event_log l = {0};
    skep_store *store = NULL;
    assert_ok(skep_store_logged(open_memory(), &store));
    skep_set_event_sink(take_event, &l, SKEP_INFO);
    work(store);
    skep_set_event_sink(NULL, NULL, SKEP_INFO);
    ck_assert_str_eq(l.text, "put 'a' 1 5 SKEP_OK; put 'b' 1 3 SKEP_OK; get 'a' 1 5 SKEP_OK; "
                             "head 'c' 1 0 SKEP_ENOTFOUND; list '' 2 0 SKEP_OK; "
                             "put 'd' 1 0 SKEP_ECANCELLED; copy 'e' 1 0 SKEP_OK; "
                             "delete 'a' 2 0 SKEP_OK; ");
    support_close(store);
}

/* ---- what they have in common ---- */

static int stack(void *ctx)
{
    skep_store *next = ctx;
    skep_store *store = NULL;
    skep_store *outer = NULL;
    skep_limit_opts opts = SKEP_LIMIT_OPTS_INIT;
    int rc = skep_store_counted(next, &store);
    if (rc < 0)
        return skep_store_close(next) < 0 ? SKEP_EIO : rc; /* it stayed ours */
    rc = skep_store_limited(store, &opts, &outer);
    if (rc >= 0)
        rc = skep_store_put(outer, "k", skep_slice_str("x"), NULL, NULL);
    int closed = skep_store_close(outer != NULL ? outer : store);
    return rc < 0 ? rc : closed;
}

static int stack_anew(void *ctx)
{
    (void)ctx;
    skep_store *next = NULL;
    int rc = memory_store_open(MEMORY_CAPS, &next);
    return rc < 0 ? rc : stack(next);
}

TEST(filters_survive_a_lack_of_memory)
{
    static const int codes[] = {SKEP_ENOMEM, 0};
    alloc_install();
    const sweep s = {.run = stack_anew, .codes = codes};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
}

static const harness_test tests[] = {
    HARNESS_TEST(F11_a_rate_is_kept_within_a_tenth),
    HARNESS_TEST(a_pause_earns_no_more_than_a_little_credit),
    HARNESS_TEST(no_more_calls_are_in_flight_than_are_allowed),
    HARNESS_TEST(who_waits_for_a_limit_keeps_to_deadline_and_cancel),
    HARNESS_TEST(calls_bytes_and_failures_are_counted),
    HARNESS_TEST(each_metric_of_a_store_is_in_the_guide),
    HARNESS_TEST(each_call_is_told_with_its_key_bytes_and_code),
    HARNESS_TEST(filters_survive_a_lack_of_memory),
};
const harness_suite filters_suite = HARNESS_SUITE("filters", tests);
