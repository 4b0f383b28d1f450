/* SPDX-License-Identifier: MIT */
/* The engine remote, when the network or the server fails. */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "remote_server.h"
#include "tools.h"

static int put_text(remote_world *w, const char *text, uint32_t create, const char *if_etag)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.create = create;
    opts.if_etag = if_etag;
    return skep_store_put(w->store, "k", skep_slice_str(text), &opts, NULL);
}

/* Requests that pass before the first PUT of a put with a condition: the question what the server
 * can do. */
static void know_caps(remote_world *w)
{
    uint32_t caps = 0;
    assert_ok(skep_store_caps(w->store, NULL, &caps));
}

static const front_fault losing[] = {FRONT_LOSE_ANSWER,  FRONT_CUT_HEAD, FRONT_CUT_BODY,
                                     FRONT_WRONG_LENGTH, FRONT_GARBAGE,  FRONT_ANSWER_AFTER};
enum { LOSING = sizeof(losing) / sizeof(losing[0]) };

static void lose(remote_world *w, front_fault fault, uint64_t count)
{
    const front_rule rule = {
        .method = "PUT", .fault = fault, .at = 7, .status = 502, .count = count};
    front_rules_clear(w->f);
    front_rule_add(w->f, &rule);
}

TEST(a21_a_create_whose_answer_is_lost_has_succeeded)
{
    for (size_t i = 0; i < LOSING; i++) {
        remote_world w = remote_open(NULL);
        know_caps(&w);
        lose(&w, losing[i], 1);
        assert_ok(put_text(&w, "mine", 1, NULL));
        ck_assert_uint_eq(front_count(w.f, "PUT", NULL), 2);
        store_holds(w.behind, "k", "mine");
        remote_close(&w);
    }
}

TEST(a21_a_swap_whose_answer_is_lost_has_succeeded)
{
    for (size_t i = 0; i < LOSING; i++) {
        remote_world w = remote_open(NULL);
        skep_object old = SKEP_OBJECT_INIT;
        know_caps(&w);
        assert_ok(skep_store_put(w.store, "k", skep_slice_str("old"), NULL, &old));
        lose(&w, losing[i], 1);
        assert_ok(put_text(&w, "new", 0, old.etag));
        store_holds(w.behind, "k", "new");
        remote_close(&w);
    }
}

TEST(a21_a_create_that_somebody_else_has_won_fails)
{
    remote_world w = remote_open(NULL);
    know_caps(&w);
    store_put(w.behind, "k", "theirs");
    remote_rule(&w, "PUT", FRONT_CLOSE, 0, 2);
    assert_fails_with(put_text(&w, "mine", 1, NULL), SKEP_EEXISTS, SKEP_OUTCOME_UNKNOWN);
    store_holds(w.behind, "k", "theirs");
    front_rules_clear(w.f);
    assert_fails_with(put_text(&w, "mine", 1, NULL), SKEP_EEXISTS, SKEP_OUTCOME_NONE);
    remote_close(&w);
}

TEST(a21_what_cannot_be_found_out_is_unknown)
{
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.retry_ms = 20;
    remote_world w = remote_open(&opts);
    know_caps(&w);
    remote_rule(&w, NULL, FRONT_LOSE_ANSWER, 0, 0); /* HEAD too */
    assert_fails_with(put_text(&w, "mine", 1, NULL), SKEP_ENET, SKEP_OUTCOME_UNKNOWN);
    store_holds(w.behind, "k", "mine");
    assert_fails_with(put_text(&w, "other", 0, NULL), SKEP_ENET, SKEP_OUTCOME_UNKNOWN);
    assert_fails_with(skep_store_delete(w.store, "k", NULL), SKEP_ENET, SKEP_OUTCOME_UNKNOWN);
    remote_close(&w);
}

TEST(a21_the_last_attempt_is_settled_too)
{
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.retry_ms = -1;
    remote_world w = remote_open(&opts);
    know_caps(&w);
    remote_rule(&w, "PUT", FRONT_LOSE_ANSWER, 0, 0);
    assert_ok(put_text(&w, "mine", 1, NULL));
    assert_ok(put_text(&w, "other", 0, NULL));
    store_holds(w.behind, "k", "other");
    remote_rule(&w, "PUT", FRONT_CUT_REQUEST, 1, 0);
    assert_fails_with(put_text(&w, "third", 0, NULL), SKEP_ENET, SKEP_OUTCOME_UNKNOWN);
    store_holds(w.behind, "k", "other");
    remote_close(&w);
}

TEST(a_copy_whose_answer_is_lost_has_succeeded)
{
    skep_put_opts create = SKEP_PUT_OPTS_INIT;
    remote_world w = remote_open(NULL);
    create.create = 1;
    know_caps(&w);
    store_put(w.behind, "from", "text");
    remote_rule(&w, "POST", FRONT_LOSE_ANSWER, 0, 1);
    assert_ok(skep_store_copy(w.store, "from", "to", &create, NULL));
    store_holds(w.behind, "to", "text");
    remote_rule(&w, "POST", FRONT_LOSE_ANSWER, 0, 1);
    store_put(w.behind, "taken", "theirs");
    assert_fails_with(skep_store_copy(w.store, "from", "taken", &create, NULL), SKEP_EEXISTS,
                      SKEP_OUTCOME_UNKNOWN);
    remote_close(&w);
}

TEST(a24_a_get_that_is_cut_every_64_kib_comes_whole)
{
    static const front_fault cuts[] = {FRONT_CUT_BODY, FRONT_WRONG_LENGTH};
    enum { LARGE = 1000003 };
    remote_world w = remote_open(NULL);
    store_put_bytes(w.behind, "k", LARGE, 3);
    remote_rule(&w, "GET", cuts[0], 65536, 0);
    store_same(w.store, w.behind, "k");
    ck_assert_uint_eq(front_count(w.f, "GET", NULL), LARGE / 65536 + 1);
    const front_request *second = front_seen(w.f, 1);
    ck_assert_str_eq(front_header(second, "Range"), "bytes=65536-1000002");
    ck_assert_ptr_nonnull(front_header(second, "If-Match"));

    /* A range too, and an answer that was told to be longer than it is. */
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_get *get = NULL;
    char *whole = malloc(LARGE);
    size_t len = 0;
    size_t got = 1;
    opts.offset = 3;
    opts.bytes = 500000;
    assert_ok(skep_get_open(w.store, "k", &opts, &get, NULL));
    for (; got > 0; len += got)
        assert_ok(skep_get_read(get, whole + len, LARGE - len, &got));
    ck_assert_uint_eq(len, 500000);
    skep_get_close(get);
    free(whole);
    remote_close(&w);
}

/* Open, read a little, do that, read on. */
static int read_across(remote_world *w, void (*change)(remote_world *w))
{
    enum { LARGE = 1000003 };
    char *piece = malloc(LARGE);
    size_t got = 0;
    skep_get *get = NULL;
    store_put_bytes(w->behind, "k", LARGE, 3);
    remote_rule(w, "GET", FRONT_CUT_BODY, 65536, 1);
    assert_ok(skep_get_open(w->store, "k", NULL, &get, NULL));
    assert_ok(skep_get_read(get, piece, 100, &got));
    change(w);
    int rc;
    do
        rc = skep_get_read(get, piece, LARGE, &got);
    while (rc == SKEP_OK && got > 0);
    skep_get_close(get);
    free(piece);
    return rc;
}

static void replace(remote_world *w)
{
    store_put_bytes(w->behind, "k", 1000003, 4);
}

static void take_away(remote_world *w)
{
    assert_ok(skep_store_delete(w->behind, "k", NULL));
}

static void lie(remote_world *w)
{
    remote_rule(w, "GET", FRONT_WRONG_ETAG, 0, 0);
}

TEST(a24_a_get_goes_on_in_the_same_object_or_not_at_all)
{
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.retry_ms = 50;
    remote_world w = remote_open(&opts);
    assert_fails(read_across(&w, replace), SKEP_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "replaced"));
    assert_fails(read_across(&w, take_away), SKEP_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "deleted"));
    assert_fails(read_across(&w, lie), SKEP_ENET);
    remote_close(&w);
}

TEST(a25_bursts_of_refusals_are_waited_out)
{
    static const int statuses[] = {429, 500, 502, 503, 504};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        remote_world w = remote_open(NULL);
        skep_object o = SKEP_OBJECT_INIT;
        uint64_t before;
        const char *after = i % 2 == 0 ? "Retry-After: 30\r\n" : NULL;
        store_put(w.behind, "k", "text");
        remote_says(&w, NULL, statuses[i], after, NULL, 12);
        assert_ok(put_text(&w, "new", 0, NULL));
        ck_assert_uint_eq(front_count(w.f, NULL, NULL), 13);
        before = front_count(w.f, NULL, NULL);
        remote_says(&w, NULL, statuses[i], after, NULL, 12);
        store_holds(w.store, "k", "new");
        ck_assert_uint_eq(front_count(w.f, NULL, NULL), before + 13);
        remote_says(&w, NULL, statuses[i], after, NULL, 12);
        assert_ok(skep_store_head(w.store, "k", NULL, &o));
        remote_says(&w, NULL, statuses[i], after, NULL, 12);
        ck_assert_uint_eq(store_count(w.store, ""), 1);
        remote_says(&w, NULL, statuses[i], after, NULL, 12);
        assert_ok(put_text(&w, "newer", 1, NULL) == SKEP_EEXISTS ? SKEP_OK : SKEP_EINTERNAL);
        remote_says(&w, NULL, statuses[i], after, NULL, 12);
        assert_ok(skep_store_delete(w.store, "k", NULL));
        store_lacks(w.behind, "k");
        remote_close(&w);
    }
}

TEST(a25_trying_ends_with_its_budget_and_names_the_last_refusal)
{
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.retry_ms = 20000;
    remote_world w = remote_open(&opts);
    remote_says(&w, NULL, 503, "Retry-After: 80000\r\nSkep-Code: SKEP_EBUSY\r\n",
                "{\"code\":\"SKEP_EBUSY\",\"text\":\"too much to do\",\"outcome\":\"none\"}", 0);
    assert_fails_with(put_text(&w, "text", 0, NULL), SKEP_EBUSY, SKEP_OUTCOME_NONE);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "too much to do"));
    ck_assert_uint_eq(front_count(w.f, NULL, NULL), 1); /* it asks for more time than there is */
    remote_close(&w);
    opts.retry_ms = -1;
    w = remote_open(&opts);
    remote_says(&w, NULL, 503, NULL, NULL, 0);
    assert_fails_with(put_text(&w, "text", 0, NULL), SKEP_EBUSY, SKEP_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(front_count(w.f, "PUT", NULL), 1);
    remote_close(&w);
}

TEST(a25_a_server_that_comes_back_is_found)
{
    remote_world w = remote_open(NULL);
    store_put(w.store, "k", "one");
    front_refuse(w.f, true);
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    skep_store *other = NULL;
    opts.retry_ms = 10;
    assert_ok(skep_store_open(front_url(w.f), &opts, &other));
    assert_fails_with(skep_store_delete(other, "k", NULL), SKEP_ENET, SKEP_OUTCOME_NONE);
    front_refuse(w.f, false);
    assert_ok(skep_store_delete(other, "k", NULL));
    assert_ok(skep_store_close(other));
    remote_close(&w);
}

TEST(a29_bytes_that_were_changed_on_the_way_are_noticed)
{
    enum { LARGE = 200000 };
    remote_world w = remote_open(NULL);
    skep_arena *arena = NULL;
    skep_slice out;
    store_put_bytes(w.behind, "k", LARGE, 3);
    assert_ok(skep_arena_new(16 << 20, &arena));
    for (int64_t at = 0; at < LARGE; at += 33331) {
        remote_rule(&w, "GET", FRONT_FLIP, at, 1);
        assert_fails(skep_store_get(w.store, "k", NULL, arena, &out, NULL), SKEP_ECORRUPT);
    }
    const char *file = harness_path("out");
    remote_rule(&w, "GET", FRONT_FLIP, 77, 1);
    assert_fails(skep_store_get_file(w.store, "k", file, NULL, NULL), SKEP_ECORRUPT);
    ck_assert(!harness_exists(file));
    store_put(w.behind, "empty", "");
    store_holds(w.store, "empty", "");
    skep_arena_free(arena);
    remote_close(&w);
}

TEST(a29_an_answer_about_another_content_is_no_success)
{
    remote_world w = remote_open(NULL);
    remote_says(&w, "PUT", 200, NULL,
                "{\"key\":\"k\",\"bytes\":4,\"modified_us\":1,\"etag\":\"e\","
                "\"hash\":\"00000000000000000000000000000000\"}",
                0);
    assert_fails_with(put_text(&w, "text", 0, NULL), SKEP_ECORRUPT, SKEP_OUTCOME_UNKNOWN);
    remote_says(&w, "PUT", 200, NULL, "fine", 0);
    assert_fails_with(put_text(&w, "text", 0, NULL), SKEP_ENET, SKEP_OUTCOME_UNKNOWN);
    remote_close(&w);
}

TEST(statuses_have_their_codes)
{
    static const struct {
        int status;
        int code;
    } all[] = {{301, SKEP_ENET},      {400, SKEP_EINVALID}, {401, SKEP_EAUTH},
               {403, SKEP_EDENIED},   {404, SKEP_ENET},     {405, SKEP_ENET},
               {409, SKEP_ECONFLICT}, {411, SKEP_ENET},     {413, SKEP_ELIMIT},
               {414, SKEP_ELIMIT},    {431, SKEP_ELIMIT},   {501, SKEP_EUNSUPPORTED},
               {507, SKEP_EFULL}};
    remote_world w = remote_open(NULL);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        remote_says(&w, "DELETE", all[i].status, NULL, "no JSON", 0);
        assert_fails(skep_store_delete(w.store, "k", NULL), all[i].code);
    }
    ck_assert_uint_eq(front_count(w.f, NULL, NULL), sizeof(all) / sizeof(all[0]));
    remote_says(&w, "DELETE", 500, "Skep-Code: SKEP_ECORRUPT\r\n",
                "{\"code\":\"SKEP_ECORRUPT\",\"text\":\"a \\\"chunk\\\" is damaged\","
                "\"outcome\":\"unknown\"}",
                0);
    assert_fails_with(skep_store_delete(w.store, "k", NULL), SKEP_ECORRUPT, SKEP_OUTCOME_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "a \"chunk\" is damaged"));
    uint32_t caps;
    remote_says(&w, "GET", 200, NULL, "{\"create\":1}", 0);
    assert_fails(skep_store_caps(w.store, NULL, &caps), SKEP_ENET);
    skep_object o = SKEP_OBJECT_INIT;
    remote_says(&w, "HEAD", 200, NULL, NULL, 0);
    assert_fails(skep_store_head(w.store, "k", NULL, &o), SKEP_ENET);
    remote_close(&w);
}

/* ---- streams ---- */

enum { STREAM = 20 << 20, PIECE = 1 << 20 };

/* `bytes`: what is announced. */
static int stream(remote_world *w, uint64_t bytes)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_put *put = NULL;
    char *piece = calloc(1, PIECE);
    int rc = SKEP_OK;
    opts.bytes = bytes;
    assert_ok(skep_put_begin(w->store, "k", &opts, &put));
    for (size_t i = 0; i < STREAM && rc >= 0; i += PIECE)
        rc = skep_put_write(put, piece, PIECE);
    if (rc >= 0)
        rc = skep_put_commit(put, NULL);
    else
        skep_put_abort(put);
    free(piece);
    return rc;
}

TEST(a_stream_that_is_refused_at_its_beginning_is_begun_again)
{
    static const uint64_t bytes[] = {STREAM, SKEP_BYTES_UNKNOWN};
    for (size_t i = 0; i < 2; i++) {
        remote_world w = remote_open(NULL);
        const front_rule busy = {
            .method = "PUT", .fault = FRONT_ANSWER_EARLY, .status = 503, .count = 3};
        front_rule_add(w.f, &busy);
        assert_ok(stream(&w, bytes[i]));
        ck_assert_uint_eq(front_count(w.f, "PUT", NULL), 4);
        ck_assert(store_has(w.behind, "k"));
        remote_close(&w);
    }
}

TEST(a_stream_that_is_cut_stores_nothing)
{
    static const uint64_t bytes[] = {STREAM, SKEP_BYTES_UNKNOWN};
    for (size_t i = 0; i < 2; i++) {
        remote_world w = remote_open(NULL);
        remote_rule(&w, "PUT", FRONT_CUT_REQUEST, STREAM - 1000, 0);
        int rc = stream(&w, bytes[i]);
        ck_assert_int_eq(rc, SKEP_ENET);
        store_lacks(w.behind, "k");
        remote_close(&w);
    }
}

TEST(a_stream_whose_answer_is_lost_has_succeeded)
{
    static const uint64_t bytes[] = {STREAM, SKEP_BYTES_UNKNOWN};
    for (size_t i = 0; i < 2; i++) {
        remote_world w = remote_open(NULL);
        remote_rule(&w, "PUT", FRONT_LOSE_ANSWER, 0, 0);
        assert_ok(stream(&w, bytes[i]));
        ck_assert_uint_eq(front_count(w.f, "PUT", NULL), 1);
        ck_assert(store_has(w.behind, "k"));
        remote_close(&w);
    }
}

/* Of a length that was told the server has the last byte only with the commit. */
TEST(a_stream_that_is_aborted_with_all_its_bytes_stores_nothing)
{
    static const uint64_t bytes[] = {STREAM, SKEP_BYTES_UNKNOWN};
    for (size_t i = 0; i < 2; i++) {
        remote_world w = remote_open(NULL);
        skep_put_opts opts = SKEP_PUT_OPTS_INIT;
        skep_put *put = NULL;
        char *piece = calloc(1, PIECE);
        opts.bytes = bytes[i];
        assert_ok(skep_put_begin(w.store, "k", &opts, &put));
        for (size_t n = 0; n < STREAM; n += PIECE) /* the last ones slowly, so that all is sent */
            for (size_t at = 0, step = n + PIECE < STREAM ? PIECE : 64; at < PIECE; at += step)
                assert_ok(skep_put_write(put, piece, step));
        skep_put_abort(put);
        free(piece);
        assert_ok(skep_store_close(w.store));
        front_stop(w.f); /* whatever it was about to apply is done */
        store_lacks(w.behind, "k");
        assert_ok(skep_store_close(w.behind));
    }
}

TEST(a_stream_that_is_refused_says_why)
{
    remote_world w = remote_open(NULL);
    const front_rule full = {.method = "PUT",
                             .fault = FRONT_ANSWER_EARLY,
                             .status = 507,
                             .headers = "Skep-Code: SKEP_EFULL\r\n",
                             .body = "{\"code\":\"SKEP_EFULL\",\"text\":\"no space is left\","
                                     "\"outcome\":\"none\"}"};
    front_rule_add(w.f, &full);
    assert_fails_with(stream(&w, STREAM), SKEP_EFULL, SKEP_OUTCOME_NONE);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "no space is left"));
    remote_close(&w);
}

static const harness_test tests[] = {
    HARNESS_TEST(a21_a_create_whose_answer_is_lost_has_succeeded),
    HARNESS_TEST(a21_a_swap_whose_answer_is_lost_has_succeeded),
    HARNESS_TEST(a21_a_create_that_somebody_else_has_won_fails),
    HARNESS_TEST(a21_what_cannot_be_found_out_is_unknown),
    HARNESS_TEST(a21_the_last_attempt_is_settled_too),
    HARNESS_TEST(a_copy_whose_answer_is_lost_has_succeeded),
    HARNESS_TEST(a24_a_get_that_is_cut_every_64_kib_comes_whole),
    HARNESS_TEST(a24_a_get_goes_on_in_the_same_object_or_not_at_all),
    HARNESS_TEST(a25_bursts_of_refusals_are_waited_out),
    HARNESS_TEST(a25_trying_ends_with_its_budget_and_names_the_last_refusal),
    HARNESS_TEST(a25_a_server_that_comes_back_is_found),
    HARNESS_TEST(a29_bytes_that_were_changed_on_the_way_are_noticed),
    HARNESS_TEST(a29_an_answer_about_another_content_is_no_success),
    HARNESS_TEST(statuses_have_their_codes),
    HARNESS_TEST(a_stream_that_is_refused_at_its_beginning_is_begun_again),
    HARNESS_TEST(a_stream_that_is_cut_stores_nothing),
    HARNESS_TEST(a_stream_whose_answer_is_lost_has_succeeded),
    HARNESS_TEST(a_stream_that_is_aborted_with_all_its_bytes_stores_nothing),
    HARNESS_TEST(a_stream_that_is_refused_says_why),
};
const harness_suite remote_failure_suite = HARNESS_SUITE("remote_failure", tests);
