/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CRYPTO_LIMITS_H
#define SKEP__CRYPTO_LIMITS_H

#define SKEP__SALT_BYTES 16     /* of a database: the first bytes of its file */
#define SKEP__KEY_BASE64_LEN 44 /* characters of a raw key */

#define SKEP__SECRET_BYTES 32 /* of every key that a cipher works with */
#define SKEP__TAG_BYTES 16    /* that sealing adds to each piece */

/* Sealed objects and key rings (docs/format/sealed.md). */
#define SKEP__LINEAGE_BYTES 16
#define SKEP__KEY_ID_BYTES 16
#define SKEP__CONTENT_HASH_BYTES 16
#define SKEP__SEALED_SALT_BYTES 32
#define SKEP__SEALED_CHUNK 65536u  /* bytes of content that are sealed together */
#define SKEP__SEALED_NAME_MAX 1024 /* bytes of the name that an object was sealed under */

#define SKEP__KEYRING_WRAPS_MAX 256 /* wrapped keys of one ring */

/* What stretching a passphrase costs that wraps a data key: about a tenth of a second. */
#define SKEP__WRAP_PASSES 3
#define SKEP__WRAP_MEMORY_KIB (64u * 1024)
/* What a ring may ask for. */
#define SKEP__WRAP_PASSES_MAX 64
#define SKEP__WRAP_MEMORY_KIB_MIN 8u
#define SKEP__WRAP_MEMORY_KIB_MAX (1024u * 1024)

/* How a passphrase becomes a key: exactly what SQLite3MC does, so that other programs on it open
 * the file with the same passphrase. */
#define SKEP__ARGON2_PASSES 2
#define SKEP__ARGON2_MEMORY (19u * 1024 * 1024) /* bytes */
#define SKEP__CHACHA20_ROUNDS 64007             /* of PBKDF2-HMAC-SHA256 */
#define SKEP__SQLCIPHER_ROUNDS 256000           /* of PBKDF2-HMAC-SHA512 */

#endif
