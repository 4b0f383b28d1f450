/* SPDX-License-Identifier: MIT */
/* G04: each exit status that skep-db(1) documents is met, and no other. */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "untouched.h"

typedef struct exit_case {
    const char *verb;
    int status;
    const char *(*file)(void);
    const char *rest[5];
} exit_case;

static const char *good(void)
{
    return FIXTURE("good.db", "CREATE TABLE IF NOT EXISTS t (a)", "INSERT INTO t VALUES (1)");
}

static const char *missing(void)
{
    return harness_path("missing.db");
}

/* The page of its only table is none. */
static const char *damaged(void)
{
    const char *path = harness_path("damaged.db");
    size_t size = 0;
    if (harness_exists(path))
        return path;
    (void)stock_sql(path, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    char *bytes = harness_read_file(path, &size);
    bytes[4096] = 0x77;
    harness_write_file(path, bytes, size);
    return path;
}

/* The directory that the cases run in has these files too. */
static void write_data(void)
{
    harness_write_file(harness_path("one.csv"), "a\n1\n", 4);
    harness_write_file(harness_path("two.csv"), "a\n1,2\n", 6);
}

static const exit_case cases[] = {
    {"status", 0, good, {NULL}},
    {"status", 3, missing, {NULL}},
    {"check", 0, good, {NULL}},
    {"check", 1, damaged, {NULL}},
    {"check", 3, missing, {NULL}},
    {"stats", 0, good, {NULL}},
    {"stats", 1, damaged, {NULL}},
    {"stats", 1, good, {"--metrics"}},
    {"stats", 3, missing, {NULL}},
    {"query", 0, good, {"SELECT 1"}},
    {"query", 3, good, {"SELEC 1"}},
    {"optimize", 0, good, {NULL}},
    {"optimize", 3, missing, {NULL}},
    {"checkpoint", 0, good, {NULL}},
    {"checkpoint", 3, missing, {NULL}},
    {"export", 0, good, {"--table", "t"}},
    {"export", 3, missing, {"--table", "t"}},
    {"import", 0, good, {"one.csv", "--table", "t"}},
    {"import", 1, good, {"two.csv", "--table", "t", "--reject=bad.csv"}},
    {"import", 3, good, {"two.csv", "--table", "t"}},
    {"rekey", 0, good, {"--decrypt", "--yes"}},
    {"rekey", 3, missing, {"--decrypt", "--yes"}},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static int run_case(const exit_case *c)
{
    const char *argv[12] = {"skep", "-C", harness_dir(), "db", c->verb, c->file()};
    for (size_t i = 0; i < 5 && c->rest[i] != NULL; i++)
        argv[6 + i] = c->rest[i];
    return run_program(run_skep_path(), argv, 0).status;
}

TEST(each_situation_ends_with_its_status)
{
    write_data();
    for (size_t i = 0; i < CASES; i++) {
        int status = run_case(&cases[i]);
        ck_assert_msg(status == cases[i].status, "db %s, case %zu: %d", cases[i].verb, i, status);
    }
}

TEST(a_line_that_makes_no_sense_is_2_for_every_command)
{
    for (size_t i = 0; i < CASES; i++) {
        ran r = SKEP("db", cases[i].verb, "--no-such-option");
        ck_assert_int_eq(r.status, 2);
        assert_one_line(r.err, "--no-such-option");
    }
}

static bool has_case(const char *verb, int status)
{
    for (size_t i = 0; i < CASES; i++)
        if (strcmp(cases[i].verb, verb) == 0 && cases[i].status == status)
            return true;
    return false;
}

/* A row of the page's table: its first cell begins with "|", the others with ":"; "-" means that
 * the command never ends so. */
TEST(the_manual_documents_these_and_no_others)
{
    static const int columns[] = {0, 1, 3};
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/docs/man/skep-db.1.scd", getenv("SKEP_SOURCE_DIR"));
    char *at = strstr(harness_read_file(path, NULL), "# EXIT STATUS");
    ck_assert_ptr_nonnull(at);
    char *end = strstr(at + 1, "\n# ");
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    char verb[32] = "";
    size_t column = 0;
    size_t rows = 0;
    char *rest = NULL;
    for (char *line = strtok_r(at, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "| %31s", verb) == 1) {
            column = 0;
            rows++;
        } else if (verb[0] != '\0' && strncmp(line, ":  ", 3) == 0) {
            ck_assert_uint_lt(column, 3);
            int status = columns[column++];
            bool documented = strcmp(line, ":  -") != 0;
            ck_assert_msg(documented == has_case(verb, status), "db %s, status %d", verb, status);
        }
    }
    for (size_t i = 0; i < CASES; i++)
        rows -= i == 0 || strcmp(cases[i].verb, cases[i - 1].verb) != 0;
    ck_assert_uint_eq(rows, 0);
}

static const harness_test tests[] = {
    HARNESS_TEST(each_situation_ends_with_its_status),
    HARNESS_TEST(a_line_that_makes_no_sense_is_2_for_every_command),
    HARNESS_TEST(the_manual_documents_these_and_no_others),
};
const harness_suite exit_suite = HARNESS_SUITE("exit", tests);
