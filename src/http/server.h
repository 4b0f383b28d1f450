/* SPDX-License-Identifier: MIT */
#ifndef SKEP__HTTP_SERVER_H
#define SKEP__HTTP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include <skep/serve.h>

#include "http/keys.h"
#include "http/parse.h"

/* What the files of the server share. libmicrohttpd runs a thread for each connection, in which all
 * of a request happens; a watcher of our own ends connections whose clients are too slow. */

/* What its client has to do at the moment. */
typedef enum http_phase {
    HTTP_WAITING = 0, /* send a request: all of its head within idle_ms */
    HTTP_MOVING = 1   /* send a body or take the answer: so many bytes in idle_ms */
} http_phase;

typedef struct http_conn {
    struct http_conn *next, *prev; /* the server's lock */
    int fd;                        /* libmicrohttpd's; open as long as this is in the list */
    struct sockaddr_storage address;
    char text[64];
    int refused; /* the status that its requests get: it is one too many. 0: none */

    /* Written by its own thread, read by the watcher. */
    atomic_int phase;
    atomic_uint requests;
    atomic_uint_least64_t ours_ns;    /* time that was spent in the store, not with the client */
    atomic_uint_least64_t ours_since; /* it is there since; 0: it is not */

    /* The watcher's: what it saw when its present look began. */
    uint64_t since_ns, seen_moved, seen_ours_ns;
    int seen_phase;
    unsigned seen_requests;
    bool cut;
} http_conn;

enum { HTTP_METHODS = 6 };
typedef enum http_method {
    HTTP_OTHER = 0,
    HTTP_GET,
    HTTP_HEAD,
    HTTP_PUT,
    HTTP_POST,
    HTTP_DEL
} http_method;

#define HTTP_BUCKETS 12 /* of the histogram of times */

typedef struct http_figures {
    atomic_uint_least64_t requests[HTTP_METHODS][6]; /* by method and the first digit of status */
    atomic_uint_least64_t bytes_in, bytes_out, cut, slow, refused, limited;
    atomic_uint_least64_t took[HTTP_BUCKETS + 1], took_us;
    atomic_uint_least64_t accepted;
} http_figures;

struct skep_serve {
    skep_store *store; /* borrowed */
    skep_serve_opts opts;
    char url[96];
    uint16_t port;
    char *key_file;
    char *pem[2]; /* certificate and key: libmicrohttpd does not copy them */
    struct MHD_Daemon *daemon;
    int listener;        /* -1 once no further connections are taken */
    skep_cancel *cancel; /* fired when what still runs is cut */
    atomic_bool draining;
    http_figures figures;
    atomic_uint in_flight;

    pthread_mutex_t lock;   /* of all below; nothing is done under it but look and shutdown() */
    pthread_cond_t changed; /* a connection has ended */
    pthread_cond_t wake;    /* the watcher is to look */
    http_conn *conns;
    atomic_uint conn_count; /* changed under the lock */
    http_keys *keys;        /* NULL: everybody may everything */
    http_key everybody;     /* its rate */
    uint64_t ready_ns;      /* when the store was asked last */
    int ready;              /* what it said */
    bool ending;
    bool watching;
    pthread_t watcher;
};

/* One request. Begun by its first line, ended by libmicrohttpd's notice. */
typedef struct http_request {
    struct skep_serve *serve;
    http_conn *conn;
    struct MHD_Connection *mhd;
    char *raw; /* path and query as they came */
    http_target target;
    http_method method;
    char method_text[16];
    int64_t at_us;
    uint64_t began_ns;

    http_keys *keys; /* a reference */
    http_key *who;   /* NULL: everybody, or nobody yet */

    bool begun;
    bool chunked, has_length;
    uint64_t length;
    uint64_t bytes_in, bytes_out;
    uint64_t may_drain; /* so much of a body is read only to answer behind it */

    /* A failure that is answered once the body is read. */
    int status;
    skep_err err;

    skep_put *put;
    uint64_t put_bytes;
    void *hashing; /* of the body, where Skep-Hash says what it is to be */
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    bool conditional;
    char if_etag[SKEP_STORE_ETAG_MAX + 1]; /* borrowed by the put */

    char *body; /* of POST */
    size_t body_len, body_room;

    int answered;
    char why[SKEP_ERR_TEXT_MAX + 32];
} http_request;

uint64_t http_now_ns(void);
skep_io_opts http_io(const http_request *r);
/* Around every call of the store: its time is not the client's. */
void http_ours(http_request *r, bool begin);

/* ---- requests (request.c), as libmicrohttpd calls them ---- */

void *http_request_new(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_request_step(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **request);
void http_request_done(void *cls, struct MHD_Connection *mhd, void **request,
                       enum MHD_RequestTerminationCode code);
const char *http_header(const http_request *r, const char *name);

/* ---- who may (allow.c): each returns the status of a refusal with its detail set, or 0 ---- */

int http_allow(http_request *r);
bool http_changes(const http_request *r);

/* ---- answers (answer.c) ---- */

/* The status of what a call of the store has failed with. */
int http_status_of(const http_request *r, int code);
/* Answer with the failure that `err` tells of. */
enum MHD_Result http_answer_failure(http_request *r, int status, const skep_err *err);
/* The same with one more header. */
enum MHD_Result http_answer_failure_with(http_request *r, int status, const skep_err *err,
                                         const char *name, const char *value);
/* The same of this thread's last failure in the store. */
enum MHD_Result http_answer_failed(http_request *r);
/* Answer with text that malloc made, which is taken; NULL is 500. */
enum MHD_Result http_answer_text(http_request *r, int status, const char *type, char *text);
enum MHD_Result http_answer_json(http_request *r, int status, void *json); /* json_t, taken */
/* `response` is taken; NULL ends the connection. */
enum MHD_Result http_answer(http_request *r, int status, struct MHD_Response *response);
void http_add(struct MHD_Response *response, const char *name, const char *value);

/* ---- what the routes do ---- */

/* Before the body: 0, or the status of a refusal. */
int http_put_begin(http_request *r);
int http_put_piece(http_request *r, const char *data, size_t len);
enum MHD_Result http_put_end(http_request *r);
void http_put_drop(http_request *r); /* it is not to be */

enum MHD_Result http_get(http_request *r);
enum MHD_Result http_head(http_request *r);
enum MHD_Result http_delete(http_request *r);
enum MHD_Result http_list(http_request *r);
enum MHD_Result http_delete_many(http_request *r);
enum MHD_Result http_copy_object(http_request *r);
enum MHD_Result http_caps(http_request *r);
enum MHD_Result http_metrics(http_request *r);
enum MHD_Result http_live(http_request *r);
enum MHD_Result http_ready(http_request *r);

void *http_object_json(const skep_object *object); /* json_t; NULL: no memory */
enum MHD_Result http_answer_object(http_request *r, const skep_object *object);

/* One row for each route: the document of the API is compared with it. */
typedef struct http_route {
    http_place place; /* HTTP_NOWHERE ends the table */
    const char *path;
    http_method method;
    bool open;  /* needs no key */
    bool write; /* changes something */
    bool json;  /* takes a JSON body */
    enum MHD_Result (*run)(http_request *r);
} http_route;
extern const http_route http_routes[];
const char *http_method_name(http_method method);

/* ---- connections (conn.c) ---- */

void http_conn_notify(void *cls, struct MHD_Connection *mhd, void **context,
                      enum MHD_ConnectionNotificationCode code);
void *http_watch(void *serve);
void http_phase_set(http_conn *conn, http_phase phase);
/* End all, or only those that wait for a request; the server's lock is held. */
void http_conns_end_locked(struct skep_serve *serve, bool all);

/* ---- others ---- */

/* Bind and listen; `url` and `port` are filled in, `*local` says whether only this machine gets
 * there. */
int http_listen(const char *address, skep_serve *serve, bool *local) SKEP_CHECK;
void http_count(skep_serve *serve, const http_request *r, uint64_t took_us);

#endif
