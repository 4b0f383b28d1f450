/* SPDX-License-Identifier: MIT */
/* What the options of a call ask for. */
#include "base/time.h"
#include "db/db_private.h"

uint64_t skep__db_visible_commit(const skep_db *db)
{
    return atomic_load(&db->visible);
}

/* A receipt of another handle, or of a database opened anew, counts other commits. */
static int check_at_least(const skep_db *db, const skep_receipt *receipt)
{
    if (receipt->size < sizeof(*receipt))
        return SKEP__FAIL(SKEP_EINVALID, "opts->at_least has size %u, a receipt has %zu",
                          receipt->size, sizeof(*receipt));
    uint64_t newest = skep__db_visible_commit(db);
    if (receipt->number > newest)
        return SKEP__FAIL(SKEP_EINVALID,
                          "opts->at_least is commit %llu, but %s has made %llu since it was opened",
                          (unsigned long long)receipt->number, db->path,
                          (unsigned long long)newest);
    return SKEP_OK;
}

int skep__call_check(const skep_db *db, const skep_call_opts *opts)
{
    if (opts->priority < SKEP_PRIORITY_NORMAL || opts->priority > SKEP_PRIORITY_LOW)
        return SKEP__FAIL(SKEP_EINVALID, "opts->priority is %d; allowed: 0 to %d", opts->priority,
                          SKEP_PRIORITY_LOW);
    if (opts->budget_ms < 0)
        return SKEP__FAIL(SKEP_EINVALID, "opts->budget_ms is %lld, less than nothing",
                          (long long)opts->budget_ms);
    if (opts->receipt != NULL && opts->receipt->size < sizeof(*opts->receipt))
        return SKEP__FAIL(SKEP_EINVALID, "opts->receipt has size %u, a receipt has %zu",
                          opts->receipt->size, sizeof(*opts->receipt));
    return opts->at_least == NULL ? SKEP_OK : check_at_least(db, opts->at_least);
}

void skep__call_budget(skep__limit *limit, const skep_call_opts *opts, int64_t most_ms,
                       const char *most_name)
{
    bool own = opts->budget_ms > 0 && opts->budget_ms < most_ms;
    limit->budget_ns = (uint64_t)(own ? opts->budget_ms : most_ms) * SKEP__NS_PER_MS;
    limit->budget_name = own ? "budget_ms" : most_name;
}
