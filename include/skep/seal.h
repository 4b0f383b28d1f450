/* SPDX-License-Identifier: MIT */
#ifndef SKEP_SEAL_H
#define SKEP_SEAL_H

#include <skep/key.h>
#include <skep/store.h>

/** Sealing: what is stored is encrypted and authenticated before it leaves the machine, and the
 *  keys to it are kept beside it, wrapped.
 *
 *  Threads: shared.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define SKEP_RECIPIENT_TEXT_MAX 63
#define SKEP_SEAL_RECIPIENTS_MAX 8

/** At least one of `key` and `recipients` is given. */
typedef struct skep_seal_opts {
    uint32_t size;       /**< sizeof(skep_seal_opts); SKEP_SEAL_OPTS_INIT sets it */
    uint32_t padded;     /**< 1: hide the lengths of objects, which makes them up to 12 % longer */
    const skep_key *key; /**< copied. Reads and writes; the store's key ring is made where there is
                              none */
    const char *const *recipients; /**< "x25519:…", SKEP_SEAL_RECIPIENTS_MAX at most, NULL at the
                                        end; copied. Seal for these too; without `key` the store
                                        can be written and not read (SKEP_EAUTH) */
} skep_seal_opts;

/** A store that seals what goes into `next` and opens what comes out. `next` belongs to it from
 *  here on; when this fails it stays the caller's. No request is made yet: the key ring
 *  (`.skep/keys` in `next`) is read with the first object, and made with the first one that is put.
 *  A key that does not open it is SKEP_EAUTH.
 *
 *  An object opens with its key only, under the key (the name) that it was put as (a branch of a
 *  mirror: under that, too), and whole:
 *  SKEP_ECORRUPT says what is wrong with any other. What nobody can see in an object by itself is
 *  that there was a newer one: a store that gives back an older state is believed. And who knows a
 *  recipient can put objects that open for it.
 *
 *  Of each object the head is read before the rest: a part costs two requests, an object of less
 *  than 64 KiB one. Lists give the length as it is stored; `if_etag` and `create` are those of
 *  `next`, and what they may put is smaller by the seal (1 % will do). Copies move through this
 *  process, as an object is sealed under its name. */
SKEP_API int skep_store_sealed(skep_store *next, const skep_seal_opts *opts, skep_store **out)
    SKEP_CHECK;

/** The recipient that a raw key opens for, `out` of SKEP_RECIPIENT_TEXT_MAX + 1 bytes. It is no
 *  secret. SKEP_EUNSUPPORTED for a passphrase. */
SKEP_API int skep_key_recipient(const skep_key *key, char *out, size_t size) SKEP_CHECK;

/* ---- the key ring of a store ---- */

/** The data keys of what is sealed in a store, each wrapped by every secret that opens it, as they
 *  were when the ring was read. Nothing in it is secret. The functions below take the store that
 *  holds it, not the sealed one over it. */
typedef struct skep_keyring skep_keyring;

/** By what a key is wrapped. */
typedef enum skep_wrap_kind {
    SKEP_WRAP_RAW = 1, /**< a raw key */
    SKEP_WRAP_PASSPHRASE = 2,
    SKEP_WRAP_RECIPIENT = 3 /**< the raw key behind a recipient opens it */
} skep_wrap_kind;

/** What is wrapped. */
typedef enum skep_wrap_use {
    SKEP_WRAP_DATA = 1,    /**< a data key, which objects are sealed with */
    SKEP_WRAP_IDENTITY = 2 /**< what opens objects that were sealed for a recipient, kept when the
                                raw key behind it was rotated */
} skep_wrap_use;

#define SKEP_WRAP_ID_BYTES 16

typedef struct skep_wrap {
    uint32_t size;                        /**< set by the caller: SKEP_WRAP_INIT */
    int32_t kind;                         /**< skep_wrap_kind */
    int32_t use;                          /**< skep_wrap_use */
    uint32_t reserved;                    /**< 0 */
    int64_t created_us;                   /**< UTC, by the clock of who wrapped */
    uint8_t id[SKEP_WRAP_ID_BYTES];       /**< which key is wrapped */
    char by[SKEP_RECIPIENT_TEXT_MAX + 1]; /**< a recipient as text, 32 hex digits that tell a raw
                                               key from others, "" of a passphrase */
} skep_wrap;

/** A ring is changed in one step, or not at all; who else changes it meanwhile is not overwritten.
 *  At least `key` and one of `to` and `recipient` are given, but see below. */
typedef struct skep_rewrap_opts {
    uint32_t size; /**< sizeof(skep_rewrap_opts); SKEP_REWRAP_OPTS_INIT sets it */
    uint32_t reserved;
    const skep_key *key;   /**< that opens the ring now */
    const skep_key *to;    /**< that shall open it, or */
    const char *recipient; /**< whose raw key shall open it */
    skep_io_opts io;
} skep_rewrap_opts;

/* clang-format off */
#ifdef __cplusplus
#define SKEP_SEAL_OPTS_INIT skep__opts_init<skep_seal_opts>()
#define SKEP_WRAP_INIT skep__opts_init<skep_wrap>()
#define SKEP_REWRAP_OPTS_INIT skep__opts_init<skep_rewrap_opts>()
#else
#define SKEP_SEAL_OPTS_INIT {.size = (uint32_t)sizeof(skep_seal_opts)}
#define SKEP_WRAP_INIT {.size = (uint32_t)sizeof(skep_wrap)}
#define SKEP_REWRAP_OPTS_INIT {.size = (uint32_t)sizeof(skep_rewrap_opts)}
#endif
/* clang-format on */

/** SKEP_ENOTFOUND: there is none. The caller owns `*out`. `io` may be NULL. */
SKEP_API int skep_keyring_read(skep_store *store, const skep_io_opts *io, skep_keyring **out)
    SKEP_CHECK;
SKEP_API void skep_keyring_free(skep_keyring *ring); /**< accepts NULL */
SKEP_API size_t skep_keyring_count(const skep_keyring *ring);
/** The wrap `index`, from 0, oldest first. */
SKEP_API int skep_keyring_get(const skep_keyring *ring, size_t index, skep_wrap *out) SKEP_CHECK;
/** 1: `key` opens the wrap `index`; 0: it does not. A passphrase takes a tenth of a second. */
SKEP_API int skep_keyring_opens(const skep_keyring *ring, size_t index, const skep_key *key)
    SKEP_CHECK;

/** Let `to`, or the key behind `recipient`, open what `key` opens, besides: what was sealed with
 *  the store's data keys, not what was sealed for `key` as a recipient. Returns how many wraps were
 *  added, 0 if they were all there.
 *
 *  Where there is no ring and `key` is NULL one is made that `to` (or `recipient`) opens. That is
 *  what a store needs which cannot put create-only, before the first object; let nobody else do so
 *  at the same time there. */
SKEP_API int skep_keyring_wrap(skep_store *store, const skep_rewrap_opts *opts) SKEP_CHECK;
/** Let `to`, or the key behind `recipient`, open all that `key` opens, also what was sealed for it
 *  as a recipient, and `key` nothing any more. No object is touched: who has kept the old key and
 *  an old ring, or a data key, reads on. Returns 1; 0 if that was done already.
 *  Sealed stores that are open go on; those opened later need the new key. */
SKEP_API int skep_keyring_rotate(skep_store *store, const skep_rewrap_opts *opts) SKEP_CHECK;

#ifdef __cplusplus
}
#endif
#endif
