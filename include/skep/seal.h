/* SPDX-License-Identifier: MIT */
#ifndef SKEP_SEAL_H
#define SKEP_SEAL_H

#include <skep/key.h>
#include <skep/store.h>

/** Sealing: what is stored is encrypted and authenticated before it leaves the machine, and the
 * keys to it are kept wrapped beside it.
 *
 *  Threads: shared.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define SKEP_RECIPIENT_TEXT_MAX 63

typedef struct skep_seal_opts {
    uint32_t size;       /**< sizeof(skep_seal_opts); SKEP_SEAL_OPTS_INIT sets it */
    uint32_t padded;     /**< 1: hide the lengths of objects, which makes them up to 12 % longer */
    const skep_key *key; /**< copied. Reads and writes; its ring is made where there is none */
    const char *const *recipients; /**< "x25519:…": seal for these; without `key` the store can be
                                        written and not read. NULL at the end */
} skep_seal_opts;

/* clang-format off */
#ifdef __cplusplus
#define SKEP_SEAL_OPTS_INIT skep__opts_init<skep_seal_opts>()
#else
#define SKEP_SEAL_OPTS_INIT {.size = (uint32_t)sizeof(skep_seal_opts)}
#endif
/* clang-format on */

/** A store that seals what goes into `next` and opens what comes out. `next` belongs to it from
 * here on; when this fails it stays the caller's. */
SKEP_API int skep_store_sealed(skep_store *next, const skep_seal_opts *opts, skep_store **out)
    SKEP_CHECK;

/** The recipient that a raw key opens for, `out` of SKEP_RECIPIENT_TEXT_MAX + 1 bytes. It is no
 *  secret. SKEP_EUNSUPPORTED for a passphrase. */
SKEP_API int skep_key_recipient(const skep_key *key, char *out, size_t size) SKEP_CHECK;

#ifdef __cplusplus
}
#endif
#endif
