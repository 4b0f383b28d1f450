/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_STORE_H
#define SKEP__STORE_STORE_H

#include <skep/store.h>
#include <skep/sys/store_engine.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/store_limits.h"

/* Object stores: what the files of this room share. The front (store.c, put.c, get.c, list.c)
 * checks arguments, keeps what all engines have in common and calls the engine; filters are engines
 * that hold the next store and call the public functions on it. */

/* ---- URIs ---- */

typedef struct skep__store_uri {
    char scheme[16];                   /* "s3"; of a plain path "tree" */
    char host[256];                    /* bucket, or HOST[:PORT]; "" for file and tree */
    char path[SKEP_STORE_URI_MAX + 1]; /* decoded; s3: the prefix without slashes at its ends */
} skep__store_uri;

/* Take `uri` apart, and lay its parameters over `opts`; what they say is kept in `texts`. */
int skep__store_uri_parse(const char *uri, skep__store_uri *out, skep_store_opts *opts,
                          skep__buf *texts) SKEP_CHECK;

/* ---- engines: `opts` are complete, with defaults put in; each is still to be adopted ---- */

int skep__disk_open(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out)
    SKEP_CHECK;
int skep__tree_open(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out)
    SKEP_CHECK;
int skep__s3_open(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out)
    SKEP_CHECK;
int skep__remote_open(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out)
    SKEP_CHECK;
int skep__mirror_open(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out)
    SKEP_CHECK;

/* ---- for engines and filters ---- */

/* What is wrong with a key; SKEP_OK if nothing is. `own`: `.skep/` is allowed. */
int skep__store_key_check(const char *key, bool own) SKEP_CHECK;

/* Options for a call on the next store, out of what this one was given. */
skep_io_opts skep__io_opts(const skep_io *io);
/* Is its time up, or was it cancelled? */
int skep__io_check(const skep_io *io) SKEP_CHECK;

/* Keys under `.skep/` pass on this store: for filters that keep something there. */
void skep__store_allow_own(skep_store *store);

/* Tell by an event of a thing in the store that is no object, and is left out. */
void skep__store_skipped(const skep_store *store, const char *name, const char *why);

/* Hex of a hash, 32 digits and NUL, and back (false: it is none). */
#define SKEP__HASH_TEXT 33
void skep__hash_text(const uint8_t hash[SKEP_STORE_HASH_BYTES], char out[SKEP__HASH_TEXT]);
bool skep__hash_parse(skep_slice text, uint8_t hash[SKEP_STORE_HASH_BYTES]);

#endif
