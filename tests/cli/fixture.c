/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <skep/skep.h>

#include "harness/harness.h"

static int run_all(skep_tx *tx, void *arg)
{
    for (const char *const *sql = arg; *sql != NULL; sql++) {
        int rc = skep_exec(tx, *sql);
        if (rc < 0)
            return rc;
    }
    return SKEP_OK;
}

const char *fixture(const char *name, const char *const statements[])
{
    const char *path = harness_path(name);
    skep_db *db = NULL;
    union {
        const char *const *in;
        void *out;
    } arg = {statements};
    assert_ok(skep_db_open(path, NULL, &db));
    assert_ok(skep_write(db, run_all, arg.out));
    assert_ok(skep_db_close(db));
    return path;
}
