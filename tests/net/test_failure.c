/* SPDX-License-Identifier: MIT */
/* What goes wrong between a net and a server, and what is said of it. */
#include "fixture.h"

#include <stdlib.h>

#include "base/time.h"

#define UNKNOWN SKEP_OUTCOME_UNKNOWN
#define NONE SKEP_OUTCOME_NONE

static int ask(const fixture *x, const char *method)
{
    int status = 0;
    return fixture_ask(x, method, "/a", "body", &status);
}

static int ask_on_condition(const fixture *x, const char *header)
{
    const char *const headers[] = {header, NULL};
    int status = 0;
    return fixture_ask_with(x, "PUT", "/a", headers, &status);
}

static void rule(const fixture *x, front_fault fault, int64_t at, uint64_t after)
{
    const front_rule r = {.fault = fault, .at = at, .after = after, .count = 1};
    front_rules_clear(x->f);
    front_rule_add(x->f, &r);
}

static void assert_names_the_host(const fixture *x)
{
    ck_assert_msg(strstr(skep_last_error()->text, front_url(x->f) + 7) != NULL, "%s",
                  skep_last_error()->text);
}

TEST(a_server_that_is_not_there_is_named)
{
    fixture x = fixture_open(0);
    front_refuse(x.f, true);
    assert_fails_with(ask(&x, "PUT"), SKEP_ENET, NONE);
    assert_names_the_host(&x);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "refused"));
    front_refuse(x.f, false);
    assert_ok(ask(&x, "PUT"));
    front_refuse(x.f, true);
    assert_fails_with(ask(&x, "PUT"), SKEP_ENET, NONE);
    front_refuse(x.f, false);
    assert_ok(ask(&x, "PUT"));
    fixture_close(&x);
}

TEST(a_name_that_nobody_knows_is_told)
{
    fixture x = fixture_open(0);
    skep__net_answer answer = {0};
    const skep__net_request r = {.method = "GET", .url = "http://nowhere.invalid/a"};
    assert_fails(skep__net_do(x.net, &r, &answer, NULL, NULL, NULL), SKEP_ENET);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "nowhere.invalid"));
    fixture_close(&x);
}

/* On a connection of its own each: on a kept one it would be repeated. */
static void fails_at(front_fault fault, int64_t at)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        fixture x = fixture_open(0);
        rule(&x, fault, at, 0);
        assert_fails_with(ask(&x, methods[i]), SKEP_ENET, i == 0 ? NONE : UNKNOWN);
        assert_names_the_host(&x);
        ck_assert_uint_eq(front_count(x.f, NULL, NULL), 1);
        front_rules_clear(x.f);
        assert_ok(ask(&x, methods[i]));
        fixture_close(&x);
    }
}

TEST(a_cut_is_a_failure_with_an_unknown_outcome)
{
    fails_at(FRONT_CLOSE, 0);
    fails_at(FRONT_LOSE_ANSWER, 0);
    fails_at(FRONT_GARBAGE, 0);
    for (int64_t at = 0; at < 21; at += 4) /* less than any head has */
        fails_at(FRONT_CUT_HEAD, at);
}

TEST(a_body_that_is_cut_is_no_short_one)
{
    fixture x = fixture_open(0);
    static const int64_t more[] = {1, 1000};
    fixture_put(&x, "/a", (const uint8_t *)"0123456789", 10);
    for (int64_t at = 0; at < 10; at++) {
        rule(&x, FRONT_CUT_BODY, at, 0);
        assert_fails_with(ask(&x, "GET"), SKEP_ENET, NONE);
    }
    for (size_t i = 0; i < 2; i++) {
        rule(&x, FRONT_WRONG_LENGTH, more[i], 0);
        assert_fails(ask(&x, "GET"), SKEP_ENET);
    }
    fixture_close(&x);
}

TEST(what_came_before_a_cut_is_read_first)
{
    fixture x = fixture_open(0);
    uint8_t *data = fixture_bytes(500000);
    uint8_t *back = malloc(500000);
    fixture_put(&x, "/a", data, 500000);
    for (int64_t cut = 0; cut < 500000; cut += 65536) {
        skep__net_call *call = NULL;
        skep__net_answer answer = {0};
        const skep__net_request r = {.method = "GET", .url = fixture_url(&x, "/a")};
        rule(&x, FRONT_CUT_BODY, cut, 0);
        assert_ok(skep__net_begin(x.net, &r, NULL, NULL, &call));
        assert_ok(skep__net_await(call, &answer));
        ck_assert_uint_eq(answer.body_bytes, 500000);
        size_t len = 0;
        size_t got = 1;
        while (skep__net_read(call, back + len, 10000, &got) == SKEP_OK && got > 0)
            len += got;
        ck_assert_uint_eq(len, (size_t)cut);
        ck_assert_mem_eq(back, data, len);
        assert_fails_with(skep__net_read(call, back, 1, &got), SKEP_ENET, NONE);
        assert_fails_with(skep__net_read(call, back, 1, &got), SKEP_ENET, NONE);
        skep__net_end(call);
    }
    free(back);
    free(data);
    fixture_close(&x);
}

TEST(a_connection_that_was_closed_while_idle_is_replaced)
{
    fixture x = fixture_open(1);
    static const char *const methods[] = {"GET", "PUT", "DELETE"};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(ask(&x, "PUT"));
        rule(&x, FRONT_CLOSE, 0, 0);
        assert_ok(ask(&x, methods[i]));
        ck_assert_uint_eq(front_count(x.f, NULL, NULL), 3 * (i + 1));
    }
    rule(&x, FRONT_CLOSE_AFTER, 0, 0);
    assert_ok(ask(&x, "PUT"));
    assert_ok(ask(&x, "PUT"));
    fixture_close(&x);
}

TEST(what_may_not_be_repeated_is_not_sent_twice)
{
    static const char *const conditions[] = {"If-None-Match: *", "if-match: \"abc\""};
    for (size_t i = 0; i < 2; i++) {
        fixture x = fixture_open(1);
        assert_ok(ask(&x, "GET"));
        rule(&x, FRONT_LOSE_ANSWER, 0, 0);
        assert_fails_with(ask_on_condition(&x, conditions[i]), SKEP_ENET, UNKNOWN);
        ck_assert_uint_eq(front_count(x.f, NULL, NULL), 2);
        assert_ok(ask(&x, "GET"));
        rule(&x, FRONT_LOSE_ANSWER, 0, 0);
        assert_fails_with(ask(&x, "POST"), SKEP_ENET, UNKNOWN);
        ck_assert_uint_eq(front_count(x.f, NULL, NULL), 4);
        fixture_close(&x);
    }
}

TEST(pieces_that_were_taken_are_not_sent_twice)
{
    fixture x = fixture_open(1);
    uint8_t *data = fixture_bytes(400000);
    skep__net_call *call = NULL;
    skep__net_answer answer = {0};
    const skep__net_request r = {
        .method = "PUT", .url = fixture_url(&x, "/a"), .body_bytes = 800000};
    assert_ok(ask(&x, "PUT"));
    rule(&x, FRONT_CUT_REQUEST, 500000, 0);
    assert_ok(skep__net_begin(x.net, &r, NULL, NULL, &call));
    assert_ok(skep__net_write(call, data, 400000));
    int rc = skep__net_write(call, data, 400000);
    if (rc == SKEP_OK)
        rc = skep__net_await(call, &answer);
    ck_assert_int_eq(rc, SKEP_ENET);
    ck_assert_int_eq(skep_last_error()->outcome, UNKNOWN);
    skep__net_end(call);
    ck_assert_uint_eq(front_count(x.f, NULL, NULL), 2);
    free(data);
    fixture_close(&x);
}

TEST(an_answer_has_its_ceilings)
{
    enum { HEAD = SKEP__NET_HEAD_MAX, LINE = 1000, WHOLE = 3 << 20 };
    fixture x = fixture_open(0);
    char *headers = malloc(WHOLE + 1);
    for (size_t i = 0; i < HEAD + LINE; i += LINE) {
        memset(headers + i, 'a', LINE);
        headers[i + 1] = ':';
        memcpy(headers + i + LINE - 2, "\r\n", 2);
        headers[i + LINE] = '\0';
    }
    front_rule r = {.fault = FRONT_ANSWER, .status = 200, .headers = headers};
    front_rule_add(x.f, &r);
    assert_fails_with(ask(&x, "PUT"), SKEP_ELIMIT, UNKNOWN);
    assert_names_the_host(&x);

    memset(headers, 'a', WHOLE);
    headers[1] = ':';
    memcpy(headers + WHOLE - 2, "\r\n", 3);
    assert_fails(ask(&x, "GET"), SKEP_ELIMIT);

    front_rules_clear(x.f);
    fixture_put(&x, "/a", (const uint8_t *)headers, 5000);
    assert_fails_with(ask(&x, "GET"), SKEP_ELIMIT, NONE);
    free(headers);
    fixture_close(&x);
}

TEST(a_stall_and_a_deadline_end_a_request)
{
    fixture x = fixture_open(0);
    const skep__net_opts opts = {.stall_ms = 50};
    skep__net *hasty = NULL;
    skep__net_answer answer = {0};
    assert_ok(skep__net_new(&opts, &hasty));
    skep__net_request r = {
        .method = "PUT", .url = fixture_url(&x, "/a"), .body = skep_slice_str("body")};
    const front_rule hold = {.fault = FRONT_HOLD};
    front_rule_add(x.f, &hold);
    assert_fails_with(skep__net_do(hasty, &r, &answer, NULL, NULL, NULL), SKEP_ETIMEOUT, UNKNOWN);
    assert_names_the_host(&x);
    r.deadline_ns = skep__deadline_ns(50);
    assert_fails_with(skep__net_do(x.net, &r, &answer, NULL, NULL, NULL), SKEP_ETIMEOUT, UNKNOWN);
    assert_fails_with(skep__net_do(x.net, &r, &answer, NULL, NULL, NULL), SKEP_ETIMEOUT, NONE);
    front_held(x.f, 2);
    ck_assert_uint_eq(front_count(x.f, NULL, NULL), 2);
    skep__net_free(hasty);
    fixture_close(&x);
}

typedef struct scene {
    fixture x;
    skep_cancel *cancel; /* the one that is fired */
    skep_cancel *used;
} scene;

static void one_is_held(size_t index, void *ctx)
{
    scene *s = ctx;
    skep__net_answer answer = {0};
    const skep__net_request r = {.method = "PUT",
                                 .url = fixture_url(&s->x, "/a"),
                                 .body = skep_slice_str("body"),
                                 .cancel = s->used};
    if (index == 0) {
        assert_fails_with(skep__net_do(s->x.net, &r, &answer, NULL, NULL, NULL), SKEP_ECANCELLED,
                          UNKNOWN);
        return;
    }
    front_held(s->x.f, 1);
    skep_cancel_fire(s->cancel);
}

TEST(a_cancel_wakes_whoever_waits_for_an_answer)
{
    for (int above = 0; above < 2; above++) {
        scene s = {.x = fixture_open(0)};
        const front_rule hold = {.fault = FRONT_HOLD};
        skep_cancel child;
        front_rule_add(s.x.f, &hold);
        assert_ok(skep_cancel_new(&s.cancel));
        assert_ok(skep__cancel_init(&child, s.cancel));
        s.used = above ? &child : s.cancel;
        harness_threads(2, one_is_held, &s);
        skep__net_answer answer = {0};
        const skep__net_request r = {
            .method = "PUT", .url = fixture_url(&s.x, "/a"), .cancel = s.used};
        assert_fails_with(skep__net_do(s.x.net, &r, &answer, NULL, NULL, NULL), SKEP_ECANCELLED,
                          NONE);
        ck_assert_uint_eq(front_count(s.x.f, NULL, NULL), 1);
        skep__cancel_dispose(&child);
        skep_cancel_free(s.cancel);
        fixture_close(&s.x);
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(a_server_that_is_not_there_is_named),
    HARNESS_TEST(a_name_that_nobody_knows_is_told),
    HARNESS_TEST(a_cut_is_a_failure_with_an_unknown_outcome),
    HARNESS_TEST(a_body_that_is_cut_is_no_short_one),
    HARNESS_TEST(what_came_before_a_cut_is_read_first),
    HARNESS_TEST(a_connection_that_was_closed_while_idle_is_replaced),
    HARNESS_TEST(what_may_not_be_repeated_is_not_sent_twice),
    HARNESS_TEST(pieces_that_were_taken_are_not_sent_twice),
    HARNESS_TEST(an_answer_has_its_ceilings),
    HARNESS_TEST(a_stall_and_a_deadline_end_a_request),
    HARNESS_TEST(a_cancel_wakes_whoever_waits_for_an_answer),
};
const harness_suite failure_suite = HARNESS_SUITE("failure", tests);
