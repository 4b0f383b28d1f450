/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdatomic.h>
#include <string.h>

#include "base/event.h"
#include "base/time.h"

typedef struct seen {
    int count;
    int level;
    char room[16];
    char name[32];
    char key[16];
    int64_t value;
    size_t fields;
    int64_t at_us;
} seen;

static void keep(const skep_event *event, void *ctx)
{
    seen *s = ctx;
    ck_assert_uint_eq(event->size, sizeof(*event));
    s->count++;
    s->level = event->level;
    s->fields = event->field_count;
    s->at_us = event->at_us;
    strncpy(s->room, event->room, sizeof(s->room) - 1);
    strncpy(s->name, event->name, sizeof(s->name) - 1);
    if (event->field_count > 0) {
        strncpy(s->key, event->fields[0].key, sizeof(s->key) - 1);
        s->value = event->fields[0].value.u.i;
    }
}

static int64_t asked;

static int64_t costly(void)
{
    return ++asked;
}

TEST(without_a_sink_nothing_is_evaluated)
{
    SKEP__EVENT(SKEP_ERROR, "base.test", {"n", skep_int(costly())});
    ck_assert_int_eq(asked, 0);
    ck_assert(!skep__event_wanted(SKEP_ERROR));
}

TEST(a_sink_gets_what_it_asked_for)
{
    seen s = {0};
    int64_t before = skep_now_us();
    skep_set_event_sink(keep, &s, SKEP_WARNING);
    SKEP__EVENT(SKEP_INFO, "base.quiet", {"n", skep_int(costly())});
    ck_assert_int_eq(s.count, 0);
    ck_assert_int_eq(asked, 0);

    SKEP__EVENT(SKEP_ERROR, "base.loud", {"n", skep_int(costly())}, {"why", skep_text("x")});
    ck_assert_int_eq(s.count, 1);
    ck_assert_int_eq(s.level, SKEP_ERROR);
    ck_assert_str_eq(s.room, SKEP__ROOM);
    ck_assert_str_eq(s.name, "base.loud");
    ck_assert_str_eq(s.key, "n");
    ck_assert_int_eq(s.value, 1);
    ck_assert_uint_eq(s.fields, 2);
    ck_assert_int_ge(s.at_us, before);

    SKEP__EVENT(SKEP_WARNING, "base.bare");
    ck_assert_int_eq(s.count, 2);
    ck_assert_uint_eq(s.fields, 0);
}

TEST(a_sink_can_be_taken_away)
{
    seen s = {0};
    skep_set_event_sink(keep, &s, SKEP_DEBUG);
    skep_set_event_sink(NULL, NULL, SKEP_DEBUG);
    SKEP__EVENT(SKEP_ERROR, "base.late");
    skep__event_send(SKEP_ERROR, "base", "base.late", NULL, 0); /* asked just before it went */
    ck_assert_int_eq(s.count, 0);
}

typedef struct sink_pair {
    atomic_int first;
    atomic_int second;
    atomic_int mixed;
    atomic_bool stop;
} sink_pair;

static sink_pair pair;

static void first_sink(const skep_event *event, void *ctx)
{
    (void)event;
    atomic_fetch_add(ctx == &pair.first ? &pair.first : &pair.mixed, 1);
}

static void second_sink(const skep_event *event, void *ctx)
{
    (void)event;
    atomic_fetch_add(ctx == &pair.second ? &pair.second : &pair.mixed, 1);
}

static void send_or_change(size_t index, void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 20000; i++) {
        if (index != 0)
            SKEP__EVENT(SKEP_ERROR, "base.race");
        else if (i % 2 == 0)
            skep_set_event_sink(first_sink, &pair.first, SKEP_DEBUG);
        else
            skep_set_event_sink(second_sink, &pair.second, SKEP_DEBUG);
    }
}

TEST(a_sink_never_gets_the_context_of_another)
{
    skep_set_event_sink(first_sink, &pair.first, SKEP_DEBUG);
    harness_threads(3, send_or_change, NULL);
    ck_assert_int_eq(atomic_load(&pair.mixed), 0);
    ck_assert_int_gt(atomic_load(&pair.first) + atomic_load(&pair.second), 0);
}

static const harness_test tests[] = {
    HARNESS_TEST(without_a_sink_nothing_is_evaluated),
    HARNESS_TEST(a_sink_gets_what_it_asked_for),
    HARNESS_TEST(a_sink_can_be_taken_away),
    HARNESS_TEST(a_sink_never_gets_the_context_of_another),
};
const harness_suite event_suite = HARNESS_SUITE("event", tests);
