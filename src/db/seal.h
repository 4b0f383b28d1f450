/* SPDX-License-Identifier: MIT */
#ifndef SKEP__DB_SEAL_H
#define SKEP__DB_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include <skep/key.h>

#include "base/err.h"
#include "crypto/crypto_limits.h"

/* X-skep, beside an encrypted database X: how it is encrypted, and whether a change of its key was
 * interrupted. Nothing in it is secret, and the file opens without it too. docs/format/seal.md has
 * the layout. */

#define SKEP__SEAL_BYTES 64
#define SKEP__SEAL_VERSION 1

typedef struct skep__seal {
    bool there;
    bool strange;   /* there is a file of that name which is none of ours: it is left alone */
    bool rekeying;  /* the key is being changed */
    int32_t cipher; /* of the file; while the key is changed: before that; 0: plain */
    bool wal;       /* while the key is changed: it is in WAL mode before and after */
    int32_t to;     /* while the key is changed: after it; 0: plain */
    uint8_t old_salt[SKEP__SALT_BYTES]; /* first bytes of the file before the change */
    uint8_t new_salt[SKEP__SALT_BYTES]; /* and after it */
} skep__seal;

void skep__seal_encode(const skep__seal *seal, uint8_t out[SKEP__SEAL_BYTES]);
/* SKEP_ECORRUPT with `out->strange` for bytes that are not ours, without it for damaged ones;
 * SKEP_EVERSION for a newer format. */
int skep__seal_decode(const void *data, size_t len, skep__seal *out) SKEP_CHECK;

/* What lies beside the database at `path`; one that is damaged counts as not there, with an event.
 */
int skep__seal_load(const char *path, skep__seal *out) SKEP_CHECK;
int skep__seal_store(const char *path, const skep__seal *seal) SKEP_CHECK;
int skep__seal_remove(const char *path) SKEP_CHECK;

#endif
