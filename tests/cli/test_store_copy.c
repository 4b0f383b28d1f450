/* SPDX-License-Identifier: MIT */
/* `skep store cp` and `sync`, between directories and stores; and all of it over S3. */
#include "suites.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"
#include "store/s3_server.h"
#include "store_run.h"

/* URI#KEY; lives until the next but three. */
static const char *at(const char *uri, const char *key)
{
    static char places[4][4200];
    static size_t next;
    char *place = places[next++ % 4];
    (void)snprintf(place, sizeof(places[0]), "%s#%s", uri, key);
    return place;
}

static const char *make_tree(void)
{
    const char *tree = harness_path("tree");
    ck_assert_int_eq(mkdir(tree, 0700) | mkdir(harness_path("tree/sub"), 0700), 0);
    (void)store_file("tree/a", "first");
    (void)store_file("tree/sub/b", "second");
    (void)store_file("tree/sub/c#d %41", "third");
    return tree;
}

static const char *text_of(const char *name)
{
    return harness_read_file(harness_path(name), NULL);
}

/* ---- one object ---- */

TEST(a_file_goes_to_a_key_and_back_under_the_names_that_are_said)
{
    const char *uri = store_uri("s");
    const char *file = store_file("file.txt", "content");
    ck_assert_int_eq(SKEP("store", "cp", file, at(uri, "x/y")).status, 0);
    ck_assert_int_eq(SKEP("store", "cp", file, uri).status, 0);
    ck_assert_int_eq(SKEP("store", "cp", file, at(uri, "folder/")).status, 0);
    ck_assert_str_eq(store_keys(uri), "file.txt folder/file.txt x/y");
    ck_assert_int_eq(mkdir(harness_path("into"), 0700), 0);
    ck_assert_int_eq(SKEP("store", "cp", at(uri, "x/y"), harness_path("into")).status, 0);
    ck_assert_str_eq(text_of("into/y"), "content");
    ran r = SKEP("store", "cp", at(uri, "x/y"), harness_path("named"), "--json");
    ck_assert_int_eq(r.status, 0);
    json_t *json = parse_json(r.out);
    ck_assert_str_eq(json_string_value(json_object_get(json, "path")), harness_path("named"));
    json_decref(json);
    ck_assert_str_eq(text_of("named"), "content");
    store_put(uri, "x/y", "newer");
    ck_assert_int_eq(SKEP("store", "cp", at(uri, "x/y"), harness_path("named")).status, 0);
    ck_assert_str_eq(text_of("named"), "newer");
}

TEST(an_object_is_copied_within_a_store_and_into_another)
{
    const char *one = store_uri("one");
    const char *two = store_uri("two");
    store_put(one, "a", "content");
    ck_assert_int_eq(SKEP("store", "cp", at(one, "a"), at(one, "b")).status, 0);
    ck_assert_str_eq(store_keys(one), "a b");
    ran r = SKEP("store", "cp", at(one, "a"), at(two, "c/"));
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert_str_eq(store_keys(two), "c/a");
    ck_assert_str_eq(SKEP("store", "get", two, "c/a").out, "content");
}

TEST(places_that_make_no_sense_are_usage_errors)
{
    const char *uri = store_uri("s");
    const char *tree = make_tree();
    store_put(uri, "k", "1");
    ran r = SKEP("store", "cp", tree, uri);
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "is a directory", "-r");
    r = SKEP("store", "cp", uri, harness_path("x"));
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "which object", "URI#KEY");
    r = SKEP("store", "cp", harness_path("tree/a"), harness_path("x"));
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "both are on this machine");
    ck_assert_int_eq(SKEP("store", "cp", harness_path("none"), uri).status, 3);
    ck_assert_int_eq(SKEP("store", "cp", at(uri, "k"), harness_path("x"), "--dry-run").status, 2);
    r = SKEP("store", "cp", at(uri, "none"), harness_path("x"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "SKEP_ENOTFOUND");
    ck_assert(!harness_exists(harness_path("x")));
    ck_assert_int_eq(SKEP("store", "sync", tree, uri, "--limit-rate", "0").status, 2);
    ck_assert_int_eq(SKEP("store", "sync", tree, uri, "--limit-rate", "5Q").status, 2);
    ck_assert_int_eq(SKEP("store", "sync", tree, uri, "--limit-rate", "99999999999G").status, 2);
    ck_assert_int_eq(SKEP("store", "sync", tree, uri, "--jobs", "0").status, 2);
}

/* ---- all of them ---- */

static void round_trip(const char *uri)
{
    const char *tree = make_tree();
    ran r = SKEP("store", "cp", "-r", tree, at(uri, "in"), "--jobs", "3", "--limit-rate", "20M");
    ck_assert_msg(r.status == 0, "%s", r.err);
    assert_one_line(r.err, "3 copied, 0 replaced, 0 deleted, 0 the same");
    ck_assert_str_eq(store_keys(uri), "in/a in/sub/b in/sub/c#d %41");
    r = SKEP("store", "cp", "-r", at(uri, "in/"), harness_path("back"));
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert_str_eq(text_of("back/a"), "first");
    ck_assert_str_eq(text_of("back/sub/c#d %41"), "third");
}

TEST(a_tree_goes_into_a_store_and_comes_back)
{
    round_trip(store_uri("s"));
}

TEST(sync_copies_what_differs_and_deletes_only_if_told)
{
    const char *tree = make_tree();
    const char *uri = store_uri("s");
    ck_assert_int_eq(SKEP("store", "sync", tree, uri).status, 0);
    ran r = SKEP("store", "sync", tree, uri, "--dry-run");
    ck_assert_msg(r.status == 0, "%s", r.out);
    ck_assert_str_eq(r.out, "");
    (void)store_file("tree/a", "changed");
    ck_assert_int_eq(unlink(harness_path("tree/sub/b")), 0);
    r = SKEP("store", "sync", tree, uri, "--delete", "--dry-run");
    ck_assert_int_eq(r.status, 1);
    ck_assert(contains(r.out, "replace") && contains(r.out, "delete"));
    ck_assert_str_eq(SKEP("store", "get", uri, "a").out, "first");
    r = SKEP("store", "sync", tree, uri, "--delete");
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "1 object that SRC does not have", "--yes");
    ck_assert_int_eq(SKEP("store", "sync", tree, uri).status, 0);
    ck_assert_str_eq(store_keys(uri), "a sub/b sub/c#d %41");
    r = SKEP("store", "sync", tree, uri, "--delete", "--yes", "--json");
    ck_assert_int_eq(r.status, 0);
    char *rest = NULL;
    char *line = strtok_r(r.out, "\n", &rest);
    json_t *json = parse_json(line);
    ck_assert_str_eq(json_string_value(json_object_get(json, "what")), "delete");
    ck_assert_str_eq(json_string_value(json_object_get(json, "key")), "sub/b");
    json_decref(json);
    json = parse_json(strtok_r(NULL, "\n", &rest));
    ck_assert_int_eq(json_integer_value(json_object_get(json, "removed")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "same")), 2);
    json_decref(json);
    ck_assert_str_eq(store_keys(uri), "a sub/c#d %41");
}

TEST(of_one_mirror_the_stores_are_made_alike_after_its_rule)
{
    char text[2048];
    const char *primary = store_uri("p");
    const char *replica = store_uri("r");
    (void)snprintf(text, sizeof(text),
                   "[mirror]\nconflict = primary\n[primary]\nuri = %s\n"
                   "[replica far]\nuri = %s\n",
                   primary, replica);
    char mirror[1100];
    (void)snprintf(mirror, sizeof(mirror), "mirror:%s", store_file("m.conf", text));
    store_put(primary, "a", "of the primary");
    store_put(replica, "a", "of the replica");
    store_put(primary, "b", "only there");
    ran r = SKEP("store", "sync", mirror, "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    json_t *json = parse_json(r.out);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "failed")), 0);
    json_decref(json);
    ck_assert_str_eq(SKEP("store", "get", replica, "a").out, "of the primary");
    ck_assert_str_eq(SKEP("store", "get", replica, "b").out, "only there");
    ck_assert(contains(store_keys(primary), "branches/a/")); /* what lost */
    r = SKEP("store", "sync", mirror, "--dry-run");
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "--dry-run", "two of the mirror's stores");
    r = SKEP("store", "sync", primary);
    ck_assert_int_eq(r.status, 3);
    ck_assert(contains(r.err, "is no mirror"));
}

TEST(a_dry_run_makes_nothing)
{
    ran r = SKEP("store", "cp", "-r", make_tree(), store_uri("s"), "--dry-run");
    ck_assert_msg(r.status == 1 || r.status == 3, "%s", r.err);
    ck_assert(!harness_exists(harness_path("s")));
}

TEST(one_that_cannot_be_copied_is_told_and_the_others_arrive)
{
    const char *from = store_uri("from");
    const char *to = store_uri("to");
    store_put(from, "a", "one word");
    store_put(from, "b", "to be damaged");
    store_put(from, "c", "another word");
    store_flip("from", "damaged");
    ran r = SKEP("store", "sync", from, to, "--json");
    ck_assert_int_eq(r.status, 3);
    ck_assert(contains(r.err, "b: "));
    ck_assert(contains(r.err, "SKEP_ECORRUPT"));
    ck_assert(contains(r.out, "\"what\":\"failed\""));
    ck_assert_str_eq(store_keys(to), "a c");
}

/* ---- sealed ---- */

TEST(a_tree_goes_sealed_into_a_store_and_comes_back_with_the_key_only)
{
    const char *tree = make_tree();
    const char *uri = store_uri("s");
    const char *key = run_key_file("k");
    ck_assert_int_eq(SKEP("store", "sync", tree, uri, "--key-file", key).status, 0);
    ck_assert(!store_contains("s", "second"));
    ran r = SKEP("store", "cp", "-r", uri, harness_path("back"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "is sealed", "SKEP_EAUTH");
    r = SKEP("store", "cp", "-r", uri, harness_path("back"), "--key-file", key);
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert_str_eq(text_of("back/sub/b"), "second");
    ck_assert_int_eq(SKEP("store", "cp", "-r", uri, harness_path("raw"), "--raw").status, 0);
    ck_assert(strncmp(text_of("raw/sub/b"), "SKEPOBJ\n", 8) == 0);
}

TEST(a_plain_store_is_sealed_into_another_one)
{
    const char *plain = store_uri("plain");
    const char *sealed = store_uri("sealed");
    const char *key = run_key_file("k");
    store_put(plain, "k", "canary");
    ck_assert_int_eq(SKEP("store", "sync", plain, sealed, "--key-file", key).status, 3);
    ran r = SKEP("store", "sync", plain, sealed, "--key-file", key, "--plain", "src");
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert(!store_contains("sealed", "canary"));
    ck_assert_str_eq(SKEP("store", "get", sealed, "k", "--key-file", key).out, "canary");
    ck_assert_int_eq(
        SKEP("store", "cp", at(sealed, "k"), at(plain, "k2"), "--key-file", key, "--plain", "dst")
            .status,
        0);
    ck_assert_str_eq(SKEP("store", "get", plain, "k2").out, "canary");
}

/* ---- S3 ---- */

TEST(all_verbs_work_on_s3)
{
    skep_store *store = s3_store(NULL, NULL);
    static char uri[SKEP_STORE_URI_MAX];
    (void)snprintf(uri, sizeof(uri), "%s", s3_uri(NULL, NULL));
    round_trip(uri);
    ran r = SKEP("store", "status", uri);
    ck_assert_msg(r.status == 0, "%s%s", r.out, r.err);
    r = SKEP("store", "test", uri, "--json");
    ck_assert_msg(r.status == 0, "%s%s", r.out, r.err);
    ck_assert_int_eq(SKEP("store", "cp", at(uri, "in/a"), at(uri, "in/z")).status, 0);
    ck_assert_str_eq(SKEP("store", "get", uri, "in/z").out, "first");
    ck_assert_int_eq(SKEP("store", "rm", "-r", uri, "in", "--yes").status, 0);
    ck_assert_str_eq(store_keys(uri), "");
    s3_end(store);
}

/* Its own prefix: the key ring stays there. */
TEST(what_is_sealed_on_s3_opens_with_the_key_only)
{
    skep_store *store = s3_store(NULL, NULL);
    static char uri[SKEP_STORE_URI_MAX];
    (void)snprintf(uri, sizeof(uri), "%s", s3_uri(NULL, NULL));
    const char *key = run_key_file("k");
    ran r = SKEP("store", "put", uri, "k", store_file("data", "canary"), "--key-file", key);
    ck_assert_msg(r.status == 0, "%s", r.err);
    ck_assert_str_eq(SKEP("store", "get", uri, "k", "--key-file", key).out, "canary");
    ck_assert_int_eq(SKEP("store", "get", uri, "k").status, 3);
    ck_assert(!contains(SKEP("store", "get", uri, "k", "--raw").out, "canary"));
    ck_assert_int_eq(SKEP("store", "rm", uri, "k").status, 0);
    s3_end(store);
}

TEST(a_bucket_that_is_not_there_is_named)
{
    char uri[512];
    (void)snprintf(uri, sizeof(uri), "s3://skep-no-such-bucket?endpoint=%s", s3_endpoint());
    ran r = SKEP("store", "status", uri);
    ck_assert_int_eq(r.status, 1);
    ck_assert(contains(r.out, "no such bucket"));
    r = SKEP("store", "ls", uri);
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "NoSuchBucket");
}

static const harness_test tests[] = {
    HARNESS_TEST(a_file_goes_to_a_key_and_back_under_the_names_that_are_said),
    HARNESS_TEST(an_object_is_copied_within_a_store_and_into_another),
    HARNESS_TEST(places_that_make_no_sense_are_usage_errors),
    HARNESS_TEST(a_tree_goes_into_a_store_and_comes_back),
    HARNESS_TEST(sync_copies_what_differs_and_deletes_only_if_told),
    HARNESS_TEST(of_one_mirror_the_stores_are_made_alike_after_its_rule),
    HARNESS_TEST(a_dry_run_makes_nothing),
    HARNESS_TEST(one_that_cannot_be_copied_is_told_and_the_others_arrive),
    HARNESS_TEST(a_tree_goes_sealed_into_a_store_and_comes_back_with_the_key_only),
    HARNESS_TEST(a_plain_store_is_sealed_into_another_one),
    HARNESS_TEST(all_verbs_work_on_s3),
    HARNESS_TEST(what_is_sealed_on_s3_opens_with_the_key_only),
    HARNESS_TEST(a_bucket_that_is_not_there_is_named),
};
const harness_suite store_copy_suite = HARNESS_SUITE("store_copy", tests);
