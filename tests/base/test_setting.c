/* SPDX-License-Identifier: MIT */
/* One setting: texts that are read, texts that are refused, and what the refusal says. */
#include "suites.h"

#include <string.h>

#include "base/err.h"
#include "base/settings.h"

static const skep__choice modes[] = {{"full", 1}, {"normal", 2}, {NULL, 0}};

static const skep__setting count_row = {
    .name = "db.readers", .type = SKEP__SETTING_INT, .unit = "readers", .min = 1, .max = 1024};
static const skep__setting any_row = {.name = "any", .type = SKEP__SETTING_INT};
static const skep__setting bytes_row = {
    .name = "db.cache", .type = SKEP__SETTING_BYTES, .min = 1 << 20, .max = INT64_C(4) << 30};
static const skep__setting size_row = {.name = "size", .type = SKEP__SETTING_BYTES};
static const skep__setting time_row = {
    .name = "db.wait", .type = SKEP__SETTING_DURATION, .unit = "ms", .min = 0, .max = 86400000};
static const skep__setting fine_row = {
    .name = "tick", .type = SKEP__SETTING_DURATION, .unit = "ns"};
static const skep__setting mode_row = {
    .name = "db.synchronous", .type = SKEP__SETTING_ENUM, .choices = modes};
static const skep__setting bool_row = {.name = "db.readonly", .type = SKEP__SETTING_BOOL};

static const skep__origin line_7 = {.kind = SKEP__FROM_FILE, .name = "skep.conf", .line = 7};
static const skep__origin env = {.kind = SKEP__FROM_ENV, .name = "SKEP_DB_X"};
static const skep__origin option = {.kind = SKEP__FROM_OPTION, .name = "--db-x"};
static const skep__origin code = {.kind = SKEP__FROM_CODE, .name = "skep_db_opts"};

TEST(texts_of_every_type_are_read)
{
    static const struct {
        const skep__setting *row;
        const char *text;
        int64_t value;
    } rows[] = {
        {&count_row, "1", 1},
        {&count_row, " +1024\t", 1024},
        {&any_row, "-9223372036854775808", INT64_MIN},
        {&any_row, "9223372036854775807", INT64_MAX},
        {&any_row, "-0", 0},
        {&bytes_row, "1048576", 1048576},
        {&bytes_row, "64 MiB", 64 << 20},
        {&bytes_row, "64mib", 64 << 20},
        {&bytes_row, "64M", 64 << 20},
        {&bytes_row, "2GB", 2000000000},
        {&bytes_row, "4 G", INT64_C(4) << 30},
        {&size_row, "0", 0},
        {&size_row, "3 B", 3},
        {&size_row, "1TiB", INT64_C(1) << 40},
        {&size_row, "5kB", 5000},
        {&time_row, "500", 500},
        {&time_row, "0s", 0},
        {&time_row, "5s", 5000},
        {&time_row, "2 min", 120000},
        {&time_row, "2m", 120000},
        {&time_row, "3000us", 3},
        {&time_row, "24h", 86400000},
        {&time_row, "1d", 86400000},
        {&fine_row, "7", 7},
        {&mode_row, "full", 1},
        {&mode_row, "NORMAL", 2},
        {&bool_row, "yes", 1},
        {&bool_row, "Off", 0},
        {&bool_row, "true", 1},
        {&bool_row, "0", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t v = -42;
        assert_ok(skep__setting_parse(rows[i].row, skep_slice_str(rows[i].text), &line_7, &v));
        ck_assert_msg(v == rows[i].value, "'%s' is %lld", rows[i].text, (long long)v);
    }
}

TEST(a_wrong_text_is_told_what_is_allowed)
{
    static const struct {
        const skep__setting *row;
        const skep__origin *from;
        const char *text;
        const char *error;
    } rows[] = {
        {&count_row, &line_7, "many",
         "skep.conf:7: db.readers is 'many'; allowed: 1 to 1024 readers"},
        {&count_row, &env, "0", "SKEP_DB_X is 0 readers; allowed: 1 to 1024 readers"},
        {&count_row, &option, "10 readers", "--db-x is '10 readers'; allowed: 1 to 1024 readers"},
        {&bytes_row, &line_7, "5 GiB",
         "skep.conf:7: db.cache is 5 GiB; allowed: 1 MiB to 4 GiB, like 65536, 64 KiB or 2 GiB"},
        {&bytes_row, &env, "64 parsecs",
         "SKEP_DB_X is '64 parsecs'; allowed: 1 MiB to 4 GiB, like 65536, 64 KiB or 2 GiB"},
        {&time_row, &line_7, "1500us",
         "skep.conf:7: db.wait is '1500us'; allowed: 0 ms to 1 d, like 500 ms, 5 s or 2 min"},
        {&time_row, &line_7, "-1",
         "skep.conf:7: db.wait is -1 ms; allowed: 0 ms to 1 d, like 500 ms, 5 s or 2 min"},
        {&mode_row, &line_7, "off", "skep.conf:7: db.synchronous is 'off'; allowed: full, normal"},
        {&bool_row, &option, "maybe", "--db-x is 'maybe'; allowed: yes or no"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t v = -42;
        assert_fails(
            skep__setting_parse(rows[i].row, skep_slice_str(rows[i].text), rows[i].from, &v),
            SKEP_EINVALID);
        ck_assert_str_eq(skep_last_error()->text, rows[i].error);
        ck_assert_int_eq(v, -42);
    }
}

TEST(numbers_that_do_not_fit_are_refused)
{
    static const struct {
        const skep__setting *row;
        const char *text;
    } rows[] = {
        {&any_row, ""},
        {&any_row, "-"},
        {&any_row, "+"},
        {&any_row, "1 2"},
        {&any_row, "0x10"},
        {&any_row, "1.5"},
        {&any_row, "9223372036854775808"},
        {&any_row, "-9223372036854775809"},
        {&any_row, "99999999999999999999999999"},
        {&size_row, "9223372036854775807 KiB"},
        {&size_row, "-1"},
        {&size_row, "MiB"},
        {&fine_row, "9223372036854775807d"},
        {&bool_row, ""},
        {&mode_row, ""},
        {&mode_row, "ful"},
        {&mode_row, "1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t v = -42;
        assert_fails(skep__setting_parse(rows[i].row, skep_slice_str(rows[i].text), &line_7, &v),
                     SKEP_EINVALID);
        ck_assert_int_eq(v, -42);
    }
    int64_t v = 0;
    assert_fails(skep__setting_parse(&any_row, skep_slice_of(NULL, 0), &line_7, &v), SKEP_EINVALID);
    assert_fails(skep__setting_parse(&mode_row, skep_slice_of("full\0", 5), &line_7, &v),
                 SKEP_EINVALID);
}

TEST(values_from_code_are_told_numbers)
{
    assert_ok(skep__setting_check(&count_row, 1024, &code));
    assert_fails(skep__setting_check(&count_row, 1025, &code), SKEP_EINVALID);
    ck_assert_str_eq(skep_last_error()->text,
                     "skep_db_opts.db.readers is 1025 readers; allowed: 1 to 1024 readers");
    assert_fails(skep__setting_check(&mode_row, 3, &code), SKEP_EINVALID);
    ck_assert_str_eq(skep_last_error()->text,
                     "skep_db_opts.db.synchronous is 3; allowed: 1 (full), 2 (normal)");
    assert_fails(skep__setting_check(&bytes_row, -1, &code), SKEP_EINVALID);
    ck_assert_str_eq(skep_last_error()->text,
                     "skep_db_opts.db.cache is 18446744073709551615; allowed: 1 MiB to 4 GiB");
    assert_fails(skep__setting_check(&bool_row, 2, &code), SKEP_EINVALID);
}

TEST(a_long_wrong_text_is_quoted_in_part)
{
    char text[5000];
    int64_t v = 0;
    memset(text, 'x', sizeof(text));
    assert_fails(skep__setting_parse(&any_row, skep_slice_of(text, sizeof(text)), &line_7, &v),
                 SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "xxx...'; allowed"));
}

static const harness_test tests[] = {
    HARNESS_TEST(texts_of_every_type_are_read),
    HARNESS_TEST(a_wrong_text_is_told_what_is_allowed),
    HARNESS_TEST(numbers_that_do_not_fit_are_refused),
    HARNESS_TEST(values_from_code_are_told_numbers),
    HARNESS_TEST(a_long_wrong_text_is_quoted_in_part),
};
const harness_suite setting_suite = HARNESS_SUITE("setting", tests);
