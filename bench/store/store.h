/* SPDX-License-Identifier: MIT */
#ifndef SKEP_BENCH_STORE_H
#define SKEP_BENCH_STORE_H

#include <stddef.h>
#include <stdint.h>

/* What the parts of the store bench share. As in the database bench, whatever goes wrong ends the
 * program with a message. */

enum { STORE_CLIENTS_MAX = 64, STORE_KEYS = 4 /* of each client, which it takes in turn */ };

typedef struct store_job {
    const char *side;
    const char *what;  /* "put" or "get" */
    const char *where; /* a URI, or a directory for "plain" */
    size_t bytes;
    uint64_t most; /* calls of each client; it stops there, or when time is up */
    double seconds;
    int clients;
} store_job;

/* A way to move objects. `self` belongs to one client; what all share is made by `begin`. */
typedef struct store_side {
    const char *name;
    void *(*begin)(const store_job *job);
    void *(*open)(void *shared);
    void (*put)(void *self, const char *key, const void *data, size_t bytes);
    void (*get)(void *self, const char *key, void *data, size_t bytes); /* exactly so many */
    void (*close)(void *self);
    void (*end)(void *shared);
} store_side;

extern const store_side store_skep;  /* skep.c: skep_store_put(), and a stream that reads */
extern const store_side store_curl;  /* curl.c: an easy handle for each client, and our signature */
extern const store_side store_plain; /* plain.c: write, fsync, rename, fsync the directory */

/* curl.c: the bucket of an s3 URI; one that is there is no failure. */
void store_make_bucket(const store_job *job);

/* seal.c: seal `job->bytes` again and again; side "chunks", "store" or "cipher". Returns bytes per
 * second. */
double store_seal(const store_job *job);

#endif
