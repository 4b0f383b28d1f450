/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sql/sqlite_private.h"

#include "support.h"

static int db_flag(skep__conn *conn, int flag)
{
    int have = -1;
    ck_assert_int_eq(sqlite3_db_config(sqlite_of(conn)->handle, flag, -1, &have), SQLITE_OK);
    return have;
}

static void assert_common(skep__conn *conn)
{
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA foreign_keys"), 1);
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA trusted_schema"), 0);
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA cell_size_check"), 1);
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA mmap_size"), 0);
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA journal_size_limit"), SKEP__SQL_WAL_KEEP);
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA cache_size"), -4096);
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA recursive_triggers"), 0);
    ck_assert_int_eq(db_flag(conn, SQLITE_DBCONFIG_DEFENSIVE), 1);
    ck_assert_int_eq(db_flag(conn, SQLITE_DBCONFIG_TRUSTED_SCHEMA), 0);
    ck_assert_int_eq(db_flag(conn, SQLITE_DBCONFIG_ENABLE_FKEY), 1);
    ck_assert_int_eq(db_flag(conn, SQLITE_DBCONFIG_STMT_SCANSTATUS), 0);
    ck_assert_int_eq(db_flag(conn, SQLITE_DBCONFIG_DQS_DML), 0);
    ck_assert_int_eq(db_flag(conn, SQLITE_DBCONFIG_DQS_DDL), 0);
    ck_assert_int_eq(sqlite3_limit(sqlite_of(conn)->handle, SQLITE_LIMIT_SQL_LENGTH, -1),
                     SKEP__SQL_TEXT_MAX);
    ck_assert_int_eq(sqlite3_limit(sqlite_of(conn)->handle, SQLITE_LIMIT_VARIABLE_NUMBER, -1),
                     SKEP_DB_VALUES_MAX);
    skep__conn_info info;
    memset(&info, 0, sizeof(info));
    assert_ok(conn->driver->info(conn, &info));
    ck_assert_str_eq(info.journal_mode, "wal");
    ck_assert_uint_eq(info.page_size, 4096);
}

TEST(a_writer_has_its_pragmas_as_they_read_back)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    assert_common(conn);
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA synchronous"), 2);
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA query_only"), 0);
    sql_close(conn);
}

TEST(a_reader_has_its_pragmas_and_only_queries)
{
    skep__conn *writer = sql_open(SKEP__CONN_WRITER);
    skep__conn *conn = sql_open(SKEP__CONN_READER);
    assert_common(conn);
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA query_only"), 1);
    assert_fails(sql_run(conn, "CREATE TABLE t(a)"), SKEP_EREADONLY);
    sql_close(conn);
    sql_close(writer);
}

TEST(synchronous_normal_is_set_when_asked_for)
{
    skep__conn_opts opts = sql_opts(SKEP__CONN_WRITER);
    skep__conn *conn = NULL;
    opts.synchronous = SKEP_SYNC_NORMAL;
    assert_ok(skep__conn_open(&skep__sqlite_driver, &opts, &conn));
    ck_assert_int_eq(sql_pragma(conn, "PRAGMA synchronous"), 1);
    skep__conn_info info;
    assert_ok(conn->driver->info(conn, &info));
    ck_assert_str_eq(info.synchronous, "normal");
    sql_close(conn);
}

TEST(a_new_file_belongs_to_its_owner_alone)
{
    struct stat st;
    (void)umask(0);
    sql_close(sql_open(SKEP__CONN_WRITER));
    ck_assert_int_eq(stat(harness_path("t.db"), &st), 0);
    ck_assert_int_eq((int)(st.st_mode & 0777), 0600);
}

TEST(a_missing_file_is_made_only_when_asked_for)
{
    skep__conn_opts opts = sql_opts(SKEP__CONN_WRITER);
    skep__conn *conn = NULL;
    opts.create = false;
    assert_fails(skep__conn_open(&skep__sqlite_driver, &opts, &conn), SKEP_ENOTFOUND);
    ck_assert_ptr_null(conn);
    ck_assert(!harness_exists(opts.path));
    opts.create = true;
    opts.path = harness_path("no/such/directory.db");
    assert_fails(skep__conn_open(&skep__sqlite_driver, &opts, &conn), SKEP_ENOTFOUND);
}

TEST(a_file_that_is_no_database_is_corrupt)
{
    skep__conn_opts opts = sql_opts(SKEP__CONN_WRITER);
    skep__conn *conn = NULL;
    char junk[8192];
    memset(junk, 'j', sizeof(junk));
    harness_write_file(opts.path, junk, sizeof(junk));
    assert_fails(skep__conn_open(&skep__sqlite_driver, &opts, &conn), SKEP_ECORRUPT);
    rng r = rng_of(harness_seed()); /* noise may be an encrypted one */
    rng_fill(&r, junk, sizeof(junk));
    harness_write_file(opts.path, junk, sizeof(junk));
    assert_fails(skep__conn_open(&skep__sqlite_driver, &opts, &conn), SKEP_EAUTH);
}

TEST(a_foreign_file_keeps_its_journal_mode)
{
    skep__conn_opts opts = sql_opts(SKEP__CONN_WRITER);
    skep__conn *conn = NULL;
    opts.foreign = true;
    assert_ok(skep__conn_open(&skep__sqlite_driver, &opts, &conn));
    skep__conn_info info;
    assert_ok(conn->driver->info(conn, &info));
    ck_assert_str_eq(info.journal_mode, "delete");
    assert_ok(sql_run(conn, "CREATE TABLE t(a)"));
    sql_close(conn);
    conn = sql_open(SKEP__CONN_WRITER); /* ours: from now on WAL */
    assert_ok(conn->driver->info(conn, &info));
    ck_assert_str_eq(info.journal_mode, "wal");
    sql_close(conn);
}

TEST(transactions_are_controlled_by_prepared_statements)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    assert_ok(sql_run(conn, "CREATE TABLE t(a)"));
    for (int round = 0; round < 2; round++) {
        ck_assert(!conn->driver->in_tx(conn));
        assert_ok(skep__conn_control(conn, SKEP__BEGIN_WRITE));
        ck_assert(conn->driver->in_tx(conn));
        assert_ok(sql_run(conn, "INSERT INTO t VALUES(1)"));
        assert_ok(skep__conn_control(conn, SKEP__SAVEPOINT));
        assert_ok(sql_run(conn, "INSERT INTO t VALUES(2)"));
        assert_ok(skep__conn_control(conn, SKEP__ROLLBACK_TO));
        assert_ok(skep__conn_control(conn, SKEP__RELEASE_SAVEPOINT));
        assert_ok(skep__conn_control(conn, round == 0 ? SKEP__COMMIT : SKEP__ROLLBACK));
    }
    ck_assert_int_eq(sql_number(conn, "SELECT count(*) FROM t"), 1);
    ck_assert_int_eq(sql_number(conn, "SELECT sum(a) FROM t"), 1);
    ck_assert_uint_gt(conn->driver->wal_pages(conn), 0);
    sql_close(conn);
}

TEST(changes_and_rowids_are_those_of_the_call)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    const skep__driver *d = conn->driver;
    assert_ok(sql_run(conn, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)"));
    d->call_begin(conn);
    assert_ok(sql_run(conn, "INSERT INTO t VALUES(5,1),(6,1),(7,1)"));
    ck_assert_int_eq(d->changes(conn), 3);
    ck_assert_int_eq(d->last_rowid(conn), 7);
    d->call_begin(conn);
    ck_assert_int_eq(d->changes(conn), 0);
    ck_assert_int_eq(d->last_rowid(conn), 0);
    ck_assert_int_eq(sql_number(conn, "SELECT changes()"), 0);
    ck_assert_int_eq(sql_number(conn, "SELECT total_changes()"), 0);
    ck_assert_int_eq(sql_number(conn, "SELECT last_insert_rowid()"), 0);
    assert_ok(sql_run(conn, "UPDATE t SET a=2 WHERE id>5"));
    assert_ok(sql_run(conn, "DELETE FROM t WHERE id=5"));
    ck_assert_int_eq(sql_number(conn, "SELECT changes()"), 1);
    ck_assert_int_eq(sql_number(conn, "SELECT total_changes()"), 3);
    assert_ok(sql_run(conn, "UPDATE t SET a=2 WHERE id>500"));
    ck_assert_int_eq(d->changes(conn), 0);
    ck_assert_int_eq(sql_number(conn, "SELECT changes()"), 0);
    ck_assert_int_eq(sql_number(conn, "SELECT total_changes()"), 3);
    sql_close(conn);
}

TEST(a_checkpoint_pass_tells_what_is_left)
{
    skep__conn *writer = sql_open(SKEP__CONN_WRITER);
    skep__conn *conn = sql_open(SKEP__CONN_CHECKPOINTER);
    skep__conn *reader = sql_open(SKEP__CONN_READER);
    uint64_t pages = 0;
    uint64_t left = 77;
    assert_ok(sql_run(writer, "CREATE TABLE t(a)"));
    assert_ok(skep__conn_control(reader, SKEP__BEGIN_READ));
    ck_assert_int_eq(sql_number(reader, "SELECT count(*) FROM t"), 0);
    assert_ok(sql_run(writer, "INSERT INTO t VALUES(zeroblob(50000))"));
    assert_ok(conn->driver->checkpoint(conn, SKEP__CHECKPOINT_LOOK, &pages, &left));
    ck_assert_uint_gt(pages, 12);
    ck_assert_uint_eq(left, pages); /* looking copies nothing */
    assert_ok(conn->driver->checkpoint(conn, SKEP__CHECKPOINT_PASSIVE, &pages, &left));
    ck_assert_uint_gt(pages, 12);
    ck_assert_uint_gt(left, 0); /* the reader's snapshot needs it */
    ck_assert_uint_eq(pages, writer->driver->wal_pages(writer));
    assert_fails(conn->driver->checkpoint(conn, SKEP__CHECKPOINT_TRUNCATE, &pages, &left),
                 SKEP_EBUSY);
    assert_ok(skep__conn_control(reader, SKEP__COMMIT));
    assert_ok(conn->driver->checkpoint(conn, SKEP__CHECKPOINT_PASSIVE, &pages, &left));
    ck_assert_uint_eq(left, 0);
    assert_ok(conn->driver->checkpoint(conn, SKEP__CHECKPOINT_TRUNCATE, &pages, &left));
    ck_assert_uint_eq(pages, 0);
    sql_close(reader);
    sql_close(conn);
    sql_close(writer);
}

static int note_row(void *ctx, const char *const *columns, int n)
{
    char *text = ctx;
    ck_assert_int_eq(n, SKEP__SQL_ROW_COLUMNS); /* of five */
    ck_assert_ptr_null(columns[2]);
    size_t at = strlen(text);
    (void)snprintf(text + at, 32 - at, "%s%s", columns[0], columns[3]);
    return text[0] == '1' && strlen(text) > 4 ? SKEP_EUSER : SKEP_OK;
}

TEST(statements_of_ours_run_past_the_authorizer)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    char text[32] = "";
    assert_ok(conn->driver->execute(conn, "VACUUM", NULL, NULL));
    assert_fails(sql_run(conn, "VACUUM"), SKEP_EMISUSE);
    assert_ok(
        conn->driver->execute(conn, "VALUES(7,0,NULL,'a',0),(8,0,NULL,'b',0)", note_row, text));
    ck_assert_str_eq(text, "7a8b");
    text[0] = '\0';
    ck_assert_int_eq(
        conn->driver->execute(conn, "VALUES(1,0,NULL,'a',0),(1,0,NULL,'b',0),(1,0,NULL,'c',0)",
                              note_row, text),
        SKEP_EUSER);
    assert_fails(conn->driver->execute(conn, "no SQL", NULL, NULL), SKEP_EINVALID);
    sql_close(conn);
}

static const _Atomic uint32_t set = 1;

static bool count(void *ctx)
{
    return ++*(int *)ctx == 3;
}

TEST(statements_of_ours_end_at_their_limit)
{
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    int looks = 0;
    skep__limit limit = {.abort = &set, .look = count, .look_ctx = &looks};
    conn->limit = &limit;
    assert_fails(conn->driver->execute(conn,
                                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM "
                                       "n) SELECT count(*) FROM n",
                                       NULL, NULL),
                 SKEP_ECLOSED);
    ck_assert_int_eq(looks, 1);
    limit.abort = NULL;
    assert_fails(conn->driver->execute(conn,
                                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM "
                                       "n) SELECT count(*) FROM n",
                                       NULL, NULL),
                 SKEP_ECLOSED);
    ck_assert_int_eq(looks, 3);
    conn->limit = NULL;
    sql_close(conn);
}

TEST(a_new_file_can_give_pages_back_in_steps)
{
    skep__conn_opts opts = sql_opts(SKEP__CONN_WRITER);
    skep__conn *conn = NULL;
    skep__conn_info info = {0};
    opts.incremental = true;
    assert_ok(skep__conn_open(&skep__sqlite_driver, &opts, &conn));
    assert_ok(sql_run(conn, "CREATE TABLE t(a)"));
    assert_ok(conn->driver->info(conn, &info));
    ck_assert(info.incremental);
    ck_assert(!conn->recovered);
    sql_close(conn);
    conn = sql_open(SKEP__CONN_WRITER);
    assert_ok(conn->driver->info(conn, &info));
    ck_assert(info.incremental);
    sql_close(conn);
}

TEST(the_directory_of_temporary_files_is_the_one_that_the_engine_takes)
{
    char dir[4096];
    const char *want = harness_path("temporary");
    ck_assert_int_eq(mkdir(want, 0700), 0);
    ck_assert_int_eq(setenv("SQLITE_TMPDIR", want, 1), 0); /* before the first connection */
    skep__conn *conn = sql_open(SKEP__CONN_WRITER);
    assert_ok(conn->driver->temp_dir(conn, dir, sizeof(dir)));
    ck_assert_str_eq(dir, want);
    assert_fails(conn->driver->temp_dir(conn, dir, strlen(want)), SKEP_EUNSUPPORTED);
    sql_close(conn);
}

static const harness_test tests[] = {
    HARNESS_TEST(statements_of_ours_run_past_the_authorizer),
    HARNESS_TEST(statements_of_ours_end_at_their_limit),
    HARNESS_TEST(a_new_file_can_give_pages_back_in_steps),
    HARNESS_TEST(a_writer_has_its_pragmas_as_they_read_back),
    HARNESS_TEST(a_reader_has_its_pragmas_and_only_queries),
    HARNESS_TEST(synchronous_normal_is_set_when_asked_for),
    HARNESS_TEST(a_new_file_belongs_to_its_owner_alone),
    HARNESS_TEST(a_missing_file_is_made_only_when_asked_for),
    HARNESS_TEST(a_file_that_is_no_database_is_corrupt),
    HARNESS_TEST(a_foreign_file_keeps_its_journal_mode),
    HARNESS_TEST(transactions_are_controlled_by_prepared_statements),
    HARNESS_TEST(changes_and_rowids_are_those_of_the_call),
    HARNESS_TEST(a_checkpoint_pass_tells_what_is_left),
    HARNESS_TEST(the_directory_of_temporary_files_is_the_one_that_the_engine_takes),
};
const harness_suite conn_suite = HARNESS_SUITE("conn", tests);
