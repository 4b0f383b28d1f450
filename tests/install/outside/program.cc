/* SPDX-License-Identifier: MIT */
/* The same as program.c with the C++ spelling of skep_exec and skep_query. */
#include <cstdio>
#include <skep/skep.h>

int main(int argc, char **argv)
{
    skep_db *db = nullptr;
    int64_t out = 0;
    auto put = [](skep_tx *tx, void *) -> int {
        int rc = skep_exec(tx, "CREATE TABLE t(a, b)");
        if (rc < 0)
            return rc;
        return skep_exec(tx, "INSERT INTO t VALUES (?, ?)", SKEP_V(42), SKEP_V("tea"));
    };
    auto get = [](skep_tx *tx, void *arg) -> int {
        skep_rows *rows = nullptr;
        int rc = skep_query(tx, &rows, "SELECT a FROM t WHERE b = ?", SKEP_V("tea"));
        if (rc < 0)
            return rc;
        rc = skep_next(rows);
        if (rc > 0)
            *static_cast<int64_t *>(arg) = skep_column_int(rows, 0);
        skep_rows_close(rows);
        return rc;
    };
    if (argc != 2 || skep_db_open(argv[1], nullptr, &db) < 0 || skep_write(db, put, nullptr) < 0 ||
        skep_read(db, get, &out) < 0 || skep_db_close(db) < 0) {
        std::fprintf(stderr, "%s\n", skep_last_error()->text);
        return 1;
    }
    std::printf("%d\n", static_cast<int>(out));
    return out == 42 ? 0 : 1;
}
