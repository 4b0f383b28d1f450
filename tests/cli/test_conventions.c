/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <skep/version.h>

#include "run.h"

static const char *const commands[][2] = {
    {"tour", NULL},    {"db", "status"},    {"db", "check"},      {"db", "stats"},
    {"db", "rekey"},   {"db", "optimize"},  {"db", "checkpoint"}, {"db", "query"},
    {"bench", "db"},   {"db", "import"},    {"db", "export"},     {"version", NULL},
    {"serve", NULL},   {"store", "status"}, {"store", "ls"},      {"store", "get"},
    {"store", "put"},  {"store", "rm"},     {"store", "cp"},      {"store", "sync"},
    {"store", "test"}, {"key", "generate"}, {"key", "show"},      {"key", "wrap"},
    {"key", "rotate"}};

TEST(no_arguments_print_the_short_help_and_exit_2)
{
    ran r = run_program(run_skep_path(), (const char *const[]){"skep", NULL}, 0);
    ck_assert_int_eq(r.status, 2);
    ck_assert_uint_eq(r.out_len, 0);
    ck_assert(contains(r.err, "Usage: skep"));
    ck_assert(contains(r.err, "skep tour"));
}

TEST(a_noun_alone_shows_its_verbs_and_exits_2)
{
    ran r = SKEP("db");
    ck_assert_int_eq(r.status, 2);
    ck_assert(contains(r.err, "status") && contains(r.err, "query"));
    ck_assert_uint_eq(r.out_len, 0);
}

TEST(help_is_a_result_in_all_its_forms)
{
    ran whole = SKEP("--help");
    ran noun = SKEP("db", "--help");
    ran verb = SKEP("db", "query", "--help");
    ran word = SKEP("help", "db", "query");
    ck_assert_int_eq(whole.status | noun.status | verb.status | word.status, 0);
    ck_assert(contains(whole.out, "skep db query FILE SQL"));
    ck_assert(contains(noun.out, "skep db VERB"));
    ck_assert_str_eq(verb.out, word.out);
    ck_assert_str_eq(verb.err, "");
}

TEST(every_command_has_help_with_examples_and_a_manual)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        ran r = commands[i][1] != NULL ? SKEP(commands[i][0], commands[i][1], "-h")
                                       : SKEP(commands[i][0], "-h");
        ck_assert_int_eq(r.status, 0);
        ck_assert(contains(r.out, "Usage: skep "));
        ck_assert(contains(r.out, "Examples"));
        ck_assert(contains(r.out, "Manual: skep"));
        ck_assert(contains(r.out, "--json"));
    }
}

TEST(help_lines_fit_80_columns)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        ran r = commands[i][1] != NULL ? SKEP(commands[i][0], commands[i][1], "-h")
                                       : SKEP(commands[i][0], "-h");
        for (const char *line = r.out; *line != '\0';) {
            size_t len = strcspn(line, "\n");
            ck_assert_msg(len <= 80, "too wide: %.*s", (int)len, line);
            line += len + (line[len] == '\n');
        }
    }
}

TEST(unknown_words_suggest_the_nearest)
{
    ran r = SKEP("bd");
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "bd", "did you mean db?", "skep --help");
    r = SKEP("db", "qeury", "x", "y");
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "qeury", "did you mean query?", "skep db --help");
    r = SKEP("db", "query", "x", "y", "--prams", "1");
    ck_assert_int_eq(r.status, 2);
    assert_one_line(r.err, "--prams", "did you mean --param?", "skep db query --help");
    r = SKEP("db", "query", "x", "y", "--zzz");
    ck_assert_int_eq(r.status, 2);
    ck_assert(!contains(r.err, "did you mean"));
}

TEST(wrong_arguments_are_usage_errors)
{
    static const char *const lines[][6] = {
        {"db", "query", "file", NULL},
        {"db", "status", "a", "b", NULL},
        {"tour", "nowhere", NULL},
        {"db", "status", "f", "--json=1", NULL},
        {"db", "query", "f", "s", "-p", NULL},
        {"-C", NULL},
        {"db", "query", "f", "s", "-y", NULL},
        {"-q", "-v", "version", NULL},
        {"--completion", "tcsh", NULL},
        {"db", "query", "f", "s", "--wri", NULL},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *argv[8] = {"skep"};
        for (size_t k = 0; k < 6 && lines[i][k] != NULL; k++)
            argv[k + 1] = lines[i][k];
        ran r = run_program(run_skep_path(), argv, 0);
        ck_assert_int_eq(r.status, 2);
        ck_assert_uint_eq(r.out_len, 0);
        assert_one_line(r.err, "--help)");
    }
}

TEST(an_option_that_has_to_be_given_is_named_where_it_is_missing)
{
    static const struct {
        const char *line[9];
        const char *says;
    } cases[] = {
        {{"db", "import", "f", "d.csv"}, "db import: --table T is missing"},
        {{"db", "import", "f", "d.csv", "--table="}, "--table: the name is empty"},
        {{"db", "export", "f"}, "db export: --table T or --query SQL is missing"},
        {{"db", "export", "f", "--query", "q", "--table", "t"}, "--table and --query exclude"},
        {{"db", "rekey", "f"}, "db rekey: --new-key-file F or --decrypt is missing"},
        {{"db", "rekey", "f", "--decrypt", "--new-key-file", "k"}, "--new-key-file and --decrypt"},
        {{"db", "stats", "f", "--slow", "--metrics"}, "--metrics and --slow exclude each other"},
        {{"db", "import", "f", "d.csv", "--table", "a", "--table", "b"}, "--table was given 2"},
        {{"db", "import", "f", "--table", "t"}, "db import: DATA is missing"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *argv[10] = {"skep"};
        memcpy(argv + 1, cases[i].line, sizeof(cases[i].line));
        ran r = run_program(run_skep_path(), argv, 0);
        ck_assert_int_eq(r.status, 2);
        assert_one_line(r.err, cases[i].says, "--help)");
    }
}

TEST(usage_lines_have_in_brackets_only_what_may_be_left_out)
{
    ran r = SKEP("db", "import", "-h");
    ck_assert(contains(r.out, "skep db import FILE DATA --table T [--create] "));
    r = SKEP("db", "export", "-h");
    ck_assert(contains(r.out, "skep db export FILE --table T|--query SQL [--output OUT] "));
    r = SKEP("--help");
    ck_assert(contains(r.out, "skep db rekey FILE --new-key-file F|--decrypt [--yes] "));
    ck_assert(contains(r.out, "skep db stats FILE [--metrics|--statements|--slow] [--limit N]\n"));
    ck_assert(contains(r.out, "skep db query FILE SQL [--param V]... [--csv] "));
}

TEST(options_stand_before_the_noun_or_after_the_verb)
{
    ran before = SKEP("--json", "version");
    ran after = SKEP("version", "--json");
    ran word = SKEP("--version");
    ck_assert_int_eq(before.status | after.status | word.status, 0);
    ck_assert_str_eq(before.out, after.out);
    ck_assert(contains(word.out, SKEP_VERSION));
    json_t *have = parse_json(before.out);
    ck_assert_str_eq(json_string_value(json_object_get(have, "skep")), skep_version());
    ck_assert_str_eq(json_string_value(json_object_get(have, "sqlite")), skep_sqlite_version());
    json_decref(have);
}

TEST(c_runs_as_if_started_in_that_directory)
{
    (void)FIXTURE("here.db", "CREATE TABLE t (a)");
    ran r = SKEP("-C", harness_dir(), "db", "query", "here.db", "SELECT 5 AS five", "--json");
    ck_assert_int_eq(r.status, 0);
    assert_json(r.out, "{\"five\": 5}");
    r = SKEP("-C", harness_path("missing"), "version");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "missing", "SKEP_ENOTFOUND");
}

TEST(errors_are_one_line_with_what_which_why_and_the_code)
{
    ran r = SKEP("db", "status", harness_path("absent.db"));
    ck_assert_int_eq(r.status, 3);
    ck_assert_uint_eq(r.out_len, 0);
    assert_one_line(r.err, "absent.db", "o such file", "; check the name", "(SKEP_ENOTFOUND)");
}

TEST(verbose_adds_the_detail_of_an_error_and_quiet_nothing)
{
    const char *absent = harness_path("absent.db");
    ran loud = SKEP("-v", "db", "status", absent);
    ran quiet = SKEP("-q", "db", "status", absent);
    ck_assert_int_eq(loud.status, 3);
    ck_assert(contains(loud.err, "errno 2, outcome none\n"));
    assert_one_line(quiet.err, "absent.db");
    loud = SKEP("-v", "db", "query", FIXTURE("a.db", "CREATE TABLE t (a)"), "SELECT 1", "--json");
    ck_assert(contains(loud.err, "1 row in "));
    ck_assert(contains(loud.err, "db.opened"));
    ck_assert(contains(loud.err, "db.closed"));
    assert_json(loud.out, "{\"1\": 1}");
}

TEST(control_characters_in_a_message_are_shown_not_sent)
{
    ran r = SKEP("-C", "a\x1b[31m\nb", "version");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "a\\x1b[31m\\nb");
    r = SKEP("db", "status", harness_path("a\x1b[31m\nb.db"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "b.db");
    ck_assert_ptr_null(strchr(r.err, '\x1b'));
}

static void assert_write_error(const char *const argv[])
{
    ran full = run_program(run_skep_path(), argv, RUN_FULL_OUT);
    ck_assert_int_eq(full.status, 3);
    assert_one_line(full.err, "standard output", "No space left", "SKEP_EFULL");
    ran closed = run_program(run_skep_path(), argv, RUN_CLOSED_OUT);
    ck_assert_int_eq(closed.status, 3);
    assert_one_line(closed.err, "standard output");
    ran gone = run_program(run_skep_path(), argv, RUN_GONE_OUT);
    ck_assert_int_eq(gone.status, 3);
    ck_assert_str_eq(gone.err, "");
}

TEST(a_result_that_cannot_be_written_is_exit_3)
{
    const char *db = FIXTURE("a.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)");
    assert_write_error((const char *const[]){"skep", "version", NULL});
    assert_write_error((const char *const[]){"skep", "--help", NULL});
    assert_write_error((const char *const[]){"skep", "--completion", "bash", NULL});
    assert_write_error((const char *const[]){"skep", "db", "status", db, NULL});
    assert_write_error((const char *const[]){"skep", "db", "status", db, "--json", NULL});
    const char *forms[] = {"-q", "--json", "--csv", "--write"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        assert_write_error(
            (const char *const[]){"skep", "db", "query", db, "SELECT a FROM t", forms[i], NULL});
}

TEST(nothing_is_opened_in_the_place_of_a_closed_stdout)
{
    const char *db = FIXTURE("a.db", "CREATE TABLE t (a)");
    const char *const argv[] = {
        "skep", "db", "query", db, "INSERT INTO t VALUES (1) RETURNING a", "--write", NULL};
    ck_assert_int_eq(run_program(run_skep_path(), argv, RUN_CLOSED_OUT).status, 3);
    ran r = SKEP("db", "query", db, "PRAGMA integrity_check", "--json");
    ck_assert_int_eq(r.status, 0);
    assert_json(r.out, "{\"integrity_check\": \"ok\"}");
}

static const harness_test tests[] = {
    HARNESS_TEST(no_arguments_print_the_short_help_and_exit_2),
    HARNESS_TEST(a_noun_alone_shows_its_verbs_and_exits_2),
    HARNESS_TEST(help_is_a_result_in_all_its_forms),
    HARNESS_TEST(every_command_has_help_with_examples_and_a_manual),
    HARNESS_TEST(help_lines_fit_80_columns),
    HARNESS_TEST(unknown_words_suggest_the_nearest),
    HARNESS_TEST(wrong_arguments_are_usage_errors),
    HARNESS_TEST(an_option_that_has_to_be_given_is_named_where_it_is_missing),
    HARNESS_TEST(usage_lines_have_in_brackets_only_what_may_be_left_out),
    HARNESS_TEST(options_stand_before_the_noun_or_after_the_verb),
    HARNESS_TEST(c_runs_as_if_started_in_that_directory),
    HARNESS_TEST(errors_are_one_line_with_what_which_why_and_the_code),
    HARNESS_TEST(verbose_adds_the_detail_of_an_error_and_quiet_nothing),
    HARNESS_TEST(control_characters_in_a_message_are_shown_not_sent),
    HARNESS_TEST(a_result_that_cannot_be_written_is_exit_3),
    HARNESS_TEST(nothing_is_opened_in_the_place_of_a_closed_stdout),
};
const harness_suite conventions_suite = HARNESS_SUITE("conventions", tests);
