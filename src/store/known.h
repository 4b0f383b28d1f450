/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_KNOWN_H
#define SKEP__STORE_KNOWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Directories whose names are known to be durable: whoever puts something into one that is not has
 * to sync the one above it first, whoever made it. Lossy: what is forgotten is synced once more.
 *
 * Threads: shared. */

#define SKEP__KNOWN_PLACES 8192

typedef struct skep__known {
    uint64_t seed; /* random: nobody can make two names that look the same in here */
    _Atomic uint64_t marks[SKEP__KNOWN_PLACES];
} skep__known;

bool skep__known_has(skep__known *known, const char *path, size_t len);
void skep__known_add(skep__known *known, const char *path, size_t len);

#endif
