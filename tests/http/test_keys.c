/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../store/memory.h"
#include "support.h"

#define JSON "Content-Type: application/json\r\n"
#define BEARER(name) "Authorization: Bearer " name "-secret-of-this-test\r\n"

static const char *usual_keys(void)
{
    return KEY_FILE("keys", "# of this test", "all rw %s", "reader ro %s", "part rw %s mine/",
                    "peek ro %s mine/in");
}

static world start(void)
{
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.api_key_file = usual_keys();
    world w = world_start(&opts);
    world_put(&w, "mine/inner", "1");
    world_put(&w, "mine/other", "2");
    world_put(&w, "theirs/x", "3");
    return w;
}

TEST(without_a_key_or_with_a_wrong_one_nothing_is_to_be_had)
{
    static const char *const headers[] = {
        "",
        "Authorization: Bearer \r\n",
        "Authorization: Bearer all-secret-of-this-tesT\r\n",
        "Authorization: Bearer all-secret-of-this-test-and-more\r\n",
        "Authorization: Basic all-secret-of-this-test\r\n",
        "Authorization: all-secret-of-this-test\r\n",
    };
    static const char *const requests[][2] = {
        {"GET", "/v1/objects/theirs/x"},
        {"HEAD", "/v1/objects/theirs/x"},
        {"DELETE", "/v1/objects/theirs/x"},
        {"GET", "/v1/objects"},
        {"GET", "/v1/caps"},
        {"GET", "/metrics"},
        {"GET", "/nowhere"},
        {"PATCH", "/v1/objects/x"},
    };
    world w = start();
    for (size_t h = 0; h < sizeof(headers) / sizeof(headers[0]); h++)
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
            answer a = ask_for(&w, requests[i][0], requests[i][1], headers[h]);
            answer_fails(&a, 401, "SKEP_EAUTH");
            ck_assert_str_eq(answer_header(&a, "WWW-Authenticate"), "Bearer");
            ck_assert_ptr_null(strstr(a.body, "secret"));
        }
    answer a = ask_with(&w, "PUT", "/v1/objects/new", "", "x");
    answer_fails(&a, 401, "SKEP_EAUTH");
    ck_assert_uint_eq(world_count(&w), 3);
    ck_assert_int_eq(ask_for(&w, "GET", "/livez", "").status, 200);
    ck_assert_int_eq(ask_for(&w, "GET", "/readyz", "").status, 200);
    ck_assert_int_eq(ask_for(&w, "GET", "/v1/objects/theirs/x", BEARER("all")).status, 200);
    world_stop(&w);
}

TEST(a_key_that_may_read_changes_nothing)
{
    world w = start();
    ck_assert_int_eq(ask_for(&w, "GET", "/v1/objects/theirs/x", BEARER("reader")).status, 200);
    answer a = ask_with(&w, "PUT", "/v1/objects/new", BEARER("reader"), "x");
    answer_fails(&a, 403, "SKEP_EDENIED");
    a = ask_for(&w, "DELETE", "/v1/objects/theirs/x", BEARER("reader"));
    answer_fails(&a, 403, "SKEP_EDENIED");
    a = ask_with(&w, "POST", "/v1/delete", JSON BEARER("reader"), "{\"keys\":[\"theirs/x\"]}");
    answer_fails(&a, 403, "SKEP_EDENIED");
    a = ask_with(&w, "POST", "/v1/copy", JSON BEARER("reader"),
                 "{\"from\":\"theirs/x\",\"to\":\"new\"}");
    answer_fails(&a, 403, "SKEP_EDENIED");
    ck_assert_uint_eq(world_count(&w), 3);
    world_stop(&w);
}

TEST(a_key_of_a_prefix_does_not_get_out_of_it)
{
    static const char *const outside[] = {
        "theirs/x",
        "mine",
        "mine%2Fx",
        "minE/x",
        "/mine/x",
        "mine/../theirs/x",
        "mine/%2e%2e/theirs/x",
        "mine//x",
        "mine/./x",
        "mine/%2E/x",
        "mine/%00",
        "mine/%ff",
        "mine/x%0a",
        "mine/",
        "mine/..%2ftheirs/x",
        "%6dine",
    };
    static const char *const methods[] = {"GET", "HEAD", "DELETE"};
    world w = start();
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "/v1/objects/%s", outside[i]);
        for (size_t m = 0; m < 3; m++) {
            answer a = ask_for(&w, methods[m], path, BEARER("part"));
            ck_assert_msg(a.status == 403 || a.status == 400, "%s %s: %d", methods[m], path,
                          a.status);
        }
        answer a = ask_with(&w, "PUT", path, BEARER("part"), "x");
        ck_assert_msg(a.status == 403 || a.status == 400, "PUT %s: %d", path, a.status);
    }
    static const char *const bodies[][2] = {
        {"/v1/delete", "{\"keys\":[\"mine/inner\",\"theirs/x\"]}"},
        {"/v1/copy", "{\"from\":\"theirs/x\",\"to\":\"mine/stolen\"}"},
        {"/v1/copy", "{\"from\":\"mine/inner\",\"to\":\"theirs/x\"}"},
    };
    for (size_t i = 0; i < 3; i++) {
        answer a = ask_with(&w, "POST", bodies[i][0], JSON BEARER("part"), bodies[i][1]);
        answer_fails(&a, 403, "SKEP_EDENIED");
    }
    answer a = ask_with(&w, "POST", "/v1/copy", JSON BEARER("part"),
                        "{\"from\":\"mine/../theirs/x\",\"to\":\"mine/stolen\"}");
    answer_fails(&a, 400, "SKEP_EINVALID");
    a = ask_for(&w, "GET", "/metrics", BEARER("part"));
    answer_fails(&a, 403, "SKEP_EDENIED");
    ck_assert_uint_eq(world_count(&w), 3);
    ck_assert_str_eq(world_text(&w, "theirs/x"), "3");
    ck_assert_int_eq(ask_with(&w, "PUT", "/v1/objects/mine/new", BEARER("part"), "x").status, 200);
    world_stop(&w);
}

TEST(a_list_of_a_key_of_a_prefix_is_confined_to_it)
{
    static const struct {
        const char *query;
        bool other, inner;
        int status;
    } cases[] = {
        {"", true, true, 200},
        {"?prefix=m", true, true, 200},
        {"?prefix=mine/", true, true, 200},
        {"?prefix=mine%2Finn", false, true, 200},
        {"?prefix=theirs", false, false, 403},
        {"?prefix=minf", false, false, 403},
    };
    world w = start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/v1/objects%s", cases[i].query);
        answer a = ask_for(&w, "GET", path, BEARER("part"));
        ck_assert_int_eq(a.status, cases[i].status);
        ck_assert((strstr(a.body, "mine/other") != NULL) == cases[i].other);
        ck_assert((strstr(a.body, "mine/inner") != NULL) == cases[i].inner);
        ck_assert_ptr_null(strstr(a.body, "theirs/x"));
    }
    answer a = ask_for(&w, "GET", "/v1/objects?after=a", BEARER("peek"));
    ck_assert_ptr_nonnull(strstr(a.body, "mine/inner"));
    ck_assert_ptr_null(strstr(a.body, "mine/other"));
    world_stop(&w);
}

TEST(keys_are_read_again_on_demand_and_stay_when_the_file_is_bad)
{
    world w = start();
    const char *path = harness_path("keys");
    (void)KEY_FILE("keys", "next rw %s");
    ck_assert_int_eq(ask_for(&w, "GET", "/v1/caps", BEARER("all")).status, 200);
    assert_ok(skep_serve_reload(w.serve));
    ck_assert_int_eq(ask_for(&w, "GET", "/v1/caps", BEARER("all")).status, 401);
    ck_assert_int_eq(ask_for(&w, "GET", "/v1/caps", BEARER("next")).status, 200);
    harness_write_file(path, "nonsense\n", 9);
    assert_fails(skep_serve_reload(w.serve), SKEP_EINVALID);
    ck_assert_int_eq(chmod(path, 0644), 0);
    assert_fails(skep_serve_reload(w.serve), SKEP_EDENIED);
    ck_assert_int_eq(unlink(path), 0);
    assert_fails(skep_serve_reload(w.serve), SKEP_ENOTFOUND);
    ck_assert_int_eq(ask_for(&w, "GET", "/v1/caps", BEARER("next")).status, 200);
    world_stop(&w);
}

TEST(a_made_key_works_and_is_written_nowhere)
{
    const char *path = harness_path("made");
    char all[49], part[49], more[49];
    struct stat st;
    size_t size = 0;
    assert_ok(skep_serve_make_key(path, "all", NULL, 0, all));
    assert_ok(skep_serve_make_key(path, "part", "my own/", SKEP_SERVE_READONLY, part));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777u, 0600);
    const char *text = harness_read_file(path, &size);
    ck_assert_ptr_null(strstr(text, all + 5));
    ck_assert_ptr_nonnull(strstr(text, "\npart ro "));
    assert_fails(skep_serve_make_key(path, "all", NULL, 0, more), SKEP_EEXISTS);
    assert_fails(skep_serve_make_key(path, "a b", NULL, 0, more), SKEP_EINVALID);
    assert_fails(skep_serve_make_key(path, "", NULL, 0, more), SKEP_EINVALID);
    assert_fails(skep_serve_make_key(path, "c", "x\ny rw", 0, more), SKEP_EINVALID);
    assert_fails(skep_serve_make_key(path, "c", " x", 0, more), SKEP_EINVALID);
    assert_fails(skep_serve_make_key(harness_path("no/dir"), "c", "", 0, more), SKEP_ENOTFOUND);
    assert_fails(skep_serve_make_key(harness_dir(), "c", "", 0, more), SKEP_EIO);
    ck_assert_str_eq(harness_read_file(path, NULL), text);

    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.api_key_file = path;
    world w = world_start(&opts);
    char header[128];
    (void)snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", all);
    ck_assert_int_eq(ask_with(&w, "PUT", "/v1/objects/my%20own/x", header, "x").status, 200);
    (void)snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", part);
    ck_assert_int_eq(ask_for(&w, "GET", "/v1/objects/my%20own/x", header).status, 200);
    ck_assert_int_eq(ask_for(&w, "GET", "/v1/objects/other", header).status, 403);
    world_stop(&w);
    ck_assert_int_eq(chmod(path, 0640), 0);
    assert_fails(skep_serve_make_key(path, "d", NULL, 0, more), SKEP_EDENIED);
}

TEST(other_machines_are_let_in_with_keys_and_tls_only)
{
    skep_store *store = NULL;
    skep_serve *serve = NULL;
    assert_ok(memory_store_open(MEMORY_CAPS, &store));
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.listen = "0.0.0.0:0";
    assert_fails(skep_serve_open(store, &opts, &serve), SKEP_EDENIED);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "API keys"));
    opts.flags = SKEP_SERVE_INSECURE | SKEP_SERVE_BEHIND_PROXY;
    assert_fails(skep_serve_open(store, &opts, &serve), SKEP_EDENIED);
    opts.flags = 0;
    opts.api_key_file = usual_keys();
    assert_fails(skep_serve_open(store, &opts, &serve), SKEP_EDENIED);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "TLS"));
    opts.listen = "127.0.0.2:0";
    opts.flags = SKEP_SERVE_BEHIND_PROXY;
    assert_ok(skep_serve_open(store, &opts, &serve));
    assert_ok(skep_serve_close(serve, 0));
    assert_ok(skep_store_close(store));
}

TEST(options_that_make_no_sense_are_refused)
{
    static const char *const addresses[] = {
        "",      "7420",     "127.0.0.1", "127.0.0.1:",   "host:1",       "127.0.0.1:65536",
        "[::1]", "::1:7420", "[::g]:1",   "127.0.0.1:-1", "[127.0.0.1]:1"};
    skep_store *store = NULL;
    skep_serve *serve = NULL, *second = NULL;
    assert_ok(memory_store_open(MEMORY_CAPS, &store));
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
        opts.listen = addresses[i];
        assert_fails(skep_serve_open(store, &opts, &serve), SKEP_EINVALID);
    }
    skep_serve_opts bad[8];
    for (size_t i = 0; i < 8; i++)
        bad[i] = (skep_serve_opts)SKEP_SERVE_OPTS_INIT;
    bad[0].flags = 1u << 9;
    bad[1].header_bytes = SKEP_SERVE_HEADER_MAX + 1;
    bad[2].connections = SKEP_SERVE_CONNECTIONS_MAX + 1;
    bad[3].idle_ms = -1;
    bad[4].object_bytes = SKEP_STORE_BYTES_MAX + 1;
    bad[5].tls_cert_file = "cert.pem";
    bad[6].requests_per_second = UINT32_MAX;
    bad[7].tls_key_file = "key.pem";
    for (size_t i = 0; i < 8; i++)
        assert_fails(skep_serve_open(store, &bad[i], &serve), SKEP_EINVALID);
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.size = 3;
    assert_fails(skep_serve_open(store, &opts, &serve), SKEP_EMISUSE);
    opts = (skep_serve_opts)SKEP_SERVE_OPTS_INIT;
    opts.listen = "127.0.0.1:0";
    assert_ok(skep_serve_open(store, &opts, &serve));
    opts.listen = strchr(skep_serve_url(serve), '1');
    assert_fails(skep_serve_open(store, &opts, &second), SKEP_EBUSY);
    assert_ok(skep_serve_close(serve, 0));
    assert_ok(skep_serve_close(NULL, 0));
    assert_ok(skep_store_close(store));
}

TEST(a_server_without_keys_answers_to_names_of_this_machine_only)
{
    world w = world_start(NULL);
    int fd = wire_open(&w);
    ck_assert(wire_say(fd, "GET /v1/objects HTTP/1.1\r\nHost: evil.example:7420\r\n\r\n"));
    answer a = wire_answer(fd, false);
    answer_fails(&a, 403, "SKEP_EDENIED");
    wire_close(fd);
    world_stop(&w);
}

TEST(a_server_for_reading_changes_nothing)
{
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.flags = SKEP_SERVE_READONLY;
    world w = world_start(&opts);
    answer a = ask_with(&w, "PUT", "/v1/objects/k", "", "x");
    answer_fails(&a, 403, "SKEP_EREADONLY");
    ck_assert_uint_eq(world_count(&w), 0);
    world_stop(&w);
}

static const harness_test tests[] = {
    HARNESS_TEST(without_a_key_or_with_a_wrong_one_nothing_is_to_be_had),
    HARNESS_TEST(a_key_that_may_read_changes_nothing),
    HARNESS_TEST(a_key_of_a_prefix_does_not_get_out_of_it),
    HARNESS_TEST(a_list_of_a_key_of_a_prefix_is_confined_to_it),
    HARNESS_TEST(keys_are_read_again_on_demand_and_stay_when_the_file_is_bad),
    HARNESS_TEST(a_made_key_works_and_is_written_nowhere),
    HARNESS_TEST(other_machines_are_let_in_with_keys_and_tls_only),
    HARNESS_TEST(options_that_make_no_sense_are_refused),
    HARNESS_TEST(a_server_without_keys_answers_to_names_of_this_machine_only),
    HARNESS_TEST(a_server_for_reading_changes_nothing),
};
const harness_suite keys_suite = HARNESS_SUITE("keys", tests);
