/* SPDX-License-Identifier: MIT */
#ifndef SKEP_SERVE_H
#define SKEP_SERVE_H

#include <skep/store.h>

/** A server that offers one object store over HTTP/1.1: the API of docs/openapi.yaml, which
 *  skep_store_open("http://…") speaks. It is the library libskep-serve, beside libskep, and the
 *  command `skep serve` in the program.
 *
 *  Each connection has a thread of its own. Bodies go through it piece by piece, both ways, so that
 *  memory grows with the number of connections and not with objects. What a client cuts, sends too
 *  slowly or too long leaves nothing in the store.
 *
 *  Threads: shared, but for skep_serve_close().
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skep_serve skep_serve;

#define SKEP_SERVE_PORT 7420
#define SKEP_SERVE_CONNECTIONS_MAX 4096
#define SKEP_SERVE_HEADER_MAX 65536

enum {
    SKEP_SERVE_READONLY = 1u << 0,     /**< every change is refused */
    SKEP_SERVE_BEHIND_PROXY = 1u << 1, /**< a proxy does the TLS and tells in X-Forwarded-For who
                                            asks, which is believed: for the log only */
    SKEP_SERVE_INSECURE = 1u << 2      /**< plain HTTP to other machines all the same */
};

/** One request that has ended. Text is borrowed until the function returns; it is what the client
 *  has sent and may hold any byte but NUL. No API key is in it. */
typedef struct skep_serve_access {
    uint32_t size;
    int32_t status;      /**< of the answer; 0: there was none */
    int64_t at_us;       /**< when it came, UTC */
    int64_t took_us;     /**< until its answer was sent, or it was cut */
    uint64_t bytes_in;   /**< of its body */
    uint64_t bytes_out;  /**< of the answer's body */
    const char *address; /**< who asked: "192.0.2.1" */
    const char *key;     /**< the name of its API key; "" if it had none */
    const char *method;  /**< "GET" */
    const char *path;    /**< as it was sent, without what follows `?` */
    const char *why;     /**< the code and text of what failed in the store; "" */
    uint32_t cut;        /**< 1: the connection ended before the answer was sent */
    uint32_t reserved;
} skep_serve_access;

/** Called in the connection's thread after each request; must not call skep. */
typedef void skep_serve_access_fn(const skep_serve_access *access, void *ctx);

/** Zero means the default for each field. All text is copied. */
typedef struct skep_serve_opts {
    uint32_t size;            /**< sizeof(skep_serve_opts); SKEP_SERVE_OPTS_INIT sets it */
    uint32_t flags;           /**< SKEP_SERVE_… */
    const char *listen;       /**< "ADDR:PORT" or "[ADDR]:PORT", numeric, or localhost; port 0: any
                                   that is free; "127.0.0.1:7420" */
    const char *api_key_file; /**< who may do what (docs/format/api-keys.md); none: everybody may
                                   everything, which is for loopback addresses only */
    const char
        *tls_cert_file;       /**< PEM, with the certificates between it and its root; none: HTTP */
    const char *tls_key_file; /**< PEM, which not everybody may read */

    uint64_t object_bytes;            /**< of an object that is put; SKEP_STORE_BYTES_MAX */
    uint32_t header_bytes;            /**< of the head of a request; 16384 */
    uint32_t connections;             /**< at a time; 256 */
    uint32_t connections_per_address; /**< at a time; 64. Not behind a proxy */
    uint32_t requests_per_second;     /**< of one key, or of all without keys; no limit */
    uint32_t min_bytes_per_second;    /**< a client that moves less is cut; 1024 */
    int64_t idle_ms;                  /**< over so long a time; and a connection on which no request
                                           comes is ended after it; 30000 */

    skep_serve_access_fn *access; /**< may be NULL */
    void *ctx;
} skep_serve_opts;

/* clang-format off */
#ifdef __cplusplus
#define SKEP_SERVE_OPTS_INIT skep__opts_init<skep_serve_opts>()
#else
#define SKEP_SERVE_OPTS_INIT {.size = (uint32_t)sizeof(skep_serve_opts)}
#endif
/* clang-format on */

/** Begin to serve `store`, which is borrowed until the close. Requests are answered when this
 *  returns. SKEP_EDENIED: an address of other machines without API keys, or without TLS (see
 *  SKEP_SERVE_…); a file of secrets that others may read. SKEP_EBUSY: the address is taken. */
SKEP_API int skep_serve_open(skep_store *store, const skep_serve_opts *opts, skep_serve **out)
    SKEP_CHECK;

/** "http://127.0.0.1:7420": where it listens. Borrowed until the close. */
SKEP_API const char *skep_serve_url(const skep_serve *serve);
SKEP_API uint32_t skep_serve_port(const skep_serve *serve);

/** Read the file of API keys again. What is running goes on; when this fails, the keys of before
 *  stay in force. */
SKEP_API int skep_serve_reload(skep_serve *serve) SKEP_CHECK;

/** Take no further connections and end those on which no request is running. Returns at once. */
SKEP_API void skep_serve_drain(skep_serve *serve);
/** Connections that are open. */
SKEP_API uint32_t skep_serve_connections(const skep_serve *serve);

/** Drain, wait up to `timeout_ms` for what is running, cut what is left, and free it all; also when
 *  it fails: SKEP_ETIMEOUT, something was cut. Accepts NULL. */
SKEP_API int skep_serve_close(skep_serve *serve, int64_t timeout_ms);

/** Make an API key called `name` (1 to SKEP_SERVE_NAME_MAX of A-Z a-z 0-9 . _ -), that may do what
 *  `flags` (0, or SKEP_SERVE_READONLY) says below `prefix` (NULL: everywhere), and append it to
 *  `file`, which is made (0600) if it is not there. `key` gets what its owner has to send: it is
 *  kept nowhere else. SKEP_EEXISTS: the name is taken. */
SKEP_API int skep_serve_make_key(const char *file, const char *name, const char *prefix,
                                 uint32_t flags, char key[49]) SKEP_CHECK;
#define SKEP_SERVE_NAME_MAX 64

#ifdef __cplusplus
}
#endif
#endif
