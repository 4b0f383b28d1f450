/* SPDX-License-Identifier: MIT */
/* A small outside program: writes a row, reads it back. Usage: program-c FILE */
#include <skep/skep.h>
#include <stdio.h>

static int put(skep_tx *tx, void *arg)
{
    int rc = skep_exec(tx, "CREATE TABLE t(a, b)");
    if (rc < 0)
        return rc;
    return skep_exec(tx, "INSERT INTO t VALUES (?, ?)", SKEP_V(*(int *)arg), SKEP_V("tea"));
}

static int get(skep_tx *tx, void *arg)
{
    skep_rows *rows;
    int rc = skep_query(tx, &rows, "SELECT a FROM t WHERE b = ?", SKEP_V("tea"));
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    if (rc > 0)
        *(int64_t *)arg = skep_column_int(rows, 0);
    skep_rows_close(rows);
    return rc;
}

int main(int argc, char **argv)
{
    skep_db *db;
    int in = 42;
    int64_t out = 0;
    if (argc != 2 || skep_db_open(argv[1], NULL, &db) < 0 || skep_write(db, put, &in) < 0 ||
        skep_read(db, get, &out) < 0 || skep_db_close(db) < 0) {
        fprintf(stderr, "%s\n", skep_last_error()->text);
        return 1;
    }
    printf("%d\n", (int)out);
    return out == 42 ? 0 : 1;
}
