/* SPDX-License-Identifier: MIT */
#ifndef SKEP_STORE_H
#define SKEP_STORE_H

#include <skep/arena.h>
#include <skep/cancel.h>
#include <skep/status.h>
#include <skep/value.h>

/** Object stores: a place for bytes under names, which may be a directory, an S3 bucket, the API of
 *  `skep serve`, or a mirror of such. All of them keep the same promise:
 *
 *  - An object is there as a whole or not at all; who reads it while it is replaced gets all of the
 *    old one or all of the new one.
 *  - What a put has reported as done is durable.
 *  - What a delete or put has reported as done is seen by every get, head and list that begins
 *    afterwards.
 *  - A call that failed changed nothing, unless the outcome of its error detail says unknown; where
 *    an answer was lost the store has been asked what became of it before that is said.
 *
 *  A key is a path in UTF-8, 1 to SKEP_STORE_KEY_MAX bytes: parts of 1 to SKEP_STORE_PART_MAX bytes
 *  with one `/` between them, none at either end, no part `.` or `..`, no control characters
 * (U+0000 to U+001F, U+007F). What begins with `.skep/` is skep's own: not listed, and refused
 *  (SKEP_EINVALID) but for skep's own use. Anything else is refused with the reason. Keys are
 *  ordered by their bytes.
 *
 *  Memory does not grow with the size of an object or the number of objects.
 *
 *  Threads: a skep_store is shared. A skep_put, skep_get and skep_list are one at a time.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skep_store skep_store;
typedef struct skep_put skep_put;
typedef struct skep_get skep_get;
typedef struct skep_list skep_list;

#define SKEP_STORE_KEY_MAX 1024
#define SKEP_STORE_PART_MAX 255
#define SKEP_STORE_ETAG_MAX 127
#define SKEP_STORE_URI_MAX 2048
#define SKEP_STORE_BYTES_MAX (UINT64_C(1) << 42)   /**< of an object: 4 TiB */
#define SKEP_STORE_SINGLE_MAX (UINT64_C(64) << 20) /**< of a conditional put: 64 MiB */
#define SKEP_STORE_HASH_BYTES 16
#define SKEP_BYTES_UNKNOWN UINT64_MAX

/** What a store can do, as tried on it (skep_store_caps()). */
enum {
    SKEP_STORE_CAN_CREATE = 1u << 0, /**< put with `create`: exactly one of many racing ones wins */
    SKEP_STORE_CAN_SWAP = 1u << 1,   /**< put with `if_etag`: likewise */
    SKEP_STORE_CAN_COPY = 1u << 2,   /**< copies without moving bytes through this process */
    SKEP_STORE_KEEPS_HASH = 1u << 3, /**< head tells the hash of what skep has put */
    SKEP_STORE_HASH_FIRST = 1u << 4, /**< it does so of a large one only if it was known beforehand:
                                          of memory and files, not of streams */
    SKEP_STORE_LISTS_BYTES = 1u << 5 /**< `bytes` in a list is what a get returns (not: sealed) */
};

enum {
    SKEP_OBJECT_HASHED = 1u << 0, /**< `hash` is known */
    SKEP_OBJECT_SEALED = 1u << 1  /**< it went through skep_store_sealed() */
};

/** What there is to know about an object. */
typedef struct skep_object {
    uint32_t size;                       /**< set by the caller: SKEP_OBJECT_INIT */
    uint32_t flags;                      /**< SKEP_OBJECT_… */
    uint64_t bytes;                      /**< of its content */
    int64_t modified_us;                 /**< UTC, by the store's clock; whole seconds in many */
    uint8_t hash[SKEP_STORE_HASH_BYTES]; /**< XXH3-128 of the content, canonical form; of a sealed
                                              one a hash that is equal for equal contents under one
                                              data key only */
    char etag[SKEP_STORE_ETAG_MAX + 1];  /**< changes with the content; without quotes */
    char key[SKEP_STORE_KEY_MAX + 1];
} skep_object;

/** Zero means the default for each field. Where a URI says the same as a field, the URI wins. */
typedef struct skep_store_opts {
    uint32_t size;  /**< sizeof(skep_store_opts); SKEP_STORE_OPTS_INIT sets it */
    uint32_t flags; /**< SKEP_STORE_… below */

    int64_t stall_ms; /**< give a transfer up in which no byte has moved for so long; 30000 */
    int64_t retry_ms; /**< go on trying what may be repeated for so long; 60000; -1: never again */
    uint32_t connections; /**< kept open to a server, and most in use at a time; 16 */
    uint32_t reserved;

    /* s3. What is NULL comes from AWS_… variables, then from the shared credentials and config
     * files; of a secret a copy is kept in guarded memory. */
    const char *endpoint; /**< "https://s3.example.org:9000"; Amazon's own */
    const char *region;   /**< us-east-1 */
    const char *profile;  /**< of the shared files; "default" */
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token;
    const char *storage_class; /**< "STANDARD_IA" … */
    const char *sse;           /**< "AES256" or "aws:kms" */
    const char *sse_key_id;    /**< of "aws:kms" */
    uint32_t path_style;       /**< skep_path_style */
    uint32_t checksum;         /**< skep_checksum */
    uint64_t part_bytes;       /**< of a multipart upload, which begins above it; 16 MiB */
    uint32_t parts_in_flight;  /**< 4 */

    uint32_t insecure;   /**< 1: a secret may go over http:// to a host that is not loopback */
    const char *ca_file; /**< trust these certificates (PEM); the system's */

    /* remote */
    const char *api_key; /**< REMOTE_STORAGE_API_KEY */

    /* file */
    uint64_t keep_free_bytes; /**< puts are SKEP_EFULL below so much free space; 64 MiB */
} skep_store_opts;

enum {
    SKEP_STORE_READONLY =
        1u << 0, /**< changing calls are SKEP_EREADONLY; nothing is made or swept */
    SKEP_STORE_MUST_EXIST = 1u << 1 /**< do not make the directory */
};

typedef enum skep_path_style {
    SKEP_PATH_STYLE_DEFAULT =
        0,                    /**< in the path where an endpoint is given, else in the host name */
    SKEP_PATH_STYLE_PATH = 1, /**< https://HOST/BUCKET/KEY */
    SKEP_PATH_STYLE_HOST = 2  /**< https://BUCKET.HOST/KEY */
} skep_path_style;

typedef enum skep_checksum {
    SKEP_CHECKSUM_DEFAULT = 0, /**< none: the signed SHA-256 of each request guards it */
    SKEP_CHECKSUM_CRC32C = 1,  /**< kept by the store and sent along with what it returns */
    SKEP_CHECKSUM_SHA256 = 2
} skep_checksum;

/** How a single call goes. Zero means the default for each field. */
typedef struct skep_io_opts {
    uint32_t size; /**< sizeof(skep_io_opts); SKEP_IO_OPTS_INIT sets it */
    uint32_t reserved;
    int64_t timeout_ms;  /**< the whole call may take so long (of a stream: from its opening to its
                              end); no limit but stall_ms and retry_ms */
    skep_cancel *cancel; /**< borrowed until the call, or the stream, ends; may be NULL */
    /** Called now and then in the thread of the call with the bytes moved, of so many
     *  (SKEP_BYTES_UNKNOWN). May be NULL. Bytes sent again are not counted again. */
    void (*progress)(uint64_t done, uint64_t total, void *ctx);
    void *ctx;
} skep_io_opts;

typedef struct skep_put_opts {
    uint32_t size;       /**< sizeof(skep_put_opts); SKEP_PUT_OPTS_INIT sets it */
    uint32_t create;     /**< 1: SKEP_EEXISTS if the key is there already */
    const char *if_etag; /**< replace just this one: SKEP_ECONFLICT if it is another, or none */
    uint64_t bytes;      /**< SKEP_BYTES_UNKNOWN or what will be written, for skep_put_begin(); a
                              different number is SKEP_EINVALID at the commit */
    skep_io_opts io;
} skep_put_opts;

typedef struct skep_get_opts {
    uint32_t size; /**< sizeof(skep_get_opts); SKEP_GET_OPTS_INIT sets it */
    uint32_t reserved;
    uint64_t offset; /**< where to begin; beyond the end is SKEP_EINVALID, at it gives nothing */
    uint64_t bytes;  /**< how many; 0: to the end */
    const char *if_etag; /**< SKEP_ECONFLICT if it is another object by now; NULL: any */
    skep_io_opts io;
} skep_get_opts;

typedef struct skep_list_opts {
    uint32_t size; /**< sizeof(skep_list_opts); SKEP_LIST_OPTS_INIT sets it */
    uint32_t reserved;
    const char *prefix; /**< bytes that the keys begin with; all */
    const char *after;  /**< keys behind this one; it need not be there */
    uint64_t limit;     /**< so many at most; no limit */
    skep_io_opts io;
} skep_list_opts;

/* clang-format off */
#ifdef __cplusplus
#define SKEP_OBJECT_INIT skep__opts_init<skep_object>()
#define SKEP_STORE_OPTS_INIT skep__opts_init<skep_store_opts>()
#define SKEP_IO_OPTS_INIT skep__opts_init<skep_io_opts>()
#define SKEP_PUT_OPTS_INIT skep__put_opts_init()
#define SKEP_GET_OPTS_INIT skep__opts_init<skep_get_opts>()
#define SKEP_LIST_OPTS_INIT skep__opts_init<skep_list_opts>()
#else
#define SKEP_OBJECT_INIT {.size = (uint32_t)sizeof(skep_object)}
#define SKEP_STORE_OPTS_INIT {.size = (uint32_t)sizeof(skep_store_opts)}
#define SKEP_IO_OPTS_INIT {.size = (uint32_t)sizeof(skep_io_opts)}
#define SKEP_PUT_OPTS_INIT {.size = (uint32_t)sizeof(skep_put_opts), .bytes = SKEP_BYTES_UNKNOWN}
#define SKEP_GET_OPTS_INIT {.size = (uint32_t)sizeof(skep_get_opts)}
#define SKEP_LIST_OPTS_INIT {.size = (uint32_t)sizeof(skep_list_opts)}
#endif
/* clang-format on */

/** Open the store that `uri` names; `opts` may be NULL. The caller owns `*out`.
 *
 *    file:DIR                     a directory that skep lays out; made if it is not there
 *    tree:DIR, or a plain path    an ordinary directory: keys are the paths of its files
 *    s3://BUCKET[/PREFIX]         with ?endpoint= region= profile= path_style= storage_class= sse=
 *                                 sse_key_id= checksum= part_bytes= parts_in_flight= ca_file= …
 *    http(s)://HOST[:PORT][/PATH] the API of `skep serve`
 *    mirror:FILE                  a mirror as an INI file describes it (skep/mirror.h)
 *
 *  A parameter that is not known is SKEP_EINVALID, and so is a URI that holds a secret. No request
 *  is made yet. */
SKEP_API int skep_store_open(const char *uri, const skep_store_opts *opts, skep_store **out)
    SKEP_CHECK;
/** Frees it, also when it fails. Puts, gets and lists must have ended. Accepts NULL. */
SKEP_API int skep_store_close(skep_store *store);

/** What it is, for people: "s3://bucket/prefix". Holds no secret. Borrowed until it is closed. */
SKEP_API const char *skep_store_name(const skep_store *store);

/** What the store can do, SKEP_STORE_… bits. What cannot be known otherwise is tried on it, under
 *  `.skep/`, once a handle: a server that ignores a condition would lose data. */
SKEP_API int skep_store_caps(skep_store *store, const skep_io_opts *io, uint32_t *caps) SKEP_CHECK;

/* ---- one object ---- */

/** Store `data` under `key`. `opts` and `out` may be NULL. A condition that the store cannot keep,
 *  or on more than SKEP_STORE_SINGLE_MAX bytes, is SKEP_EUNSUPPORTED. */
SKEP_API int skep_store_put(skep_store *store, const char *key, skep_slice data,
                            const skep_put_opts *opts, skep_object *out) SKEP_CHECK;
/** Store the file at `path`. One that changes meanwhile is SKEP_ECONFLICT, and nothing is stored.
 */
SKEP_API int skep_store_put_file(skep_store *store, const char *key, const char *path,
                                 const skep_put_opts *opts, skep_object *out) SKEP_CHECK;

/** Read it into `arena`; what does not fit is SKEP_ELIMIT. `opts` and `info` may be NULL. */
SKEP_API int skep_store_get(skep_store *store, const char *key, const skep_get_opts *opts,
                            skep_arena *arena, skep_slice *out, skep_object *info) SKEP_CHECK;
/** Read it into the file at `path`, which is replaced only when all is there, verified and durable;
 *  mode 0600. */
SKEP_API int skep_store_get_file(skep_store *store, const char *key, const char *path,
                                 const skep_get_opts *opts, skep_object *info) SKEP_CHECK;

/** SKEP_ENOTFOUND if there is none. */
SKEP_API int skep_store_head(skep_store *store, const char *key, const skep_io_opts *io,
                             skep_object *out) SKEP_CHECK;

/** One that is not there is no failure. */
SKEP_API int skep_store_delete(skep_store *store, const char *key, const skep_io_opts *io)
    SKEP_CHECK;
/** Delete `n` of them with as few requests as the store allows. `results` (may be NULL) gets the
 * code of each; returns SKEP_OK when all are gone, else the first failure. */
SKEP_API int skep_store_delete_many(skep_store *store, const char *const *keys, size_t n,
                                    const skep_io_opts *io, int *results) SKEP_CHECK;

/** Copy within the store. `opts` holds for the new object; its `bytes` is not looked at. Onto
 * itself is SKEP_EINVALID. */
SKEP_API int skep_store_copy(skep_store *store, const char *from, const char *to,
                             const skep_put_opts *opts, skep_object *out) SKEP_CHECK;

/* ---- streams ---- */

/** Begin to store what is then written piece by piece. `*out` is consumed by the commit or the
 *  abort. Until the commit succeeds nobody sees anything. */
SKEP_API int skep_put_begin(skep_store *store, const char *key, const skep_put_opts *opts,
                            skep_put **out) SKEP_CHECK;
/** After a failure only skep_put_abort() makes sense. */
SKEP_API int skep_put_write(skep_put *put, const void *data, size_t len) SKEP_CHECK;
SKEP_API int skep_put_commit(skep_put *put, skep_object *out) SKEP_CHECK;
SKEP_API void skep_put_abort(skep_put *put); /**< accepts NULL */

/** Begin to read. `info` (may be NULL) is filled in. A transfer that is cut goes on by itself where
 *  it was, as long as it is still the same object. */
SKEP_API int skep_get_open(skep_store *store, const char *key, const skep_get_opts *opts,
                           skep_get **out, skep_object *info) SKEP_CHECK;
/** Up to `len` bytes: `*got` is 0 only at the end, and what came before is whole only if that end
 *  was reached. */
SKEP_API int skep_get_read(skep_get *get, void *data, size_t len, size_t *got) SKEP_CHECK;
SKEP_API void skep_get_close(skep_get *get); /**< accepts NULL */

/* ---- lists ---- */

SKEP_API int skep_list_open(skep_store *store, const skep_list_opts *opts, skep_list **out)
    SKEP_CHECK;
/** 1: `*out` is the next object, in the order of keys; 0: the end. Objects that come or go
 * meanwhile may be there or not; all others are, once. */
SKEP_API int skep_list_next(skep_list *list, skep_object *out) SKEP_CHECK;
SKEP_API void skep_list_close(skep_list *list); /**< accepts NULL */

#ifdef __cplusplus
}

inline skep_put_opts skep__put_opts_init()
{
    skep_put_opts opts = skep__opts_init<skep_put_opts>();
    opts.bytes = SKEP_BYTES_UNKNOWN;
    return opts;
}
#endif
#endif
