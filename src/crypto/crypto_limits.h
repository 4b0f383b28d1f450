/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CRYPTO_LIMITS_H
#define SKEP__CRYPTO_LIMITS_H

#define SKEP__SALT_BYTES 16     /* of a database: the first bytes of its file */
#define SKEP__KEY_BASE64_LEN 44 /* characters of a raw key */

/* How a passphrase becomes a key: exactly what SQLite3MC does, so that other programs on it open
 * the file with the same passphrase. */
#define SKEP__ARGON2_PASSES 2
#define SKEP__ARGON2_MEMORY (19u * 1024 * 1024) /* bytes */
#define SKEP__CHACHA20_ROUNDS 64007             /* of PBKDF2-HMAC-SHA256 */
#define SKEP__SQLCIPHER_ROUNDS 256000           /* of PBKDF2-HMAC-SHA512 */

#endif
