/* SPDX-License-Identifier: MIT */
#include "sql/sql.h"

int skep__conn_open(const skep__driver *driver, const skep__conn_opts *opts, skep__conn **out)
{
    ASSERT(opts->path != NULL);
    SKEP__TRY(driver->open(opts, out));
    (*out)->costs = opts->costs;
    return SKEP_OK;
}

int skep__conn_close(skep__conn *conn)
{
    if (conn == NULL)
        return SKEP_OK;
    skep__stmt_cache_clear(conn);
    return conn->driver->close(conn);
}
