/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CRYPTO_SEALED_H
#define SKEP__CRYPTO_SEALED_H

#include "crypto/aead.h"
#include "crypto/keyring.h"

/* Sealed objects: a head, then the content in chunks that are sealed one by one, so that ranges can
 * be read and a transfer that was cut can go on. What is sealed is the plain run
 *
 *     content | zeros, if lengths are hidden | trailer, if the content was not known beforehand
 *
 * and all chunks but the last hold SKEP__SEALED_CHUNK bytes of it. The head says in clear what it
 * takes to open the object, and sealed how long the content is and what its hash is. docs/format/
 * sealed.md has the bytes.
 *
 * Threads: one at a time; each thread that seals or opens chunks makes its own. */

#define SKEP__SEALED_VERSION 1
#define SKEP__SEALED_BOXES_MAX 8
#define SKEP__SEALED_HEAD_MAX                                                                      \
    (96 + SKEP__SEALED_BOXES_MAX * (SKEP__SECRET_BYTES + SKEP__WRAPPED_BYTES) +                    \
     SKEP__SEALED_NAME_MAX + 40)
#define SKEP__SEALED_STRIDE (SKEP__SEALED_CHUNK + SKEP__TAG_BYTES) /* of a chunk in the object */
#define SKEP__CONTENT_BYTES_MAX (UINT64_C(1) << 48)
#define SKEP__CONTENT_UNKNOWN UINT64_MAX /* told in the trailer */

/* ---- the hash of a content, under the secret of a data key: is it the same? ---- */

/* Folded over chunks of SKEP__SEALED_CHUNK bytes of the content, the last being shorter; a content
 * of no bytes has one empty chunk. Begin with zeros. */
void skep__content_hash_fold(const skep__data_key *key, const void *chunk, size_t len,
                             uint8_t hash[SKEP__CONTENT_HASH_BYTES]);

/* ---- heads ---- */

/* What stands in clear. */
typedef struct skep__sealed_head {
    uint32_t bytes; /* of the head; the first chunk follows */
    uint8_t kind;   /* skep__aead_kind */
    bool padded;    /* the length of the content is hidden */
    bool unknown;   /* length and hash of the content stand in a trailer */
    uint8_t lineage[SKEP__LINEAGE_BYTES];
    uint8_t key_id[SKEP__KEY_ID_BYTES];
    uint8_t salt[SKEP__SEALED_SALT_BYTES];
    size_t boxes_count;
    skep__box boxes[SKEP__SEALED_BOXES_MAX];
    skep_slice name; /* that it was sealed under; borrowed */
} skep__sealed_head;

/* Look at the first bytes of an object; SKEP__SEALED_HEAD_MAX of them, or all that it has, are
 * enough. Nothing is authenticated yet. SKEP_EINVALID: not a sealed object at all. */
int skep__sealed_look(skep_slice bytes, skep__sealed_head *out) SKEP_CHECK;

/* ---- objects ---- */

typedef struct skep__sealed skep__sealed;

typedef struct skep__sealed_opts {
    const skep__data_key *key;         /* borrowed as long as the object */
    const skep__recipient *recipients; /* box the key for them */
    size_t recipients_count;
    skep_slice name;
    int kind;               /* skep__aead_kind; 0: the best here */
    bool padded;            /* hide the length: up to an eighth longer */
    uint64_t content_bytes; /* SKEP__CONTENT_UNKNOWN: told at the end */
    const uint8_t *hash;    /* of the content; not needed where that is unknown */
    const uint8_t *salt;    /* of an object that is sealed again, to the same bytes; NULL: random */
} skep__sealed_opts;

/* Begin to seal: the head is appended to `head`. */
int skep__sealed_make(const skep__sealed_opts *opts, skep__buf *head, skep__sealed **out)
    SKEP_CHECK;

/* Begin to open an object that begins with `head` (more bytes do no harm). `key` is borrowed as
 * long as the object. `name` is what it must have been sealed under; data NULL: whatever it says.
 * SKEP_EAUTH: sealed with another key. SKEP_ECORRUPT: damaged, renamed, of another lineage. */
int skep__sealed_open(skep_slice head, const skep__data_key *key, skep_slice name,
                      skep__sealed **out) SKEP_CHECK;
void skep__sealed_free(skep__sealed *s); /* accepts NULL */
void skep__sealed_freep(skep__sealed **s);

/* Chunk `index` of the plain run, the last one or not. `out` takes SKEP__TAG_BYTES more, or less.
 */
int skep__sealed_seal(skep__sealed *s, uint64_t index, bool last, skep_slice in, uint8_t *out)
    SKEP_CHECK;
int skep__sealed_unseal(skep__sealed *s, uint64_t index, bool last, skep_slice in, uint8_t *out)
    SKEP_CHECK;

/* The trailer of a content that was unknown: after its last byte and the zeros. */
#define SKEP__TRAILER_BYTES (8 + SKEP__CONTENT_HASH_BYTES)
void skep__sealed_put_trailer(uint64_t content_bytes, const uint8_t hash[SKEP__CONTENT_HASH_BYTES],
                              uint8_t out[SKEP__TRAILER_BYTES]);
/* Does the object have the length that its content asks for? `trailer` is the end of the plain run
 * of `plain_bytes`; where the content was unknown its length and hash are known from here on. */
int skep__sealed_end(skep__sealed *s, uint64_t plain_bytes,
                     const uint8_t trailer[SKEP__TRAILER_BYTES]) SKEP_CHECK;

/* SKEP__CONTENT_UNKNOWN until skep__sealed_end(). */
uint64_t skep__sealed_content_bytes(const skep__sealed *s);
const uint8_t *skep__sealed_content_hash(const skep__sealed *s);

/* ---- lengths ---- */

/* How long the plain run of a content is. */
uint64_t skep__sealed_plain_bytes(uint64_t content_bytes, bool padded, bool unknown);
/* How many chunks the plain run makes, and how long the object becomes without its head. */
uint64_t skep__sealed_chunks(uint64_t plain_bytes);
uint64_t skep__sealed_body_bytes(uint64_t plain_bytes);
/* And back: SKEP_ECORRUPT for a length that no object has. */
int skep__sealed_plain_of(uint64_t body_bytes, uint64_t *plain_bytes) SKEP_CHECK;

#endif
