/* SPDX-License-Identifier: MIT */
#ifndef SKEP_LEASE_H
#define SKEP_LEASE_H

#include <skep/db.h>

/** A lease holds one snapshot of a database over many reads: they all see the same commit, and each
 *  costs a third of a read by itself.
 *
 *  What a snapshot costs: the WAL cannot start anew while it is held. So a lease ends by itself
 *  when it is older than its age, and earlier when the WAL reaches db.wal_ceiling: reads are then
 *  SKEP_ETIMEOUT or SKEP_ELIMIT until skep_lease_renew().
 *
 *  Threads: one at a time; any thread may use or close it. Not inside a transaction function of the
 *  same database (SKEP_EMISUSE). In a child by fork() it can be closed, which leaves the parent's
 *  as it is, and all else is SKEP_EMISUSE.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skep_lease skep_lease;

/** Zero means the default for each field. */
typedef struct skep_lease_opts {
    uint32_t size; /**< sizeof(skep_lease_opts); SKEP_LEASE_OPTS_INIT sets it */
    uint32_t reserved;
    int64_t max_age_ms;           /**< the snapshot is given up after so long; db.lease_max, which
                                       it cannot exceed */
    int64_t timeout_ms;           /**< wait for a reading connection; db.read_wait */
    skep_cancel *cancel;          /**< ends that wait; may be NULL */
    const skep_receipt *at_least; /**< see skep_call_opts */
} skep_lease_opts;

#ifdef __cplusplus
#define SKEP_LEASE_OPTS_INIT skep__opts_init<skep_lease_opts>()
#else
#define SKEP_LEASE_OPTS_INIT                                                                       \
    {                                                                                              \
        .size = (uint32_t)sizeof(skep_lease_opts)                                                  \
    }
#endif

/** Take a reading connection and a snapshot. The caller owns `*out`. */
SKEP_API int skep_lease_open(skep_db *db, const skep_lease_opts *opts, skep_lease **out) SKEP_CHECK;

/** Run `fn` on the snapshot; otherwise as skep_read(). `opts` as in skep_read_with(): a receipt
 *  newer than the snapshot renews it first. */
SKEP_API int skep_lease_read(skep_lease *lease, skep_tx_fn *fn, void *arg) SKEP_CHECK;
SKEP_API int skep_lease_read_with(skep_lease *lease, skep_tx_fn *fn, void *arg,
                                  const skep_call_opts *opts) SKEP_CHECK;

/** Change to a snapshot of this moment; its age starts anew. */
SKEP_API int skep_lease_renew(skep_lease *lease) SKEP_CHECK;

/** How old the snapshot is, in milliseconds; negative (the code that a read would get) once it was
 *  given up. */
SKEP_API int64_t skep_lease_age_ms(const skep_lease *lease);

/** Give the connection back. Accepts NULL. Close leases before their database: skep_db_close() then
 *  waits for them as it does for calls. */
SKEP_API void skep_lease_close(skep_lease *lease);

#ifdef __cplusplus
}
#endif
#endif
