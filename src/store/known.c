/* SPDX-License-Identifier: MIT */
#include "store/known.h"

#include "base/hash.h"

/* Never 0, which is an empty place. */
static uint64_t mark_of(const skep__known *known, const char *path, size_t len)
{
    uint64_t mark = skep__hash64(path, len, known->seed);
    return mark != 0 ? mark : 1;
}

bool skep__known_has(skep__known *known, const char *path, size_t len)
{
    uint64_t mark = mark_of(known, path, len);
    return atomic_load(&known->marks[mark % SKEP__KNOWN_PLACES]) == mark;
}

void skep__known_add(skep__known *known, const char *path, size_t len)
{
    uint64_t mark = mark_of(known, path, len);
    atomic_store(&known->marks[mark % SKEP__KNOWN_PLACES], mark);
}
