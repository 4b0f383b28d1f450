/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <skep/mirror.h>

#include "harness/crash.h"
#include "harness/points.h"
#include "store/mirror_file.h"
#include "store/tools.h"

static int parse(const char *text)
{
    skep__mirror_file file;
    int rc = skep__mirror_file_parse(skep_slice_str(text), "m.conf", &file);
    skep__mirror_file_dispose(&file);
    return rc;
}

#define BOTH "[primary]\nuri = file:/a\n[replica b]\nuri = file:/b\n"

TEST(a_file_is_read_section_by_section)
{
    skep__mirror_file file;
    static const char text[] = "; all of it\n"
                               "[mirror]\n"
                               "mode = async\n"
                               "conflict = primary\n"
                               "queue = /q\n"
                               "queue_bytes = 1 GiB\n"
                               "close_timeout = 5s\n"
                               "[replica far]\n"
                               "uri = s3://b/p?part_bytes=8MiB\n"
                               "region = eu-central-1\n"
                               "endpoint = https://s3.example.org\n"
                               "profile = far\n"
                               "access_key_id = ID\n"
                               "secret_access_key_file = /k\n"
                               "session_token_file = /t\n"
                               "ca_file = /ca.pem\n"
                               "[primary]\n"
                               "uri = file:/a\n"
                               "  [replica near]\n"
                               "uri = https://h/\n"
                               "api_key_file = /api\n";
    assert_ok(skep__mirror_file_parse(skep_slice_str(text), "m.conf", &file));
    ck_assert_uint_eq(file.n, 3);
    ck_assert_str_eq(skep__settings_text(&file.stores[0], SKEP__MIRROR_URI), "file:/a");
    ck_assert_str_eq(file.labels[1], "replica far");
    ck_assert_str_eq(skep__settings_text(&file.stores[1], SKEP__MIRROR_REGION), "eu-central-1");
    ck_assert_str_eq(skep__settings_text(&file.stores[1], SKEP__MIRROR_SECRET_FILE), "/k");
    ck_assert_str_eq(skep__settings_text(&file.stores[2], SKEP__MIRROR_API_KEY_FILE), "/api");
    skep_mirror_opts opts;
    skep__settings_fill(&file.mirror, &opts);
    ck_assert_str_eq(opts.queue, "/q");
    ck_assert_uint_eq(opts.queue_bytes, UINT64_C(1) << 30);
    ck_assert_int_eq(opts.close_timeout_ms, 5000);
    skep__mirror_file_dispose(&file);
}

TEST(what_is_wrong_in_a_file_is_named_with_its_line)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "no section [primary]"},
        {"[primary]\nuri = file:/a\n", "no section [replica NAME]"},
        {"[replica b]\nuri = file:/b\n", "no section [primary]"},
        {"uri = x\n" BOTH, "m.conf:1"},
        {BOTH "[mirror]\nmode = maybe\n", "m.conf:6"},
        {BOTH "[mirror]\nmodus = sync\n", "m.conf:6"},
        {BOTH "[mirror]\nmode = sync\nmode = sync\n", "m.conf:7"},
        {BOTH "[mirror]\n[mirror]\n", "m.conf:6: section [mirror] is there twice"},
        {BOTH "[primary]\nuri = x\n", "m.conf:5: section [primary] is there twice"},
        {BOTH "[replica b]\nuri = x\n", "m.conf:5: section [replica b] is there twice"},
        {BOTH "[replica c]\n", "m.conf:5: section [replica c] has no uri"},
        {BOTH "[replica c]\nsecret_access_key = x\n", "m.conf:6"},
        {BOTH "\n[other]\n", "m.conf:6: there is no section [other]"},
        {BOTH "[replica]\n", "m.conf:5: there is no section [replica]"},
        {BOTH "what is this\n", "m.conf:5"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_fails(parse(cases[i].text), SKEP_EINVALID);
        ck_assert_msg(strstr(skep_last_error()->text, cases[i].says) != NULL, "\"%s\" for %s",
                      skep_last_error()->text, cases[i].text);
    }
    char many[1024] = BOTH;
    for (int i = 0; i < 7; i++)
        (void)snprintf(many + strlen(many), sizeof(many) - strlen(many),
                       "[replica n%d]\nuri = file:/n%d\n", i, i);
    assert_fails(parse(many), SKEP_ELIMIT);
}

/* A mirror of two directories of this test. */
static const char *write_conf(const char *more)
{
    char text[4096];
    const char *path = harness_path("m.conf");
    (void)snprintf(text, sizeof(text), "[primary]\nuri = file:%s\n[replica r]\nuri = file:%s\n%s",
                   harness_path("p"), harness_path("r"), more);
    harness_write_file(path, text, strlen(text));
    return path;
}

static int open_conf(const char *path, skep_store **out)
{
    char uri[1200];
    (void)snprintf(uri, sizeof(uri), "mirror:%s", path);
    return skep_store_open(uri, NULL, out);
}

static const char *async_conf(const char *more)
{
    char text[2048];
    (void)snprintf(text, sizeof(text), "[mirror]\nmode = async\nqueue = %s\n%s", harness_path("q"),
                   more);
    return write_conf(text);
}

TEST(a_mirror_is_opened_by_its_file)
{
    skep_store *m = NULL;
    skep_store *second = NULL;
    skep_store *replica = NULL;
    assert_ok(open_conf(write_conf(""), &m));
    store_put(m, "k", "1");
    assert_ok(skep_store_close(m));
    assert_ok(open_conf(async_conf(""), &m)); /* closing waits some seconds */
    assert_fails(open_conf(harness_path("m.conf"), &second), SKEP_EBUSY);
    store_put(m, "k", "2");
    assert_ok(skep_store_close(m));
    char uri[1100];
    (void)snprintf(uri, sizeof(uri), "file:%s", harness_path("r"));
    assert_ok(skep_store_open(uri, NULL, &replica));
    store_holds(replica, "k", "2");
    ck_assert_uint_eq(store_count(replica, ""), 1);
    assert_ok(skep_store_close(replica));
}

/* Somebody else writes, and the replica has to wait. */
TEST(an_asynchronous_mirror_is_read_beside_the_one_that_writes)
{
    skep_store *m = NULL;
    skep_store *reader = NULL;
    char uri[1200];
    skep_mirror_lag lag = {.size = (uint32_t)sizeof(lag)};
    point_wait("mirror.before_replica");
    assert_ok(open_conf(async_conf(""), &m));
    store_put(m, "k", "12345");
    point_reached("mirror.before_replica", 1);
    (void)snprintf(uri, sizeof(uri), "mirror:%s?readonly=1", harness_path("m.conf"));
    assert_ok(skep_store_open(uri, NULL, &reader));
    store_holds(reader, "k", "12345");
    assert_ok(skep_mirror_lag_of(reader, &lag));
    ck_assert_uint_eq(lag.objects, 1);
    ck_assert_uint_eq(lag.bytes, 5);
    assert_fails(skep_mirror_flush(reader, NULL), SKEP_EREADONLY);
    assert_fails(skep_mirror_repair(reader, NULL, NULL), SKEP_EREADONLY);
    assert_fails(skep_store_delete(reader, "k", NULL), SKEP_EREADONLY);
    point_clear();
    assert_ok(skep_mirror_flush(m, NULL));
    assert_ok(skep_store_close(m)); /* then all of it is in the file */
    assert_ok(skep_mirror_lag_of(reader, &lag));
    ck_assert_uint_eq(lag.objects, 0);
    assert_ok(skep_store_close(reader));
}

TEST(files_with_secrets_are_checked)
{
    skep_store *m = NULL;
    char more[1200];
    (void)snprintf(more, sizeof(more),
                   "[replica s]\nuri = http://127.0.0.1:1/\napi_key_file = %s\n",
                   harness_path("key"));
    const char *path = write_conf(more);
    assert_fails(open_conf(path, &m), SKEP_ENOTFOUND);
    harness_write_file(harness_path("key"), "canary-secret\n", 14);
    ck_assert_int_eq(chmod(harness_path("key"), 0644), 0);
    assert_fails(open_conf(path, &m), SKEP_EDENIED);
    ck_assert_int_eq(chmod(harness_path("key"), 0600), 0);
    assert_ok(open_conf(path, &m));
    ck_assert_ptr_null(strstr(skep_store_name(m), "canary"));
    assert_ok(skep_store_close(m));
    harness_write_file(harness_path("key"), "", 0);
    assert_fails(open_conf(path, &m), SKEP_EINVALID);
    harness_write_file(harness_path("key"), "a\nb\n", 4);
    assert_fails(open_conf(path, &m), SKEP_EINVALID);
    char large[2000];
    memset(large, 'x', sizeof(large));
    harness_write_file(harness_path("key"), large, sizeof(large));
    assert_fails(open_conf(path, &m), SKEP_ELIMIT);
    assert_fails(open_conf(write_conf("[replica n]\nuri = mirror:x\n"), &m), SKEP_EINVALID);
    assert_fails(open_conf(harness_path("none"), &m), SKEP_ENOTFOUND);
}

/* ---- kill -9 at each step ---- */

enum { KILL_KEYS = 6 };

/* argv: role, directory, point, which time. Acknowledges each put and delete that was done. */
int mirror_role(int argc, char **argv)
{
    skep_store *m = NULL;
    char path[1100];
    (void)argc;
    if (argv[2][0] != '\0')
        point_die(argv[2], strtoull(argv[3], NULL, 10));
    (void)snprintf(path, sizeof(path), "%s/m.conf", argv[1]);
    if (open_conf(path, &m) < 0)
        return 1;
    for (uint32_t i = 0; i < 3 * KILL_KEYS; i++) {
        char key[16];
        char text[16];
        (void)snprintf(key, sizeof(key), "k%u", i % KILL_KEYS);
        (void)snprintf(text, sizeof(text), "%u", i);
        int rc = i % 5 == 4 ? skep_store_delete(m, key, NULL)
                            : skep_store_put(m, key, skep_slice_str(text), NULL, NULL);
        if (rc < 0)
            return 2;
        crash_ack(&i, sizeof(i));
    }
    return skep_store_close(m) < 0 ? 3 : 0;
}

static void check_after_kill(uint32_t acked)
{
    skep_store *m = NULL;
    skep_store *primary = NULL;
    skep_store *replica = NULL;
    char uri[1100];
    assert_ok(open_conf(harness_path("m.conf"), &m));
    assert_ok(skep_mirror_flush(m, NULL));
    assert_ok(skep_store_close(m));
    (void)snprintf(uri, sizeof(uri), "file:%s", harness_path("p"));
    assert_ok(skep_store_open(uri, NULL, &primary));
    (void)snprintf(uri, sizeof(uri), "file:%s", harness_path("r"));
    assert_ok(skep_store_open(uri, NULL, &replica));
    stores_alike(primary, replica);
    for (uint32_t k = 0; k < KILL_KEYS && acked > 0; k++) {
        char key[16];
        char text[16];
        uint32_t last = UINT32_MAX; /* acknowledged change of this key */
        for (uint32_t i = k; i < acked; i += KILL_KEYS)
            last = i;
        if (last == UINT32_MAX || last + KILL_KEYS == acked) /* the next one may have been done */
            continue;
        (void)snprintf(key, sizeof(key), "k%u", k);
        (void)snprintf(text, sizeof(text), "%u", last);
        if (last % 5 == 4)
            store_lacks(primary, key);
        else
            store_holds(primary, key, text);
    }
    assert_ok(skep_store_close(primary));
    assert_ok(skep_store_close(replica));
}

TEST(no_change_is_lost_when_the_process_is_killed_at_any_step)
{
    static const char *const points[] = {
        "mirror.before_new_file", "mirror.after_new_file", "mirror.before_intent",
        "mirror.before_sync",     "mirror.after_sync",     "mirror.before_primary",
        "mirror.after_primary",   "mirror.before_replica", "mirror.after_replica"};
    for (size_t p = 0; p < sizeof(points) / sizeof(points[0]); p++) {
        for (int nth = 1; nth <= 9; nth += 4) {
            char times[8];
            uint32_t acked = 0;
            uint32_t record = 0;
            (void)snprintf(times, sizeof(times), "%d", nth);
            (void)async_conf("");
            harness_remove_tree(harness_path("p"));
            harness_remove_tree(harness_path("r"));
            harness_remove_tree(harness_path("q"));
            const char *args[] = {harness_dir(), points[p], times, NULL};
            crash_child child = crash_start("mirror", args);
            while (crash_next_ack(&child, &record, sizeof(record)))
                acked = record + 1;
            int status = crash_wait(&child);
            ck_assert_msg(status == 0 || status == 128 + 9, "%s: status %d", points[p], status);
            check_after_kill(acked);
        }
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(a_file_is_read_section_by_section),
    HARNESS_TEST(what_is_wrong_in_a_file_is_named_with_its_line),
    HARNESS_TEST(a_mirror_is_opened_by_its_file),
    HARNESS_TEST(an_asynchronous_mirror_is_read_beside_the_one_that_writes),
    HARNESS_TEST(files_with_secrets_are_checked),
    HARNESS_TEST(no_change_is_lost_when_the_process_is_killed_at_any_step),
};
const harness_suite mirror_file_suite = HARNESS_SUITE("mirror_file", tests);
