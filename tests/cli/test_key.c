/* SPDX-License-Identifier: MIT */
/* skep key: keys are made, and who opens a sealed store is shown and changed. */
#include "suites.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

#define CANARY "canary-5e0b-behind-the-seal"

static const char *uri(void)
{
    static char text[4096];
    (void)snprintf(text, sizeof(text), "file:%s", harness_path("store"));
    return text;
}

static const char *trimmed(const char *text)
{
    static char line[128];
    size_t len = strcspn(text, "\n");
    ck_assert_uint_lt(len, sizeof(line));
    memcpy(line, text, len);
    line[len] = '\0';
    return line;
}

/* A key that the program has made; its recipient is copied to `recipient`. */
static const char *key_of(const char *name, char recipient[128])
{
    const char *path = harness_path(name);
    ran r = SKEP("key", "generate", "-o", path);
    ck_assert_int_eq(r.status, 0);
    if (recipient != NULL)
        (void)snprintf(recipient, 128, "%s", trimmed(r.out));
    return path;
}

/* A store with one object that `key` has sealed. */
static void fill(const char *key)
{
    harness_write_file(harness_path("content"), CANARY, strlen(CANARY));
    ran r = SKEP("store", "put", uri(), "dir/object", harness_path("content"), "--key-file", key);
    ck_assert_msg(r.status == 0, "%s", r.err);
}

static bool opens(const char *key)
{
    ran r = SKEP("store", "get", uri(), "dir/object", "--key-file", key);
    ck_assert(r.status == 0 || contains(r.err, "SKEP_EAUTH"));
    return r.status == 0 && strcmp(r.out, CANARY) == 0;
}

/* How many lines `skep key show` has, and in how many of them `field` is true, or there. */
static int lines(const char *key, const char *word)
{
    int n = 0;
    ran r = SKEP("key", "show", uri(), "--json", "--key-file", key);
    for (const char *at = r.out; (at = strstr(at, word)) != NULL; at++)
        n++;
    return n;
}

/* ---- generate ---- */

TEST(a_new_key_is_in_a_file_that_only_its_owner_reads_and_that_was_not_there)
{
    char recipient[128];
    struct stat st;
    mode_t mask = umask(0);
    const char *path = key_of("a.key", recipient);
    (void)umask(mask);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(st.st_size, 45);
    ck_assert_uint_eq(strlen(recipient), 51);
    ck_assert(strncmp(recipient, "x25519:", 7) == 0);
    ran shown = SKEP("key", "show", "--key-file", path);
    ck_assert_int_eq(shown.status, 0);
    ck_assert_str_eq(trimmed(shown.out), recipient);
    char before[64];
    (void)snprintf(before, sizeof(before), "%s", (const char *)harness_read_file(path, NULL));
    ran again = SKEP("key", "generate", "-o", path);
    ck_assert_int_eq(again.status, 2);
    ck_assert_str_eq(again.out, "");
    assert_one_line(again.err, "is there already", "never replaced", NULL);
    ck_assert_str_eq((const char *)harness_read_file(path, NULL), before);
    ran nowhere = SKEP("key", "generate", "-o", harness_path("no/where"));
    ck_assert_int_eq(nowhere.status, 3);
}

TEST(a_new_key_is_printed_where_no_file_is_named)
{
    ran a = SKEP("key", "generate");
    ran b = SKEP("key", "generate", "-q");
    ck_assert_int_eq(a.status | b.status, 0);
    ck_assert_uint_eq(a.out_len, 45);
    ck_assert_uint_eq(b.out_len, 45);
    ck_assert_str_ne(a.out, b.out);
    assert_one_line(a.err, "recipient", "x25519:", NULL);
    ck_assert_str_eq(b.err, "");
    json_t *have = parse_json(SKEP("key", "generate", "--json").out);
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(have, "key"))), 44);
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(have, "recipient"))), 51);
    json_decref(have);
    have = parse_json(SKEP("key", "generate", "--json", "-o", harness_path("k")).out);
    ck_assert_str_eq(json_string_value(json_object_get(have, "path")), harness_path("k"));
    ck_assert_ptr_null(json_object_get(have, "key")); /* once is enough */
    json_decref(have);
}

TEST(a_key_that_cannot_be_written_is_not_told)
{
    ran r = run_program(run_skep_path(), (const char *const[]){"skep", "key", "generate", NULL},
                        RUN_FULL_OUT);
    ck_assert_int_eq(r.status, 3);
}

/* ---- show, wrap, rotate ---- */

TEST(who_opens_a_store_is_shown_and_what_the_key_given_opens)
{
    const char *key = key_of("a.key", NULL);
    const char *other = key_of("b.key", NULL);
    ran none = SKEP("key", "show", uri());
    ck_assert_int_eq(none.status, 3);
    ck_assert(contains(none.err, "SKEP_ENOTFOUND"));
    fill(key);
    ran r = SKEP("key", "show", uri());
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "raw key") && contains(r.out, "data key"));
    ck_assert(!contains(r.out, "yours"));
    r = SKEP("key", "show", uri(), "--key-file", key, "--json");
    ck_assert_int_eq(r.status, 0);
    json_t *have = parse_json(r.out);
    ck_assert_str_eq(json_string_value(json_object_get(have, "kind")), "raw key");
    ck_assert_str_eq(json_string_value(json_object_get(have, "of")), "data key");
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(have, "by"))), 32);
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(have, "id"))), 32);
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(have, "created"))), 27);
    ck_assert(json_is_true(json_object_get(have, "opens")));
    json_decref(have);
    r = SKEP("key", "show", uri(), "--key-file", other);
    ck_assert_int_eq(r.status, 1);
    ck_assert(contains(r.out, "data key"));
    assert_one_line(r.err, "opens none", NULL);
}

TEST(one_more_key_opens_the_store_and_the_first_goes_on)
{
    char recipient[128];
    const char *key = key_of("a.key", NULL);
    const char *second = key_of("b.key", NULL);
    const char *third = key_of("c.key", recipient);
    fill(key);
    ran r = SKEP("key", "wrap", uri(), "--new-key-file", second, "--key-file", second);
    ck_assert_int_eq(r.status, 3);
    ck_assert(contains(r.err, "SKEP_EAUTH"));
    r = SKEP("key", "wrap", uri(), "--new-key-file", second);
    ck_assert_int_eq(r.status, 3); /* a present key is to be given */
    ck_assert(contains(r.err, "SKEP_EAUTH"));
    r = SKEP("key", "wrap", uri(), "--key-file", key, "--new-key-file", second, "--json");
    assert_json(r.out, "{\"added\": 1}");
    r = SKEP("key", "wrap", uri(), "--key-file", key, "--new-key-file", second);
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "it opens them already\n");
    r = SKEP("key", "wrap", uri(), "--key-file", second, "--recipient", recipient);
    ck_assert_str_eq(r.out, "1 data key wrapped\n");
    ck_assert(opens(key) && opens(second) && opens(third));
    ck_assert_int_eq(lines(key, "\"opens\":true"), 1);
    ck_assert_int_eq(lines(key, "\"kind\""), 3);
}

TEST(after_a_rotation_the_new_key_opens_the_store_and_the_old_one_does_not)
{
    const char *key = key_of("a.key", NULL);
    const char *next = key_of("b.key", NULL);
    fill(key);
    ran r = SKEP("key", "rotate", uri(), "--new-key-file", next);
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "--key-file", NULL);
    r = SKEP("key", "rotate", uri(), "--key-file", key, "--new-key-file", next);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "rotated"));
    ck_assert(opens(next) && !opens(key));
    r = SKEP("key", "rotate", uri(), "--key-file", key, "--new-key-file", next, "--json");
    assert_json(r.out, "{\"rotated\": false}");
    const char *stranger = key_of("c.key", NULL);
    r = SKEP("key", "rotate", uri(), "--key-file", key, "--new-key-file", stranger);
    ck_assert_int_eq(r.status, 3);
    ck_assert(contains(r.err, "SKEP_EAUTH"));
    ck_assert(opens(next));
}

TEST(the_present_key_may_come_from_the_environment)
{
    const char *next = key_of("b.key", NULL);
    ck_assert_int_eq(setenv("HIVE_ENCRYPTION_KEY", "correct horse battery staple", 1), 0);
    harness_write_file(harness_path("content"), CANARY, strlen(CANARY));
    ran r = SKEP("store", "put", uri(), "dir/object", harness_path("content"));
    ck_assert_int_eq(r.status, 0);
    r = SKEP("key", "show", uri());
    ck_assert(contains(r.out, "passphrase") && contains(r.out, "yes"));
    r = SKEP("key", "rotate", uri(), "--new-key-file", next);
    ck_assert_int_eq(r.status, 0);
    ck_assert(!contains(r.err, "horse"));
    ck_assert_int_eq(unsetenv("HIVE_ENCRYPTION_KEY"), 0);
    ck_assert(opens(next));
}

TEST(the_file_of_the_key_may_be_named_by_the_environment)
{
    const char *key = key_of("a.key", NULL);
    const char *other = key_of("b.key", NULL);
    fill(key);
    ck_assert_int_eq(setenv("SKEP_SEAL_KEY_FILE", key, 1), 0);
    ck_assert_int_eq(setenv("SKEP_KEY", "of a database", 1), 0);
    ran r = SKEP("store", "get", uri(), "dir/object");
    ck_assert_str_eq(r.out, CANARY);
    r = SKEP("store", "get", uri(), "dir/object", "--key-file", other);
    ck_assert_int_eq(r.status, 3); /* what is typed counts */
    ck_assert_int_eq(setenv("SKEP_SEAL_KEY_FILE", harness_path("none"), 1), 0);
    r = SKEP("store", "get", uri(), "dir/object");
    ck_assert_int_eq(r.status, 3); /* and a file that is not there is no other key */
    ck_assert(contains(r.err, "none"));
    ck_assert_int_eq(unsetenv("SKEP_KEY") | unsetenv("SKEP_SEAL_KEY_FILE"), 0);
}

/* With its key ring, which no list shows. */
TEST(a_copy_of_what_is_sealed_opens_with_the_same_key)
{
    char copy[4200];
    const char *key = key_of("a.key", NULL);
    fill(key);
    (void)snprintf(copy, sizeof(copy), "file:%s", harness_path("copy"));
    ran r = SKEP("store", "sync", uri(), copy, "--raw");
    ck_assert_msg(r.status == 0, "%s", r.err);
    r = SKEP("store", "get", copy, "dir/object", "--key-file", key);
    ck_assert_str_eq(r.out, CANARY);
}

TEST(a_store_is_made_for_a_key_by_hand)
{
    const char *key = key_of("a.key", NULL);
    ran r = SKEP("key", "wrap", uri(), "--new-key-file", key);
    ck_assert_int_eq(r.status, 0);
    fill(key);
    ck_assert(opens(key));
}

TEST(what_is_no_recipient_is_refused_and_not_repeated)
{
    const char *key = key_of("a.key", NULL);
    fill(key);
    ran r = SKEP("key", "wrap", uri(), "--key-file", key, "--recipient", "my secret phrase");
    ck_assert_int_eq(r.status, 3);
    ck_assert(contains(r.err, "SKEP_EINVALID") && !contains(r.err, "phrase"));
    r = SKEP("key", "wrap", uri(), "--key-file", key, "--recipient", "x", "--new-key-file", key);
    ck_assert_int_eq(r.status, 2);
    r = SKEP("key", "wrap", uri(), "--key-file", key);
    ck_assert_int_eq(r.status, 2);
    r = SKEP("key", "show");
    ck_assert_int_eq(r.status, 2);
}

/* ---- F07 ---- */

/* Files below `dir`; none may hold `what`. */
static int look_below(const char *dir, const char *what)
{
    int files = 0;
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[4096];
        size_t size = 0;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_type == DT_DIR) {
            files += look_below(path, what);
            continue;
        }
        const char *bytes = harness_read_file(path, &size);
        ck_assert_msg(memmem(bytes, size, what, strlen(what)) == NULL, "%s holds it", path);
        files++;
    }
    (void)closedir(d);
    return files;
}

TEST(F07_nothing_of_content_or_key_is_in_the_folder_of_a_sealed_store)
{
    const char *key = key_of("a.key", NULL);
    const char *next = key_of("b.key", NULL);
    char text[64];
    fill(key);
    ck_assert_int_eq(SKEP("key", "wrap", uri(), "--key-file", key, "--new-key-file", next).status,
                     0);
    ck_assert_int_ge(look_below(harness_path("store"), CANARY), 2);
    (void)snprintf(text, sizeof(text), "%s", trimmed(harness_read_file(key, NULL)));
    ck_assert_int_ge(look_below(harness_path("store"), text), 2);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_new_key_is_in_a_file_that_only_its_owner_reads_and_that_was_not_there),
    HARNESS_TEST(a_new_key_is_printed_where_no_file_is_named),
    HARNESS_TEST(a_key_that_cannot_be_written_is_not_told),
    HARNESS_TEST(who_opens_a_store_is_shown_and_what_the_key_given_opens),
    HARNESS_TEST(one_more_key_opens_the_store_and_the_first_goes_on),
    HARNESS_TEST(after_a_rotation_the_new_key_opens_the_store_and_the_old_one_does_not),
    HARNESS_TEST(the_present_key_may_come_from_the_environment),
    HARNESS_TEST(the_file_of_the_key_may_be_named_by_the_environment),
    HARNESS_TEST(a_copy_of_what_is_sealed_opens_with_the_same_key),
    HARNESS_TEST(a_store_is_made_for_a_key_by_hand),
    HARNESS_TEST(what_is_no_recipient_is_refused_and_not_repeated),
    HARNESS_TEST(F07_nothing_of_content_or_key_is_in_the_folder_of_a_sealed_store),
};
const harness_suite key_suite = HARNESS_SUITE("key", tests);
