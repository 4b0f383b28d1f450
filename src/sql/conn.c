/* SPDX-License-Identifier: MIT */
#include "sql/sql.h"

int skep__conn_open(const skep__driver *driver, const skep__conn_opts *opts, skep__conn **out)
{
    ASSERT(opts->path != NULL);
    SKEP__TRY(driver->open(opts, out));
    (*out)->costs = opts->costs;
    return SKEP_OK;
}

int skep__cut_fail(uint32_t word)
{
    if ((word & SKEP__CUT_WAL) != 0)
        return SKEP__FAIL(SKEP_ELIMIT,
                          "the snapshot was given up: it stood in the way of the WAL, which is "
                          "larger than db.wal_ceiling");
    if ((word & SKEP__CUT_LOST) != 0)
        return SKEP__FAIL(SKEP_EIO, "the snapshot of the lease went with an earlier failure: renew "
                                    "the lease");
    if ((word & SKEP__CUT_AGE) != 0)
        return SKEP__FAIL(SKEP_ETIMEOUT, "the snapshot of the lease is older than its max_age_ms "
                                         "(at most db.lease_max): renew the lease");
    return SKEP__FAIL(SKEP_ETIMEOUT, "the read has held its snapshot for longer than db.read_max");
}

int skep__conn_close(skep__conn *conn)
{
    if (conn == NULL)
        return SKEP_OK;
    skep__stmt_cache_clear(conn);
    return conn->driver->close(conn);
}
