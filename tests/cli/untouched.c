/* SPDX-License-Identifier: MIT */
#include "untouched.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"

#define SQLITE3 "/usr/bin/sqlite3"

static const char *const suffixes[] = {"", "-wal"};

static untouched_file take_file(const char *path)
{
    untouched_file file = {.there = harness_exists(path)};
    if (file.there) {
        ck_assert_int_eq(stat(path, &file.st), 0);
        file.bytes = harness_read_file(path, &file.size);
    }
    return file;
}

static int in_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Without what the run itself leaves: its output. */
static void take_names(char *names, size_t size)
{
    char *found[256];
    size_t count = 0;
    size_t at = 0;
    DIR *dir = opendir(harness_dir());
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        if (strcmp(e->d_name, "stdout") != 0 && strcmp(e->d_name, "stderr") != 0 && count < 256)
            found[count++] = strdup(e->d_name);
    (void)closedir(dir);
    qsort(found, count, sizeof(found[0]), in_order);
    for (size_t i = 0; i < count; i++) {
        at += (size_t)snprintf(names + at, size - at, "%s ", found[i]);
        ck_assert_uint_lt(at, size);
        free(found[i]);
    }
}

untouched untouched_take(const char *path)
{
    untouched u = {.path = path};
    char name[4096];
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        u.files[i] = take_file(name);
    }
    take_names(u.names, sizeof(u.names));
    return u;
}

void untouched_check(const untouched *before)
{
    untouched after = untouched_take(before->path);
    ck_assert_str_eq(after.names, before->names);
    untouched_check_bytes(before);
}

void untouched_check_bytes(const untouched *before)
{
    untouched after = untouched_take(before->path);
    for (size_t i = 0; i < 2; i++) {
        const untouched_file *a = &before->files[i];
        const untouched_file *b = &after.files[i];
        ck_assert_int_eq(a->there, b->there);
        if (!a->there)
            continue;
        ck_assert_uint_eq(a->size, b->size);
        ck_assert_int_eq(memcmp(a->bytes, b->bytes, a->size), 0);
        ck_assert_uint_eq(a->st.st_mode, b->st.st_mode);
        ck_assert_int_eq(a->st.st_mtim.tv_sec, b->st.st_mtim.tv_sec);
        ck_assert_int_eq(a->st.st_mtim.tv_nsec, b->st.st_mtim.tv_nsec);
    }
}

static ran run_stock(const char *const argv[])
{
    if (!harness_exists(SQLITE3))
        harness_skip_test(SKIP_TOOL, SQLITE3);
    ran r = run_program(SQLITE3, argv, 0);
    ck_assert_msg(r.status == 0, "sqlite3: %s", r.err);
    return r;
}

ran stock_sql(const char *path, const char *sql)
{
    return run_stock((const char *const[]){"sqlite3", path, sql, NULL});
}

void leave_wal(const char *path, const char *sql)
{
    char wal[4096];
    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    (void)run_stock((const char *const[]){
        "sqlite3", "-cmd", "PRAGMA journal_mode=wal", "-cmd", "PRAGMA wal_autocheckpoint=0", "-cmd",
        ".filectrl persist_wal 1", "-cmd", ".dbconfig no_ckpt_on_close on", path, sql, NULL});
    ck_assert(harness_exists(wal));
}

void leave_journal(const char *path)
{
    static const char sql[] =
        "CREATE TABLE t (a, b);\n"
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n LIMIT 2000)"
        " INSERT INTO t SELECT x, zeroblob(500) FROM n;\n"
        "PRAGMA cache_size=5; BEGIN; UPDATE t SET a = a + 1, b = zeroblob(501);\n"
        ".system kill -9 $PPID\n";
    char read[4096];
    char journal[4096];
    if (!harness_exists(SQLITE3))
        harness_skip_test(SKIP_TOOL, SQLITE3);
    (void)snprintf(read, sizeof(read), ".read %s", harness_path("cut.sql"));
    (void)snprintf(journal, sizeof(journal), "%s-journal", path);
    harness_write_file(harness_path("cut.sql"), sql, sizeof(sql) - 1);
    ran r = run_program(SQLITE3, (const char *const[]){"sqlite3", path, read, NULL}, 0);
    ck_assert_int_eq(r.status, 128 + 9);
    ck_assert(harness_exists(journal));
}
