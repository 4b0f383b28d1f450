/* SPDX-License-Identifier: MIT */
/* A table bound to a struct, and sets of values from files, the environment and options. */
#include "suites.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/settings.h"
#include "harness/alloc.h"

enum { READONLY = 1u << 0, CREATE = 1u << 2 };

typedef struct hive_opts {
    uint32_t size;
    uint32_t flags;
    uint32_t mode;
    uint32_t readers;
    int64_t wait_ms;
    uint64_t cache_bytes;
    const void *user; /* a field that no row describes */
} hive_opts;

static const skep__choice modes[] = {{"full", 1}, {"normal", 2}, {NULL, 0}};

enum { ROW_READONLY, ROW_CREATE, ROW_MODE, ROW_READERS, ROW_WAIT, ROW_CACHE, ROW_PATH, ROW_COLOUR };

static const skep__setting rows[] = {
    [ROW_READONLY] = {.name = "db.readonly",
                      SKEP__FIELD(hive_opts, flags),
                      .bit = READONLY,
                      .type = SKEP__SETTING_BOOL,
                      .help = "Reads only."},
    [ROW_CREATE] = {.name = "db.create",
                    SKEP__FIELD(hive_opts, flags),
                    .bit = CREATE,
                    .type = SKEP__SETTING_BOOL,
                    .help = "Create the file."},
    [ROW_MODE] = {.name = "db.mode",
                  SKEP__FIELD(hive_opts, mode),
                  .type = SKEP__SETTING_ENUM,
                  .choices = modes,
                  .initial = 1,
                  .help = "What a commit survives."},
    [ROW_READERS] = {.name = "db.readers",
                     SKEP__FIELD(hive_opts, readers),
                     .type = SKEP__SETTING_INT,
                     .initial = 10,
                     .min = 1,
                     .max = 1024,
                     .help = "Most reading connections."},
    [ROW_WAIT] = {.name = "db.wait",
                  SKEP__FIELD(hive_opts, wait_ms),
                  .type = SKEP__SETTING_DURATION,
                  .unit = "ms",
                  .initial = 5000,
                  .min = 1,
                  .max = 86400000,
                  .help = "Wait for a free reader."},
    [ROW_CACHE] = {.name = "db.cache",
                   SKEP__FIELD(hive_opts, cache_bytes),
                   .type = SKEP__SETTING_BYTES,
                   .initial = 64 << 20,
                   .help = "Page cache."},
    [ROW_PATH] = {.name = "path",
                  .type = SKEP__SETTING_TEXT,
                  .initial_text = "main.db",
                  .min = 1,
                  .max = 100,
                  .help = "The file."},
    [ROW_COLOUR] = {.name = "colour", .type = SKEP__SETTING_TEXT, .help = "Of the hive."},
};
static const skep__settings_table table = SKEP__SETTINGS_TABLE("hive_opts", hive_opts, rows);

static const skep__origin option = {.kind = SKEP__FROM_OPTION, .name = "--option"};

/* ---- options structs ---- */

TEST(no_options_are_all_defaults)
{
    hive_opts o;
    memset(&o, 0xff, sizeof(o));
    assert_ok(skep__settings_take(&table, NULL, &o));
    ck_assert_uint_eq(o.size, sizeof(o));
    ck_assert_uint_eq(o.flags, 0);
    ck_assert_uint_eq(o.mode, 1);
    ck_assert_uint_eq(o.readers, 10);
    ck_assert_int_eq(o.wait_ms, 5000);
    ck_assert_uint_eq(o.cache_bytes, 64 << 20);
    ck_assert_ptr_null(o.user);
}

TEST(given_options_are_kept)
{
    hive_opts o;
    int x = 0;
    const hive_opts given = {.size = sizeof(given),
                             .flags = CREATE,
                             .mode = 2,
                             .readers = 1024,
                             .wait_ms = 7,
                             .cache_bytes = 1,
                             .user = &x};
    assert_ok(skep__settings_take(&table, &given, &o));
    ck_assert_mem_eq(&o, &given, sizeof(o));
}

TEST(options_of_an_older_program_are_shorter)
{
    hive_opts o;
    hive_opts given = {.size = offsetof(hive_opts, wait_ms), .readers = 3, .wait_ms = -77};
    assert_ok(skep__settings_take(&table, &given, &o));
    ck_assert_uint_eq(o.size, sizeof(o));
    ck_assert_uint_eq(o.readers, 3);
    ck_assert_int_eq(o.wait_ms, 5000);
}

TEST(options_of_a_newer_program_may_not_ask_for_what_is_unknown)
{
    struct {
        hive_opts known;
        uint64_t later;
    } given = {.known = {.size = sizeof(given), .readers = 3}};
    hive_opts o;
    assert_ok(skep__settings_take(&table, &given, &o));
    ck_assert_uint_eq(o.readers, 3);
    ck_assert_uint_eq(o.size, sizeof(o));
    given.later = 1;
    assert_fails(skep__settings_take(&table, &given, &o), SKEP_EUNSUPPORTED);
}

TEST(options_without_a_size_are_misuse)
{
    hive_opts o;
    const hive_opts given = {.size = 0};
    skep__misuse_aborts(false);
    assert_fails(skep__settings_take(&table, &given, &o), SKEP_EMISUSE);
}

TEST(wrong_options_change_nothing)
{
    static const struct {
        hive_opts given;
        const char *error;
    } bad[] = {
        {{.size = sizeof(hive_opts), .readers = 1025},
         "hive_opts.readers is 1025; allowed: 1 to 1024"},
        {{.size = sizeof(hive_opts), .mode = 3},
         "hive_opts.mode is 3; allowed: 1 (full), 2 (normal)"},
        {{.size = sizeof(hive_opts), .flags = READONLY | 0x18},
         "hive_opts.flags has the unknown flag 0x8"},
        {{.size = sizeof(hive_opts), .wait_ms = -1},
         "hive_opts.wait_ms is -1 ms; allowed: 1 ms to 1 d"},
        {{.size = sizeof(hive_opts), .cache_bytes = UINT64_MAX},
         "hive_opts.cache_bytes is 18446744073709551615; allowed: 0 to 9223372036854775807 B"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        hive_opts o = {.size = 42};
        assert_fails(skep__settings_take(&table, &bad[i].given, &o), SKEP_EINVALID);
        ck_assert_str_eq(skep_last_error()->text, bad[i].error);
        ck_assert_uint_eq(o.size, 42);
    }
}

/* ---- sets ---- */

/* Variables, a line each. */
static int load_env(skep__settings *s, const char *lines)
{
    static char copy[1000];
    char *env[10] = {copy};
    size_t count = 1;
    ck_assert_uint_lt(strlen(lines), sizeof(copy));
    memcpy(copy, lines, strlen(lines) + 1);
    for (char *at = copy; (at = strchr(at, '\n')) != NULL; at++) {
        *at = '\0';
        env[count++] = at + 1;
    }
    return skep__settings_load_env(s, env);
}

static void load(skep__settings *s, const char *text)
{
    assert_ok(skep__settings_init(s, &table));
    assert_ok(skep__settings_load_ini(s, skep_slice_str(text), "skep.conf"));
}

static void refused(const char *text, int code, const char *error)
{
    skep__settings s;
    assert_ok(skep__settings_init(&s, &table));
    assert_fails(skep__settings_load_ini(&s, skep_slice_str(text), "skep.conf"), code);
    ck_assert_str_eq(skep_last_error()->text, error);
    skep__settings_dispose(&s);
}

TEST(a_file_sets_what_it_names)
{
    skep__settings s;
    load(&s, "\xef\xbb\xbf; the hive\n"
             "path = /var/lib/hive/main.db ; where it lives\n"
             "# more\n"
             "\n"
             "[db]\r\n"
             "  readers=20\r\n"
             "\twait : 2 s\n"
             "mode = normal\n"
             "create = yes\n"
             "cache = 1 GiB");
    ck_assert_str_eq(skep__settings_text(&s, ROW_PATH), "/var/lib/hive/main.db");
    ck_assert_ptr_null(skep__settings_text(&s, ROW_COLOUR));
    ck_assert_int_eq(skep__settings_number(&s, ROW_READERS), 20);
    ck_assert_int_eq(skep__settings_origin(&s, ROW_READERS), SKEP__FROM_FILE);
    ck_assert_int_eq(skep__settings_origin(&s, ROW_READONLY), SKEP__FROM_DEFAULT);

    hive_opts o;
    skep__settings_fill(&s, &o);
    ck_assert_uint_eq(o.size, sizeof(o));
    ck_assert_uint_eq(o.flags, CREATE);
    ck_assert_uint_eq(o.mode, 2);
    ck_assert_uint_eq(o.readers, 20);
    ck_assert_int_eq(o.wait_ms, 2000);
    ck_assert_uint_eq(o.cache_bytes, 1 << 30);
    skep__settings_dispose(&s);
    skep__settings_dispose(&s);
}

TEST(an_empty_file_leaves_the_defaults)
{
    skep__settings s;
    load(&s, "");
    ck_assert_int_eq(skep__settings_number(&s, ROW_WAIT), 5000);
    ck_assert_str_eq(skep__settings_text(&s, ROW_PATH), "main.db");
    skep__settings_dispose(&s);
}

TEST(g03_a_mistake_in_a_file_is_told_with_its_line)
{
    refused("[db]\nreaders = 5\nraeders = 6\n", SKEP_EINVALID,
            "skep.conf:3: db.raeders is no setting; did you mean db.readers?");
    refused("readers = 5\n", SKEP_EINVALID,
            "skep.conf:1: readers is no setting; did you mean db.readers?");
    refused("[db]\n\nx = 5\n", SKEP_EINVALID, "skep.conf:3: db.x is no setting");
    refused("[db]\nreaders = 5\n\n[db]\nreaders = 5\n", SKEP_EINVALID,
            "skep.conf:5: db.readers was set in line 2 already");
    refused("[db]\nreaders = 5000\n", SKEP_EINVALID,
            "skep.conf:2: db.readers is 5000; allowed: 1 to 1024");
    refused("[db]\nreaders\n", SKEP_EINVALID,
            "skep.conf:2: this is neither [section] nor key = value nor ; comment");
    refused("[db]\nreaders\nraeders = 1\n", SKEP_EINVALID,
            "skep.conf:2: this is neither [section] nor key = value nor ; comment");
    refused("[db\n", SKEP_EINVALID,
            "skep.conf:1: this is neither [section] nor key = value nor ; comment");
    refused("colour = red\n[db]\nreaders = ten\n", SKEP_EINVALID,
            "skep.conf:3: db.readers is 'ten'; allowed: 1 to 1024");
    refused("path =\n", SKEP_EINVALID, "skep.conf:1: path has 0 bytes; allowed: 1 to 100");
}

TEST(an_indented_line_is_no_continuation)
{
    refused("[db]\nreaders = 5\n  6\n", SKEP_EINVALID,
            "skep.conf:3: this is neither [section] nor key = value nor ; comment");
}

TEST(zero_bytes_are_refused)
{
    skep__settings s;
    assert_ok(skep__settings_init(&s, &table));
    assert_fails(skep__settings_load_ini(&s, skep_slice_of("path = a\0b\n", 11), "skep.conf"),
                 SKEP_EINVALID);
    ck_assert_str_eq(skep_last_error()->text, "skep.conf:1: there is a zero byte in it");
    assert_fails(skep__settings_set(&s, "path", skep_slice_of("a\0b", 3), &option), SKEP_EINVALID);
    skep__settings_dispose(&s);
}

/* ---- ceilings ---- */

TEST(a_line_can_have_its_full_length_but_no_more)
{
    skep__settings s;
    char text[SKEP__SETTINGS_LINE_MAX + 10];
    for (size_t extra = 0; extra < 2; extra++) {
        size_t len = SKEP__SETTINGS_LINE_MAX + extra;
        (void)snprintf(text, sizeof(text), "colour =%0*d\n; end\n", (int)len - 8, 1);
        assert_ok(skep__settings_init(&s, &table));
        int rc = skep__settings_load_ini(&s, skep_slice_str(text), "skep.conf");
        if (extra == 0) {
            ck_assert_int_eq(rc, SKEP_OK);
            ck_assert_uint_eq(strlen(skep__settings_text(&s, ROW_COLOUR)), len - 8);
        } else {
            assert_fails(rc, SKEP_ELIMIT);
            ck_assert_str_eq(skep_last_error()->text, "skep.conf:1: a line has at most 197 bytes");
        }
        skep__settings_dispose(&s);
    }
}

TEST(a_file_has_a_largest_size)
{
    static char text[SKEP__SETTINGS_FILE_MAX + 1];
    skep__settings s;
    memset(text, '\n', sizeof(text));
    assert_ok(skep__settings_init(&s, &table));
    assert_ok(skep__settings_load_ini(&s, skep_slice_of(text, sizeof(text) - 1), "skep.conf"));
    assert_fails(skep__settings_load_ini(&s, skep_slice_of(text, sizeof(text)), "skep.conf"),
                 SKEP_ELIMIT);
    skep__settings_dispose(&s);
}

TEST(a_text_has_a_largest_length)
{
    static char text[SKEP__SETTING_TEXT_MAX + 1];
    skep__settings s;
    memset(text, 'x', sizeof(text));
    assert_ok(skep__settings_init(&s, &table));
    assert_fails(skep__settings_set(&s, "path", skep_slice_of(text, 101), &option), SKEP_EINVALID);
    assert_fails(skep__settings_set(&s, "colour", skep_slice_of(text, sizeof(text)), &option),
                 SKEP_ELIMIT);
    assert_ok(skep__settings_set(&s, "colour", skep_slice_of(text, sizeof(text) - 1), &option));
    ck_assert_uint_eq(strlen(skep__settings_text(&s, ROW_COLOUR)), SKEP__SETTING_TEXT_MAX);
    skep__settings_dispose(&s);
}

TEST(a_settings_table_with_too_many_rows_ends_the_process)
{
    static skep__setting many[SKEP__SETTINGS_ROWS_MAX + 1];
    skep__settings_table t = {"many", 0, SKEP__SETTINGS_ROWS_MAX, many};
    skep__settings s;
    for (size_t i = 0; i < SKEP__SETTINGS_ROWS_MAX; i++)
        many[i].name = "n";
    assert_ok(skep__settings_init(&s, &t));
    skep__settings_dispose(&s);
    t.count++;
    (void)skep__settings_init(&s, &t);
}

TEST(a_name_that_is_too_long_ends_the_process)
{
    char name[SKEP__SETTING_NAME_MAX + 2] = "";
    memset(name, 'n', SKEP__SETTING_NAME_MAX);
    skep__setting row = {.name = name, .type = SKEP__SETTING_INT};
    const skep__settings_table t = {"long", 0, 1, &row};
    skep__settings s;
    static const char *const env = "SKEP_X=1";
    assert_ok(skep__settings_init(&s, &t));
    assert_ok(load_env(&s, env));
    skep__settings_dispose(&s);
    name[SKEP__SETTING_NAME_MAX] = 'n';
    (void)skep__settings_init(&s, &t);
}

TEST(a_default_out_of_range_ends_the_process)
{
    static const skep__setting row = {
        .name = "n", .type = SKEP__SETTING_INT, .initial = 0, .min = 1, .max = 2};
    static const skep__settings_table t = {"bad", 0, 1, &row};
    skep__settings s;
    (void)skep__settings_init(&s, &t);
}

/* ---- order ---- */

TEST(the_environment_mirrors_the_names)
{
    skep__settings s;
    static const char *const env =
        "HOME=/root\nSKEP_DB_READERS=30\nSKEP_DB_READERS2=x\nSKEP_PATH=env.db\nSKEP_KEY=secret";
    assert_ok(skep__settings_init(&s, &table));
    assert_ok(load_env(&s, env));
    ck_assert_int_eq(skep__settings_number(&s, ROW_READERS), 30);
    ck_assert_str_eq(skep__settings_text(&s, ROW_PATH), "env.db");
    ck_assert_int_eq(skep__settings_origin(&s, ROW_PATH), SKEP__FROM_ENV);
    skep__settings_dispose(&s);

    static const char *const bad = "SKEP_DB_READERS=lots";
    assert_ok(skep__settings_init(&s, &table));
    assert_fails(load_env(&s, bad), SKEP_EINVALID);
    ck_assert_str_eq(skep_last_error()->text, "SKEP_DB_READERS is 'lots'; allowed: 1 to 1024");
    skep__settings_dispose(&s);

    static const char *const again = "SKEP_DB_READERS=1\nSKEP_DB_READERS=2";
    assert_ok(skep__settings_init(&s, &table));
    assert_fails(load_env(&s, again), SKEP_EINVALID);
    ck_assert_str_eq(skep_last_error()->text, "SKEP_DB_READERS is given twice");
    skep__settings_dispose(&s);
}

TEST(the_stronger_origin_wins_in_any_order)
{
    static const char *const file = "path = file.db\n[db]\nreaders = 1\n";
    static const char *const env = "SKEP_DB_READERS=2\nSKEP_PATH=env.db";
    for (int order = 0; order < 6; order++) {
        static const char orders[6][4] = {"feo", "foe", "efo", "eof", "ofe", "oef"};
        skep__settings s;
        assert_ok(skep__settings_init(&s, &table));
        for (const char *step = orders[order]; *step != '\0'; step++) {
            if (*step == 'f')
                assert_ok(skep__settings_load_ini(&s, skep_slice_str(file), "skep.conf"));
            else if (*step == 'e')
                assert_ok(load_env(&s, env));
            else
                assert_ok(skep__settings_set(&s, "db.readers", skep_slice_str("3"), &option));
        }
        ck_assert_int_eq(skep__settings_number(&s, ROW_READERS), 3);
        ck_assert_int_eq(skep__settings_origin(&s, ROW_READERS), SKEP__FROM_OPTION);
        ck_assert_str_eq(skep__settings_text(&s, ROW_PATH), "env.db");
        skep__settings_dispose(&s);
    }
}

TEST(a_weaker_value_is_still_checked)
{
    skep__settings s;
    assert_ok(skep__settings_init(&s, &table));
    assert_ok(skep__settings_set(&s, "db.readers", skep_slice_str("3"), &option));
    assert_fails(skep__settings_load_ini(&s, skep_slice_str("[db]\nreaders = x\n"), "skep.conf"),
                 SKEP_EINVALID);
    assert_fails(skep__settings_set(&s, "db.readers", skep_slice_str("4"), &option), SKEP_EINVALID);
    ck_assert_str_eq(skep_last_error()->text, "--option is given twice");
    assert_fails(skep__settings_set(&s, "db.colour", skep_slice_str("4"), &option), SKEP_EINVALID);
    ck_assert_str_eq(skep_last_error()->text, "--option is no setting; did you mean colour?");
    skep__settings_dispose(&s);
}

TEST(g03_the_text_of_a_secret_is_in_no_error)
{
    static const skep__setting row = {
        .name = "key", .type = SKEP__SETTING_TEXT, .min = 44, .max = 44};
    static const skep__settings_table t = {"keys", 0, 1, &row};
    skep__settings s;
    assert_ok(skep__settings_init(&s, &t));
    assert_fails(skep__settings_set(&s, "key", skep_slice_str("hunter2"), &option), SKEP_EINVALID);
    ck_assert_ptr_null(strstr(skep_last_error()->text, "hunter2"));
    skep__settings_dispose(&s);
}

static int load_all(void *ctx)
{
    (void)ctx;
    skep__settings s;
    static const char *const file = "path = file.db\ncolour = amber\n[db]\nreaders = 1\n";
    static const char *const env = "SKEP_PATH=env.db";
    SKEP__TRY(skep__settings_init(&s, &table));
    int rc = skep__settings_load_ini(&s, skep_slice_str(file), "skep.conf");
    if (rc >= 0)
        rc = load_env(&s, env);
    skep__settings_dispose(&s);
    return rc;
}

TEST(settings_without_memory_leave_nothing_behind)
{
    static const sweep s = {.run = load_all};
    alloc_install();
    sweep_result r = alloc_sweep(&s);
    ck_assert_uint_eq(r.points, 4);
    ck_assert_uint_eq(r.failed, r.hit);
}

static const harness_test tests[] = {
    HARNESS_TEST(no_options_are_all_defaults),
    HARNESS_TEST(given_options_are_kept),
    HARNESS_TEST(options_of_an_older_program_are_shorter),
    HARNESS_TEST(options_of_a_newer_program_may_not_ask_for_what_is_unknown),
    HARNESS_TEST(options_without_a_size_are_misuse),
    HARNESS_TEST(wrong_options_change_nothing),
    HARNESS_TEST(a_file_sets_what_it_names),
    HARNESS_TEST(an_empty_file_leaves_the_defaults),
    HARNESS_TEST(g03_a_mistake_in_a_file_is_told_with_its_line),
    HARNESS_TEST(an_indented_line_is_no_continuation),
    HARNESS_TEST(zero_bytes_are_refused),
    HARNESS_TEST(a_line_can_have_its_full_length_but_no_more),
    HARNESS_TEST(a_file_has_a_largest_size),
    HARNESS_TEST(a_text_has_a_largest_length),
    HARNESS_TEST_SIGNAL(a_settings_table_with_too_many_rows_ends_the_process, SIGABRT),
    HARNESS_TEST_SIGNAL(a_name_that_is_too_long_ends_the_process, SIGABRT),
    HARNESS_TEST_SIGNAL(a_default_out_of_range_ends_the_process, SIGABRT),
    HARNESS_TEST(the_environment_mirrors_the_names),
    HARNESS_TEST(the_stronger_origin_wins_in_any_order),
    HARNESS_TEST(a_weaker_value_is_still_checked),
    HARNESS_TEST(g03_the_text_of_a_secret_is_in_no_error),
    HARNESS_TEST(settings_without_memory_leave_nothing_behind),
};
const harness_suite settings_suite = HARNESS_SUITE("settings", tests);
