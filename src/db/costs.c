/* SPDX-License-Identifier: MIT */
/* What statements cost and which were slow, for who asks. */
#include <skep/inspect.h>

#include "db/db_private.h"

/* The size of an entry is the first of its fields in all lists. */
static int check_list(const void *list, size_t each, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t *size = (const void *)((const char *)list + i * each);
        if (*size != each)
            return SKEP__FAIL(SKEP_EINVALID, "entry %zu of the list has the size %u, not %zu", i,
                              *size, each);
    }
    return SKEP_OK;
}

int skep_db_statements(skep_db *db, skep_db_statement *list, size_t *n)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(n != NULL);
    SKEP__REQUIRE(list != NULL || *n == 0);
    SKEP__TRY(check_list(list, sizeof(*list), *n));
    return skep__costs_list(db->costs, list, n);
}

int skep_db_slow_statements(skep_db *db, skep_db_slow *list, size_t *n)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(n != NULL);
    SKEP__REQUIRE(list != NULL || *n == 0);
    SKEP__TRY(check_list(list, sizeof(*list), *n));
    skep__costs_slow(db->costs, list, n);
    return SKEP_OK;
}
