/* SPDX-License-Identifier: MIT */
/* The first program: keep a name in a database, durably.
 *     cc first.c $(pkg-config --cflags --libs skep) && ./a.out */
#include <stdio.h>

#include <skep/skep.h>

static int greet(skep_tx *tx, void *name)
{
    int rc = skep_exec(tx, "CREATE TABLE IF NOT EXISTS greeted (name TEXT)");
    return rc < 0 ? rc : skep_exec(tx, "INSERT INTO greeted VALUES (?)", SKEP_V((char *)name));
}

int main(int argc, char **argv)
{
    skep_db *db = NULL;
    char name[] = "world";
    if (skep_db_open(argc > 1 ? argv[1] : "first.db", NULL, &db) < 0 ||
        skep_write(db, greet, name) < 0)
        return fprintf(stderr, "%s\n", skep_last_error()->text), 1;
    return skep_db_close(db) < 0;
}
