/* SPDX-License-Identifier: MIT */
#ifndef SKEP_KEY_H
#define SKEP_KEY_H

#include <skep/status.h>
#include <skep/value.h>

/** Keys of encrypted databases. A key lies in guarded memory: locked, left out of core dumps, wiped
 *  when freed. It is never printed, logged or written.
 *
 *  A child by fork() has a copy of every key of its parent, not locked: free there what the child
 *  does not need, or let it run another program. skep_db_close() wipes the handle's copy in the
 *  child; what SQLite has made of it stays in the child's memory as long as that lives.
 *
 *  Threads: shared once made.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skep_key skep_key;

#define SKEP_KEY_BYTES 32      /**< of a raw key */
#define SKEP_KEY_TEXT_MAX 1024 /**< bytes of a passphrase or a key file */

/** Each makes a key that the caller frees. What is given is copied; wipe your own copy.
 *  A raw key is SKEP_KEY_BYTES bytes; a passphrase is stretched (Argon2id) before it is used. */
SKEP_API int skep_key_raw(const void *bytes, size_t len, skep_key **out) SKEP_CHECK;
SKEP_API int skep_key_passphrase(skep_slice text, skep_key **out) SKEP_CHECK;
/** Exactly 44 base64 characters that decode to 32 bytes are a raw key, all else is a passphrase. */
SKEP_API int skep_key_text(skep_slice text, skep_key **out) SKEP_CHECK;
/** 44 base64 characters, else SKEP_EINVALID. */
SKEP_API int skep_key_base64(const char *text, skep_key **out) SKEP_CHECK;
/** The file's bytes: exactly 32 are a raw key, else its text without one trailing newline, as
 *  skep_key_text(). A file that others may read is SKEP_EDENIED. */
SKEP_API int skep_key_file(const char *path, skep_key **out) SKEP_CHECK;
/** The environment variable `name`, as skep_key_text(); it is overwritten and unset, so call this
 *  before other threads read the environment. SKEP_ENOTFOUND if it is not set. */
SKEP_API int skep_key_env(const char *name, skep_key **out) SKEP_CHECK;
/** A new raw key from the system's generator. */
SKEP_API int skep_key_generate(skep_key **out) SKEP_CHECK;
/** The 44 base64 characters of a raw key, to be kept somewhere safe: `out` has room for 45 bytes.
 *  SKEP_EUNSUPPORTED for a passphrase. */
SKEP_API int skep_key_export(const skep_key *key, char *out, size_t size) SKEP_CHECK;
/** Wipe and free. Accepts NULL. */
SKEP_API void skep_key_free(skep_key *key);

/** How a database is encrypted. */
typedef enum skep_cipher {
    SKEP_CIPHER_DEFAULT = 0,  /**< what is recorded beside the database; for a new one AEGIS where
                                   the processor has AES instructions, else CHACHA20 */
    SKEP_CIPHER_AEGIS = 1,    /**< AEGIS-256 */
    SKEP_CIPHER_CHACHA20 = 2, /**< ChaCha20-Poly1305 */
    SKEP_CIPHER_SQLCIPHER = 3 /**< SQLCipher 4 (AES-256-CBC, HMAC-SHA512), to share files with it */
} skep_cipher;

/** "aegis", "chacha20", "sqlcipher"; "none" for what is none. Static storage. */
SKEP_API const char *skep_cipher_name(int cipher);

/** What can be told about the encryption of a file without its key. */
typedef enum skep_seal_state {
    SKEP_SEAL_PLAIN = 0,     /**< not encrypted */
    SKEP_SEAL_ENCRYPTED = 1, /**< encrypted */
    SKEP_SEAL_REKEY_OLD = 2, /**< a rekey was interrupted: it opens with the old key */
    SKEP_SEAL_REKEY_NEW = 3  /**< a rekey was interrupted at its end: it opens with the new key */
} skep_seal_state;

typedef struct skep_seal {
    uint32_t size;     /**< set by the caller */
    int32_t state;     /**< skep_seal_state */
    int32_t cipher;    /**< skep_cipher; SKEP_CIPHER_DEFAULT: not known, or plain */
    uint32_t recorded; /**< 1: there is an X-skep beside the file */
} skep_seal;

/** Look at a database file that this process does not have open. */
SKEP_API int skep_db_seal(const char *path, skep_seal *out) SKEP_CHECK;

/** Zero means the default for each field. */
typedef struct skep_rekey_opts {
    uint32_t size;       /**< sizeof(skep_rekey_opts); SKEP_REKEY_OPTS_INIT sets it */
    int32_t cipher;      /**< skep_cipher of the result; the present one */
    const skep_key *key; /**< the present key; NULL: the file is plain */
    const skep_key *to;  /**< the new key; NULL: decrypt */
    int64_t timeout_ms;  /**< wait so long for others to close the file; 5000 */
    /** Called now and then, in the thread of the call, with the pages done and all there are; 0 of
     * 0 where the file has the new key already. May be NULL. */
    void (*progress)(uint64_t done, uint64_t total, void *ctx);
    void *ctx;
    struct skep_cancel *cancel; /**< ends the wait for others, not the change; may be NULL */
} skep_rekey_opts;

#ifdef __cplusplus
#define SKEP_REKEY_OPTS_INIT skep__opts_init<skep_rekey_opts>()
#else
#define SKEP_REKEY_OPTS_INIT                                                                       \
    {                                                                                              \
        .size = (uint32_t)sizeof(skep_rekey_opts)                                                  \
    }
#endif

/** Encrypt, re-encrypt or decrypt the database at `path`, which nobody may have open: SKEP_EBUSY
 *  else. After a crash at any step the file opens with exactly one of the two keys, skep_db_seal()
 *  tells which, and the same call again finishes. That holds for a call that had come to its end
 *  too: a file that has the new key (and cipher) is done, and `key` is then not looked at, for
 *  nothing is kept of an old key that could tell it from a wrong one. */
SKEP_API int skep_db_rekey(const char *path, const skep_rekey_opts *opts) SKEP_CHECK;

#ifdef __cplusplus
}
#endif
#endif
