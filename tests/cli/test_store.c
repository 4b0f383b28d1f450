/* SPDX-License-Identifier: MIT */
/* `skep store` over a directory: status, ls, get, put, rm. */
#include "suites.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"
#include "store_run.h"

/* ---- put and get ---- */

TEST(what_is_put_is_got)
{
    const char *uri = store_uri("s");
    const char *data = store_file("data", "one\ntwo\n");
    ran r = SKEP("store", "put", uri, "notes/a.txt", data);
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert_str_eq(r.out, "");
    assert_one_line(r.err, "notes/a.txt", "8 B", "etag ");
    r = SKEP("store", "get", uri, "notes/a.txt");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "one\ntwo\n");
    ck_assert_str_eq(r.err, "");
    const char *back = harness_path("back");
    r = SKEP("store", "get", uri, "notes/a.txt", "-o", back, "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert_str_eq(harness_read_file(back, NULL), "one\ntwo\n");
    json_t *json = parse_json(r.out);
    ck_assert_str_eq(json_string_value(json_object_get(json, "key")), "notes/a.txt");
    ck_assert_int_eq(json_integer_value(json_object_get(json, "bytes")), 8);
    ck_assert_str_eq(json_string_value(json_object_get(json, "path")), back);
    json_decref(json);
}

TEST(standard_input_is_put_and_zero_bytes_are_kept)
{
    const char *uri = store_uri("s");
    ran r = store_sh("printf 'a\\0b' | \"$SKEP_PROGRAM\" store put \"$1\" k - --json", uri);
    ck_assert_msg(r.status == 0, "%s", r.err);
    json_t *json = parse_json(r.out);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "bytes")), 3);
    json_decref(json);
    r = SKEP("store", "get", uri, "k");
    ck_assert_uint_eq(r.out_len, 3);
    ck_assert_mem_eq(r.out, "a\0b", 3);
    r = store_sh("\"$SKEP_PROGRAM\" store put \"$1\" empty - </dev/null", uri);
    ck_assert_int_eq(r.status, 0);
    r = SKEP("store", "get", uri, "empty");
    ck_assert_int_eq(r.status, 0);
    ck_assert_uint_eq(r.out_len, 0);
}

TEST(a_pipe_in_the_place_of_a_file_is_put)
{
    const char *uri = store_uri("s");
    ran r = store_sh("mkfifo p; printf piped >p & \"$SKEP_PROGRAM\" store put \"$1\" k p", uri);
    ck_assert_msg(r.status == 0, "%s", r.err);
    r = SKEP("store", "get", uri, "k");
    ck_assert_str_eq(r.out, "piped");
}

TEST(a_put_that_is_stopped_leaves_nothing)
{
    const char *uri = store_uri("s");
    const char *pipe = harness_path("pipe");
    store_put(uri, "other", "1");
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    running r = run_start((const char *const[]){"skep", "store", "put", uri, "k", pipe, NULL});
    int fd = open(pipe, O_WRONLY); /* once the program reads */
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "half", 4), 4);
    ck_assert_int_eq(kill(r.pid, SIGINT), 0);
    ck_assert_int_eq(run_wait(&r), 128 + SIGINT);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_str_eq(store_keys(uri), "other");
    ck_assert(!store_contains("s", "half"));
}

TEST(create_and_if_etag_keep_what_is_there)
{
    const char *uri = store_uri("s");
    const char *one = store_file("one", "1");
    const char *two = store_file("two", "2");
    ran r = SKEP("store", "put", uri, "k", one, "--create", "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    json_t *json = parse_json(r.out);
    const char *etag = json_string_value(json_object_get(json, "etag"));
    ran again = SKEP("store", "put", uri, "k", two, "--create");
    ck_assert_int_eq(again.status, 3);
    assert_one_line(again.err, "SKEP_EEXISTS");
    ck_assert_int_eq(SKEP("store", "put", uri, "k", two, "--if-etag", "other").status, 3);
    ck_assert_str_eq(SKEP("store", "get", uri, "k").out, "1");
    ck_assert_int_eq(SKEP("store", "put", uri, "k", two, "--if-etag", etag).status, 0);
    ck_assert_str_eq(SKEP("store", "get", uri, "k").out, "2");
    again = SKEP("store", "put", uri, "k", two, "--if-etag", etag);
    assert_one_line(again.err, "SKEP_ECONFLICT");
    ck_assert_int_eq(SKEP("store", "put", uri, "k", two, "--if-etag", etag, "--create").status, 2);
    json_decref(json);
}

TEST(a_file_that_is_there_is_replaced_only_with_force)
{
    const char *uri = store_uri("s");
    const char *out = store_file("out", "mine");
    store_put(uri, "k", "theirs");
    ran r = SKEP("store", "get", uri, "k", "-o", out);
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "--force");
    ck_assert_str_eq(harness_read_file(out, NULL), "mine");
    r = SKEP("store", "get", uri, "k", "-o", out, "--force");
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert_str_eq(harness_read_file(out, NULL), "theirs");
    r = SKEP("store", "get", uri, "nothing", "-o", out, "--force");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_ENOTFOUND");
    ck_assert_str_eq(harness_read_file(out, NULL), "theirs");
}

TEST(a_flipped_bit_is_named_and_no_file_appears)
{
    const char *uri = store_uri("s");
    const char *out = harness_path("out");
    store_put(uri, "notes/k", "some words that will be damaged");
    store_flip("s", "damaged");
    ran r = SKEP("store", "get", uri, "notes/k", "-o", out);
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "notes/k", "SKEP_ECORRUPT");
    ck_assert(!harness_exists(out));
}

TEST(what_is_no_text_is_not_sent_to_a_terminal)
{
    const char *uri = store_uri("s");
    store_put(uri, "text", "gr\xc3\xbc\xc3\x9f\tGott\n");
    store_put(uri, "evil", "\033]0;title\007");
    ran r = SKEP_ON_TERMINAL(80, "store", "get", uri, "text");
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "gr\xc3\xbc\xc3\x9f"));
    r = SKEP_ON_TERMINAL(80, "store", "get", uri, "evil");
    ck_assert_int_eq(r.status, 3);
    ck_assert(contains(r.out, "evil is no text"));
    ck_assert(!contains(r.out, "title"));
}

TEST(a_result_that_cannot_be_written_is_a_failure)
{
    const char *uri = store_uri("s");
    store_put(uri, "k", "text");
    ran r =
        run_program(run_skep_path(), (const char *const[]){"skep", "store", "get", uri, "k", NULL},
                    RUN_FULL_OUT);
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "standard output");
    r = run_program(run_skep_path(), (const char *const[]){"skep", "store", "ls", uri, NULL},
                    RUN_FULL_OUT);
    ck_assert_int_eq(r.status, 3);
}

/* ---- sealed ---- */

TEST(what_was_put_with_a_key_is_got_with_it_only)
{
    const char *uri = store_uri("s");
    const char *key = run_key_file("right");
    const char *wrong = run_key_file("wrong");
    const char *data = store_file("data", "canary in the mine");
    ran r = SKEP("store", "put", uri, "k", data, "--key-file", key);
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert(!store_contains("s", "canary"));
    ck_assert_str_eq(SKEP("store", "get", uri, "k", "--key-file", key).out, "canary in the mine");
    r = SKEP("store", "get", uri, "k", "-o", harness_path("out"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "k is sealed", "--key-file", "SKEP_EAUTH");
    ck_assert(!harness_exists(harness_path("out")));
    r = SKEP("store", "get", uri, "k", "--key-file", wrong);
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_EAUTH");
    ck_assert_uint_eq(r.out_len, 0);
    r = SKEP("store", "get", uri, "k", "--raw");
    ck_assert_int_eq(r.status, 0);
    ck_assert(strncmp(r.out, "SKEPOBJ\n", 8) == 0);
}

TEST(a_key_comes_from_the_environment_too)
{
    const char *uri = store_uri("s");
    ck_assert_int_eq(setenv("SKEP_KEY", "a passphrase of several words", 1), 0);
    store_put(uri, "k", "canary");
    ck_assert(!store_contains("s", "canary"));
    ck_assert_str_eq(SKEP("store", "get", uri, "k").out, "canary");
    ck_assert_int_eq(unsetenv("SKEP_KEY"), 0);
    ck_assert_int_eq(SKEP("store", "get", uri, "k").status, 3);
}

TEST(who_only_knows_a_recipient_can_put_and_not_get)
{
    static char recipient[SKEP_RECIPIENT_TEXT_MAX + 1];
    const char *uri = store_uri("s");
    const char *key = run_key_file("reader");
    skep_key *raw = NULL;
    assert_ok(skep_key_file(key, &raw));
    assert_ok(skep_key_recipient(raw, recipient, sizeof(recipient)));
    skep_key_free(raw);
    const char *data = store_file("data", "for another's eyes");
    ran r = SKEP("store", "put", uri, "k", data, "--recipient", recipient);
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert_str_eq(SKEP("store", "get", uri, "k", "--key-file", key).out, "for another's eyes");
    ck_assert_int_eq(SKEP("store", "get", uri, "k").status, 3);
    r = SKEP("store", "put", uri, "k", data, "--recipient", "x25519:nonsense");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_EINVALID");
}

TEST(what_nobody_has_sealed_is_told_where_a_key_is_given)
{
    const char *uri = store_uri("s");
    store_put(uri, "k", "plain");
    ran r = SKEP("store", "get", uri, "k", "--key-file", run_key_file("any"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "k", "not sealed", "SKEP_ECORRUPT");
}

/* ---- ls ---- */

TEST(a_list_has_key_bytes_modified_and_etag_in_order)
{
    const char *uri = store_uri("s");
    store_put(uri, "b", "12");
    store_put(uri, "a/x", "1");
    store_put(uri, "a", "123");
    ran r = SKEP("store", "ls", uri, "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    static const char *const keys[] = {"a", "a/x", "b"};
    static const int bytes[] = {3, 1, 2};
    char *rest = NULL;
    char *line = strtok_r(r.out, "\n", &rest);
    for (size_t i = 0; i < 3; i++, line = strtok_r(NULL, "\n", &rest)) {
        int64_t us = 0;
        ck_assert_ptr_nonnull(line);
        json_t *json = parse_json(line);
        const char *modified = json_string_value(json_object_get(json, "modified"));
        ck_assert_uint_eq(json_object_size(json), 4);
        ck_assert_str_eq(json_string_value(json_object_get(json, "key")), keys[i]);
        ck_assert_int_eq(json_integer_value(json_object_get(json, "bytes")), bytes[i]);
        ck_assert_str_ne(json_string_value(json_object_get(json, "etag")), "");
        assert_ok(skep_time_parse(skep_slice_str(modified), &us));
        json_decref(json);
    }
    ck_assert_ptr_null(line);
}

TEST(a_list_is_cut_by_prefix_after_and_limit)
{
    const char *uri = store_uri("s");
    store_put(uri, "a/1", "1");
    store_put(uri, "a/2", "1");
    store_put(uri, "a/3", "1");
    store_put(uri, "b", "1");
    ran r = SKEP("store", "ls", uri, "--prefix", "a/", "--after", "a/1", "--limit", "1");
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "a/2"));
    ck_assert(!contains(r.out, "a/1") && !contains(r.out, "a/3") && !contains(r.out, "b\n"));
    assert_one_line(r.err, "1 object, 1 B");
    ck_assert_int_eq(SKEP("store", "ls", uri, "--limit", "0").status, 2);
    r = SKEP("store", "ls", uri, "-q");
    ck_assert_str_eq(r.err, "");
}

TEST(looking_does_not_make_a_store)
{
    ran r = SKEP("store", "ls", store_uri("none"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "none", "SKEP_ENOTFOUND");
    ck_assert_int_eq(SKEP("store", "get", store_uri("none"), "k").status, 3);
    ck_assert_int_eq(SKEP("store", "rm", store_uri("none"), "k").status, 3);
    ck_assert_int_eq(SKEP("store", "status", store_uri("none")).status, 3);
    ck_assert(!harness_exists(harness_path("none")));
}

TEST(bad_uris_and_keys_are_named)
{
    const char *uri = store_uri("s");
    store_put(uri, "k", "1");
    assert_one_line(SKEP("store", "ls", "gopher://x").err, "gopher", "SKEP_EINVALID");
    assert_one_line(SKEP("store", "ls", "s3://b?secret_access_key=x").err, "secret",
                    "SKEP_EINVALID");
    assert_one_line(SKEP("store", "get", uri, "../etc/passwd").err, "SKEP_EINVALID");
    assert_one_line(SKEP("store", "get", uri, ".skep/keys").err, "SKEP_EINVALID");
    ran r = SKEP("store", "ls", "remote:");
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "REMOTE_STORAGE_ENDPOINT");
    ck_assert_int_eq(setenv("REMOTE_STORAGE_ENDPOINT", uri, 1), 0);
    ck_assert_int_eq(SKEP("store", "ls", "remote:").status, 0);
}

/* ---- rm ---- */

TEST(many_keys_are_deleted_and_missing_ones_are_no_failure)
{
    const char *uri = store_uri("s");
    store_put(uri, "a", "1");
    store_put(uri, "b", "1");
    store_put(uri, "c", "1");
    ran r = SKEP("store", "rm", uri, "a", "nothing", "c", "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    assert_json(r.out, "{\"removed\": 3, \"failed\": 0}");
    ck_assert_str_eq(store_keys(uri), "b");
    ck_assert_int_eq(SKEP("store", "rm", uri).status, 2);
    ck_assert_int_eq(SKEP("store", "rm", uri, "b", "/bad").status, 3);
    ck_assert_str_eq(store_keys(uri), "b"); /* what is refused deletes nothing */
}

TEST(a_folder_is_deleted_once_somebody_has_said_yes)
{
    const char *uri = store_uri("s");
    store_put(uri, "logs/a", "1");
    store_put(uri, "logs/b/c", "1");
    store_put(uri, "logs2", "1");
    ran r = SKEP("store", "rm", "-r", uri, "logs");
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "2 objects (2 B) below \"logs/\"", "--yes");
    ck_assert_str_eq(store_keys(uri), "logs/a logs/b/c logs2");
    r = SKEP("store", "rm", "-r", uri, "logs", "--yes", "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    assert_json(r.out, "{\"removed\": 2, \"failed\": 0}");
    ck_assert_str_eq(store_keys(uri), "logs2");
    ck_assert_int_eq(SKEP("store", "rm", "-r", uri, "nothing").status, 0);
    ck_assert_int_eq(SKEP("store", "rm", "-r", uri, "", "--yes").status, 0);
    ck_assert_str_eq(store_keys(uri), "");
}

/* ---- status and test ---- */

TEST(status_tells_what_a_directory_is)
{
    const char *uri = store_uri("s");
    store_put(uri, "k", "1");
    ran r = SKEP("store", "status", uri, "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    json_t *json = parse_json(r.out);
    ck_assert(json_is_true(json_object_get(json, "ok")));
    ck_assert(json_is_true(json_object_get(json, "answers")));
    ck_assert(json_is_false(json_object_get(json, "empty")));
    ck_assert(json_is_false(json_object_get(json, "key_ring")));
    ck_assert(json_is_null(json_object_get(json, "lag")));
    ck_assert_int_gt(json_integer_value(json_object_get(json, "free_bytes")), 0);
    ck_assert_uint_gt(json_array_size(json_object_get(json, "can")), 0);
    json_decref(json);
    r = SKEP("store", "status", uri);
    ck_assert(contains(r.out, "create swap"));
    ck_assert_int_eq(
        SKEP("store", "put", uri, "sealed", store_file("d", "x"), "--key-file", run_key_file("k"))
            .status,
        0);
    ck_assert(contains(SKEP("store", "status", uri).out, "yes, with 1 wrapped key"));
}

TEST(a_store_that_does_not_answer_is_status_1)
{
    ran r = SKEP("store", "status", "http://127.0.0.1:1?retry=1ms", "--json");
    ck_assert_msg(r.status == 1, "%s", r.err);
    json_t *json = parse_json(r.out);
    ck_assert(json_is_false(json_object_get(json, "ok")));
    ck_assert(json_is_false(json_object_get(json, "answers")));
    ck_assert_str_ne(json_string_value(json_object_get(json, "error")), "");
    json_decref(json);
}

static json_t *result_of(json_t *json, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(json, "tests"), i,
                       one) if (strcmp(json_string_value(json_object_get(one, "name")), name) ==
                                0) return one;
    ck_assert_msg(false, "no %s", name);
    return NULL;
}

TEST(every_ability_of_a_directory_is_seen_and_nothing_stays)
{
    const char *uri = store_uri("s");
    store_put(uri, "mine", "1");
    ran r = SKEP("store", "test", uri, "--json");
    ck_assert_msg(r.status == 0, "%s%s", r.out, r.err);
    json_t *json = parse_json(r.out);
    size_t i;
    json_t *one;
    ck_assert(json_is_true(json_object_get(json, "ok")));
    json_array_foreach(json_object_get(json, "tests"), i, one)
        ck_assert_str_eq(json_string_value(json_object_get(one, "result")), "yes");
    ck_assert_uint_eq(i, 14);
    ck_assert(json_is_real(json_object_get(result_of(json, "put"), "latency_ms")));
    ck_assert(json_is_integer(json_object_get(result_of(json, "large get"), "bytes_per_second")));
    json_decref(json);
    ck_assert_str_eq(store_keys(uri), "mine");
}

static bool has_test_object(const char *dir)
{
    bool found = false;
    DIR *list = opendir(dir);
    ck_assert_ptr_nonnull(list);
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;)
        found = found || strncmp(entry->d_name, "skep-test-", 10) == 0;
    ck_assert_int_eq(closedir(list), 0);
    return found;
}

TEST(a_test_that_is_stopped_leaves_nothing)
{
    const char *dir = harness_path("tree");
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    running r = run_start((const char *const[]){"skep", "-q", "store", "test", dir, NULL});
    while (!run_ended(&r) && !has_test_object(dir))
        continue;
    ck_assert_int_eq(kill(r.pid, SIGTERM), 0);
    int status = run_wait(&r);
    ck_assert_msg(status == 128 + SIGTERM || status == 0, "%d", status);
    ck_assert_int_eq(rmdir(dir), 0);
}

TEST(what_a_store_cannot_do_is_no_failure_if_it_need_not)
{
    const char *dir = harness_path("tree");
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    ran r = SKEP("store", "test", dir, "--json");
    ck_assert_msg(r.status == 0, "%s%s", r.out, r.err);
    json_t *json = parse_json(r.out);
    ck_assert_str_eq(json_string_value(json_object_get(result_of(json, "swap"), "result")), "no");
    json_decref(json);
    r = SKEP("store", "test", dir);
    ck_assert(contains(r.out, "large put") && contains(r.out, "sixteen at once"));
    ck_assert_int_eq(rmdir(dir), 0); /* nothing stayed */
}

TEST(a_store_that_fails_at_what_it_must_do_is_status_1)
{
    const char *dir = harness_path("tree");
    ck_assert_int_eq(mkdir(dir, 0555), 0);
    harness_drop_root();
    ran r = SKEP("store", "test", dir, "--json");
    ck_assert_msg(r.status == 1, "%s%s", r.out, r.err);
    json_t *json = parse_json(r.out);
    ck_assert(json_is_false(json_object_get(json, "ok")));
    ck_assert_str_eq(json_string_value(json_object_get(result_of(json, "put"), "result")),
                     "failed");
    json_decref(json);
}

static const harness_test tests[] = {
    HARNESS_TEST(what_is_put_is_got),
    HARNESS_TEST(standard_input_is_put_and_zero_bytes_are_kept),
    HARNESS_TEST(a_pipe_in_the_place_of_a_file_is_put),
    HARNESS_TEST(a_put_that_is_stopped_leaves_nothing),
    HARNESS_TEST(create_and_if_etag_keep_what_is_there),
    HARNESS_TEST(a_file_that_is_there_is_replaced_only_with_force),
    HARNESS_TEST(a_flipped_bit_is_named_and_no_file_appears),
    HARNESS_TEST(what_is_no_text_is_not_sent_to_a_terminal),
    HARNESS_TEST(a_result_that_cannot_be_written_is_a_failure),
    HARNESS_TEST(what_was_put_with_a_key_is_got_with_it_only),
    HARNESS_TEST(a_key_comes_from_the_environment_too),
    HARNESS_TEST(who_only_knows_a_recipient_can_put_and_not_get),
    HARNESS_TEST(what_nobody_has_sealed_is_told_where_a_key_is_given),
    HARNESS_TEST(a_list_has_key_bytes_modified_and_etag_in_order),
    HARNESS_TEST(a_list_is_cut_by_prefix_after_and_limit),
    HARNESS_TEST(looking_does_not_make_a_store),
    HARNESS_TEST(bad_uris_and_keys_are_named),
    HARNESS_TEST(many_keys_are_deleted_and_missing_ones_are_no_failure),
    HARNESS_TEST(a_folder_is_deleted_once_somebody_has_said_yes),
    HARNESS_TEST(status_tells_what_a_directory_is),
    HARNESS_TEST(a_store_that_does_not_answer_is_status_1),
    HARNESS_TEST(every_ability_of_a_directory_is_seen_and_nothing_stays),
    HARNESS_TEST(a_test_that_is_stopped_leaves_nothing),
    HARNESS_TEST(what_a_store_cannot_do_is_no_failure_if_it_need_not),
    HARNESS_TEST(a_store_that_fails_at_what_it_must_do_is_status_1),
};
const harness_suite store_suite = HARNESS_SUITE("store", tests);
