/* SPDX-License-Identifier: MIT */
/* The same as program.c with the C++ spelling of skep_exec and skep_query. */
#include <cstdio>
#include <skep/skep.h>

/* What SKEP_V makes of the types of C++. */
static bool values_are_right()
{
    char buffer[4] = "abc";
    char *pointer = buffer;
    const char *constant = buffer;
    enum colour { red = 7 };
    return SKEP_V(true).type == SKEP_BOOL && SKEP_V(1 > 2).u.i == 0 && SKEP_V(1).type == SKEP_INT &&
           SKEP_V("x").u.s.len == 1 && SKEP_V(buffer).u.s.len == 3 &&
           SKEP_V(pointer).type == SKEP_TEXT && SKEP_V(constant).type == SKEP_TEXT &&
           SKEP_V(nullptr).type == SKEP_NULL && SKEP_V(red).u.i == 7 &&
           SKEP_V(1.5f).type == SKEP_REAL && SKEP_V(SKEP_V(3)).u.i == 3 &&
           SKEP_V(sizeof(int)).type == SKEP_INT && SKEP_V(~0ul).type == SKEP_OUT_OF_RANGE &&
           SKEP_V(skep_slice_of("a\0b", 3)).u.s.len == 3;
}

int main(int argc, char **argv)
{
    if (!values_are_right())
        return 2;
    skep_db *db = nullptr;
    int64_t out = 0;
    auto put = [](skep_tx *tx, void *) -> int {
        int rc = skep_exec(tx, "CREATE TABLE t(a, b)");
        if (rc < 0)
            return rc;
        return skep_exec(tx, "INSERT INTO t VALUES (?, ?)", 42, "tea"); /* or SKEP_V(42) */
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
