/* SPDX-License-Identifier: MIT */
/* Isolation of the calls of one group: B02, B04, B05, B06 of the list of failure modes. */
#include "suites.h"

#include <string.h>

#include "support.h"

static skep_db *open_tables(void)
{
    skep_db *db = db_open_still(NULL);
    db_must(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)");
    db_must(db, "CREATE TABLE p(id INTEGER PRIMARY KEY)");
    db_must(db, "CREATE TABLE c(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
    db_must(db, "CREATE TABLE strict_c(p REFERENCES p)");
    return db;
}

static uint64_t groups_of(skep_db *db)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(db, &stats));
    return stats.groups;
}

TEST(calls_that_queue_share_one_commit)
{
    skep_db *db = open_tables();
    script s[8];
    call c[8];
    memset(s, 0, sizeof(s));
    memset(c, 0, sizeof(c));
    for (int i = 0; i < 8; i++) {
        s[i].sql[0] = "INSERT INTO t(a) VALUES((SELECT count(*) FROM t))";
        s[i].ret = i + 100;
        c[i].fn = script_run;
        c[i].arg = &s[i];
    }
    uint64_t before = groups_of(db);
    group_run(db, c, 8);
    ck_assert_uint_eq(groups_of(db), before + 2); /* the blocker's and theirs */
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(c[i].rc, i + 100);
        ck_assert_int_eq(s[i].runs, 1);
        ck_assert_int_eq(s[i].rowid, i + 1); /* in the order in which they came */
    }
    db_close(db);
}

TEST(b02_a_call_that_fails_in_a_group_is_undone_alone)
{
    skep_db *db = open_tables();
    script s[5] = {
        {.sql = {"INSERT INTO t(a) VALUES('first')"}},
        {.sql = {"INSERT INTO t(a) VALUES('second')"}, .ret = SKEP_EUSER - 5},
        {.sql = {"INSERT INTO t(a) VALUES('third')", "INSERT INTO t(a) VALUES('first')"}},
        {.sql = {"INSERT INTO t(a) VALUES('fourth')", "SELECT absent"}},
        {.sql = {"INSERT INTO t(a) VALUES('second')"}, .ret = 9},
    };
    call c[5] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2]), WRITE(s[3]), WRITE(s[4])};
    uint64_t before = groups_of(db);
    group_run(db, c, 5);
    ck_assert_int_eq(c[0].rc, 0);
    call_assert_fails(&c[1], SKEP_EUSER - 5, SKEP_OUTCOME_ROLLED_BACK);
    call_assert_fails(&c[2], SKEP_EEXISTS, SKEP_OUTCOME_ROLLED_BACK);
    call_assert_fails(&c[3], SKEP_EINVALID, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(c[4].rc, 9);
    ck_assert_ptr_nonnull(strstr(c[2].err.text, "t.a"));
    ck_assert_uint_eq(groups_of(db), before + 2);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(s[i].runs, 1);
    ck_assert_int_eq(db_number(db, "SELECT group_concat(a) = 'first,second' FROM t"), 1);
    db_close(db);
}

TEST(b02_a_group_in_which_all_fail_leaves_no_trace)
{
    skep_db *db = open_tables();
    script s[3] = {
        {.sql = {"CREATE TABLE x(a)"}, .ret = SKEP_EUSER},
        {.sql = {"CREATE TABLE x(a)"}, .ret = SKEP_EUSER},
        {.sql = {"INSERT INTO t(a) VALUES(1)"}, .ret = SKEP_EUSER},
    };
    call c[3] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2])};
    group_run(db, c, 3);
    for (int i = 0; i < 3; i++)
        call_assert_fails(&c[i], SKEP_EUSER, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'x'"), 0);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

TEST(b02_a_schema_change_that_is_undone_is_gone_for_its_siblings)
{
    skep_db *db = open_tables();
    script s[3] = {
        {.sql = {"ALTER TABLE t ADD COLUMN b", "INSERT INTO t(b) VALUES(1)"}, .ret = SKEP_EUSER},
        {.sql = {"INSERT INTO t(b) VALUES(1)"}},
        {.sql = {"CREATE TABLE x(a)", "INSERT INTO x VALUES(1)"}},
    };
    call c[3] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2])};
    group_run(db, c, 3);
    call_assert_fails(&c[0], SKEP_EUSER, SKEP_OUTCOME_ROLLED_BACK);
    call_assert_fails(&c[1], SKEP_EINVALID, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(c[2].rc, 0);
    ck_assert_int_eq(db_number(db, "SELECT a FROM x"), 1);
    db_assert_whole(db);
    db_close(db);
}

TEST(b02_full_text_search_is_undone_with_its_call)
{
    skep_db *db = open_tables();
    db_must(db, "CREATE VIRTUAL TABLE words USING fts5(text)");
    script s[3] = {
        {.sql = {"INSERT INTO words VALUES('kept fox')"}},
        {.sql = {"INSERT INTO words VALUES('undone fox')"}, .ret = SKEP_EUSER},
        {.sql = {"INSERT INTO words VALUES('another fox')"}},
    };
    call c[3] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2])};
    group_run(db, c, 3);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM words WHERE words MATCH 'fox'"), 2);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM words WHERE words MATCH 'undone'"), 0);
    db_must(db, "INSERT INTO words(words) VALUES('integrity-check')");
    db_close(db);
}

/* ---- B04 ---- */

TEST(b04_a_deferred_foreign_key_fails_its_own_call_only)
{
    skep_db *db = open_tables();
    script s[4] = {
        {.sql = {"INSERT INTO p VALUES(1)", "INSERT INTO c VALUES(1)"}},
        {.sql = {"INSERT INTO c VALUES(99)", "INSERT INTO t(a) VALUES('guilty')"}},
        {.sql = {"INSERT INTO c VALUES(2)", "INSERT INTO p VALUES(2)"}}, /* mended in time */
        {.sql = {"INSERT INTO t(a) VALUES('innocent')"}},
    };
    call c[4] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2]), WRITE(s[3])};
    uint64_t before = groups_of(db);
    group_run(db, c, 4);
    ck_assert_int_eq(c[0].rc, 0);
    call_assert_fails(&c[1], SKEP_ECONSTRAINT, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_ptr_nonnull(strstr(c[1].err.text, "foreign key"));
    ck_assert_int_eq(c[2].rc, 0);
    ck_assert_int_eq(c[3].rc, 0);
    ck_assert_uint_eq(groups_of(db), before + 2); /* nothing had to be run again */
    ck_assert_int_eq(db_number(db, "SELECT sum(p) FROM c"), 3);
    ck_assert_int_eq(db_number(db, "SELECT a = 'innocent' FROM t"), 1);
    db_assert_whole(db);
    db_close(db);
}

TEST(b04_a_deferred_foreign_key_fails_a_lone_call_too)
{
    skep_db *db = open_tables();
    assert_fails_with(db_exec(db, "INSERT INTO c VALUES(99)"), SKEP_ECONSTRAINT,
                      SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM c"), 0);
    db_must(db, "INSERT INTO p VALUES(1)");
    db_close(db);
}

TEST(b04_what_a_call_defers_is_not_deferred_for_its_siblings)
{
    skep_db *db = open_tables();
    script s[4] = {
        {.sql = {"PRAGMA defer_foreign_keys=ON", "INSERT INTO strict_c VALUES(1)"},
         .ret = SKEP_EUSER}, /* undone: its pragma with it */
        {.sql = {"INSERT INTO strict_c VALUES(2)"}, .swallow = true},
        {.sql = {"PRAGMA defer_foreign_keys=ON", "INSERT INTO strict_c VALUES(3)",
                 "INSERT INTO p VALUES(3)"}},
        {.sql = {"INSERT INTO strict_c VALUES(4)"}, .swallow = true},
    };
    call c[4] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2]), WRITE(s[3])};
    group_run(db, c, 4);
    call_assert_fails(&c[0], SKEP_EUSER, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(s[1].failed, SKEP_ECONSTRAINT); /* at the statement, at once */
    ck_assert_int_eq(c[1].rc, 0);
    ck_assert_int_eq(c[2].rc, 0);
    ck_assert_int_eq(s[3].failed, SKEP_ECONSTRAINT);
    ck_assert_int_eq(db_number(db, "SELECT group_concat(p) = '3' FROM strict_c"), 1);
    db_assert_whole(db);
    db_close(db);
}

TEST(b04_violations_cannot_be_forgotten_by_ending_the_deferral)
{
    skep_db *db = open_tables();
    script s = {.sql = {"INSERT INTO c VALUES(99)", "PRAGMA defer_foreign_keys=OFF"},
                .swallow = true};
    assert_fails(skep_write(db, script_run, &s), SKEP_ECONSTRAINT);
    ck_assert_int_eq(s.failed, SKEP_EMISUSE);
    db_assert_whole(db);
    db_close(db);
}

/* ---- B05 ---- */

TEST(b05_rowids_and_changes_are_those_of_each_call)
{
    skep_db *db = open_tables();
    db_must(db, "CREATE TABLE seen(call, rowid_, changes_, total)");
    static const char note[] = "INSERT INTO seen SELECT 2, last_insert_rowid(), changes(), "
                               "total_changes()";
    script s[5] = {
        {.sql = {"INSERT INTO t VALUES(100, 'a'), (101, 'b')"}},
        {.ret = 0}, /* nothing at all */
        {.sql = {note}},
        {.sql = {"UPDATE t SET a = a || '!'"}},
        {.sql = {"UPDATE t SET a = 1 WHERE id = 5"}},
    };
    call c[5] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2]), WRITE(s[3]), WRITE(s[4])};
    group_run(db, c, 5);
    ck_assert_int_eq(s[0].rowid, 101);
    ck_assert_int_eq(s[0].changes, 2);
    ck_assert_int_eq(s[1].rowid, 0);
    ck_assert_int_eq(s[1].changes, 0);
    ck_assert_int_eq(db_number(db,
                               "SELECT count(*) FROM seen WHERE rowid_ = 0 AND changes_ = 0 AND "
                               "total = 0"),
                     1);
    ck_assert_int_eq(s[3].rowid, 0);
    ck_assert_int_eq(s[3].changes, 2);
    ck_assert_int_eq(s[4].changes, 0);
    db_close(db);
}

TEST(b05_a_call_that_runs_again_starts_from_zero)
{
    skep_db *db = open_tables();
    skep__db_set_rerun(db, 50);
    for (int i = 0; i < 30; i++) {
        script s = {
            .sql = {"DELETE FROM seen", "INSERT INTO seen SELECT changes(), total_changes()"}};
        if (i == 0)
            db_must(db, "CREATE TABLE seen(changes_, total)");
        assert_ok(skep_write(db, script_run, &s));
        ck_assert_int_eq(db_number(db, "SELECT changes_ = total FROM seen"), 1);
        ck_assert_int_eq(db_number(db, "SELECT total FROM seen"), i == 0 ? 0 : 1);
    }
    db_close(db);
}

/* ---- B06 ---- */

TEST(b06_a_call_that_reaches_into_the_connection_fails_alone)
{
    static const char *const evil[] = {
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT skep",
        "RELEASE skep",
        "ROLLBACK TO skep",
        "BEGIN",
        "ATTACH 'x' AS x",
        "DETACH main",
        "PRAGMA journal_mode=DELETE",
        "CREATE TEMP TABLE x(a)",
        "PRAGMA synchronous=OFF",
    };
    skep_db *db = open_tables();
    for (size_t i = 0; i < LENGTH(evil); i++) {
        script s[3] = {
            {.sql = {"INSERT INTO t(a) VALUES(NULL)"}},
            {.sql = {"INSERT INTO t(a) VALUES('evil')", evil[i]}},
            {.sql = {"INSERT INTO t(a) VALUES(NULL)"}},
        };
        call c[3] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2])};
        group_run(db, c, 3);
        ck_assert_int_eq(c[0].rc, 0);
        call_assert_fails(&c[1], SKEP_EMISUSE, SKEP_OUTCOME_ROLLED_BACK);
        ck_assert_int_eq(c[2].rc, 0);
        ck_assert_int_eq(s[0].runs + s[1].runs + s[2].runs, 3);
    }
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t"), 2 * LENGTH(evil));
    ck_assert_int_eq(db_number(db, "SELECT count(*) FROM t WHERE a = 'evil'"), 0);
    db_close(db);
}

TEST(b06_vacuum_fails_its_call_alone)
{
    skep_db *db = open_tables();
    script s[3] = {
        {.sql = {"INSERT INTO t(a) VALUES(1)"}},
        {.sql = {"VACUUM"}},
        {.sql = {"INSERT INTO t(a) VALUES(2)"}},
    };
    call c[3] = {WRITE(s[0]), WRITE(s[1]), WRITE(s[2])};
    group_run(db, c, 3);
    call_assert_fails(&c[1], SKEP_EINVALID, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(db_number(db, "SELECT sum(a) FROM t"), 3);
    db_close(db);
}

static const harness_test tests[] = {
    HARNESS_TEST(calls_that_queue_share_one_commit),
    HARNESS_TEST(b02_a_call_that_fails_in_a_group_is_undone_alone),
    HARNESS_TEST(b02_a_group_in_which_all_fail_leaves_no_trace),
    HARNESS_TEST(b02_a_schema_change_that_is_undone_is_gone_for_its_siblings),
    HARNESS_TEST(b02_full_text_search_is_undone_with_its_call),
    HARNESS_TEST(b04_a_deferred_foreign_key_fails_its_own_call_only),
    HARNESS_TEST(b04_a_deferred_foreign_key_fails_a_lone_call_too),
    HARNESS_TEST(b04_what_a_call_defers_is_not_deferred_for_its_siblings),
    HARNESS_TEST(b04_violations_cannot_be_forgotten_by_ending_the_deferral),
    HARNESS_TEST(b05_rowids_and_changes_are_those_of_each_call),
    HARNESS_TEST(b05_a_call_that_runs_again_starts_from_zero),
    HARNESS_TEST(b06_a_call_that_reaches_into_the_connection_fails_alone),
    HARNESS_TEST(b06_vacuum_fails_its_call_alone),
};
const harness_suite group_suite = HARNESS_SUITE("group", tests);
