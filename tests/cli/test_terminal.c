/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "run.h"

static const char *wide_db(void)
{
    return FIXTURE("t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, text, n)",
                   "INSERT INTO t VALUES (1, printf('%.*c', 300, 'x'), 9223372036854775807),"
                   " (2, char(27)||'[31mred', 5), (3, NULL, 6)");
}

/* Columns of the widest line: escape sequences take none, nor do the later bytes of UTF-8. */
static size_t widest(const char *text)
{
    size_t most = 0;
    size_t width = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\x1b') {
            text += strcspn(text, "mK");
            continue;
        }
        if (*text == '\n' || *text == '\r')
            width = 0;
        else if (((unsigned char)*text & 0xc0) != 0x80)
            width++;
        most = width > most ? width : most;
    }
    return most;
}

TEST(a_table_is_fitted_to_the_terminal)
{
    const char *db = wide_db();
    static const int columns[] = {60, 80, 120, 200};
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        ran r = SKEP_ON_TERMINAL(columns[i], "-q", "db", "query", db, "SELECT * FROM t");
        ck_assert_int_eq(r.status, 0);
        ck_assert_uint_eq(widest(r.out), (size_t)columns[i]);
        ck_assert(contains(r.out, "9223372036854775807"));
        ck_assert(contains(r.out, "\xe2\x80\xa6")); /* the ellipsis */
        ck_assert(contains(r.out, "\\x1b[31mred"));
    }
}

TEST(a_cut_table_says_so)
{
    ran r = SKEP_ON_TERMINAL(80, "db", "query", wide_db(), "SELECT * FROM t");
    ck_assert(contains(r.out, "3 rows in "));
    ck_assert(contains(r.out, "--json shows all"));
}

TEST(colours_are_for_terminals_and_no_color_is_kept)
{
    const char *db = wide_db();
    ck_assert_int_eq(unsetenv("NO_COLOR"), 0);
    ck_assert(contains(SKEP_ON_TERMINAL(80, "db", "query", db, "SELECT 1").out, "\x1b[1m"));
    ck_assert(!contains(SKEP("db", "query", db, "SELECT 1").out, "\x1b"));
    ck_assert_int_eq(setenv("NO_COLOR", "1", 1), 0);
    ck_assert(!contains(SKEP_ON_TERMINAL(80, "db", "query", db, "SELECT 1").out, "\x1b"));
    ck_assert(!contains(SKEP_ON_TERMINAL(80, "--help").out, "\x1b"));
}

TEST(a_locale_without_utf8_gets_ascii)
{
    ck_assert_int_eq(setenv("LC_ALL", "C", 1), 0);
    ran r = SKEP_ON_TERMINAL(80, "-q", "db", "query", wide_db(), "SELECT * FROM t");
    ck_assert_int_eq(r.status, 0);
    for (const char *c = r.out; *c != '\0'; c++)
        ck_assert_int_gt(*c, 0);
}

TEST(one_json_object_is_laid_out_for_a_person_at_a_terminal)
{
    ran r = SKEP_ON_TERMINAL(80, "version", "--json");
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "{\n  \"skep\": "));
    ck_assert(!contains(SKEP("version", "--json").out, "\n "));
}

static const harness_test tests[] = {
    HARNESS_TEST(a_table_is_fitted_to_the_terminal),
    HARNESS_TEST(a_cut_table_says_so),
    HARNESS_TEST(colours_are_for_terminals_and_no_color_is_kept),
    HARNESS_TEST(a_locale_without_utf8_gets_ascii),
    HARNESS_TEST(one_json_object_is_laid_out_for_a_person_at_a_terminal),
};
const harness_suite terminal_suite = HARNESS_SUITE("terminal", tests);
