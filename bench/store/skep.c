/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <stdlib.h>

#include <skep/skep.h>
#include <skep/store.h>

#include "../db/bench.h"

static void must(int rc, const char *what)
{
    if (rc < 0)
        bench_die("%s: %s", what, skep_last_error()->text);
}

static void *skep_begin(const store_job *job)
{
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    skep_store *store = NULL;
    opts.endpoint = getenv("S3_ENDPOINT");
    opts.access_key_id = getenv("S3_ACCESS_KEY");
    opts.secret_access_key = getenv("S3_SECRET_KEY");
    opts.region = getenv("S3_REGION");
    opts.connections = STORE_CLIENTS_MAX;
    must(skep_store_open(job->where, &opts, &store), job->where);
    return store;
}

static void *skep_open(void *shared)
{
    return shared;
}

static void skep_put_one(void *self, const char *key, const void *data, size_t bytes)
{
    must(skep_store_put(self, key, skep_slice_of(data, bytes), NULL, NULL), "put");
}

static void skep_get_one(void *self, const char *key, void *data, size_t bytes)
{
    skep_get *get = NULL;
    size_t at = 0;
    size_t got = 1;
    must(skep_get_open(self, key, NULL, &get, NULL), "get");
    while (got > 0 && at < bytes) {
        must(skep_get_read(get, (char *)data + at, bytes - at, &got), "get");
        at += got;
    }
    char rest;
    must(skep_get_read(get, &rest, 1, &got), "get"); /* the end, where the hash is compared */
    if (at != bytes || got != 0)
        bench_die("%s has another size", key);
    skep_get_close(get);
}

static void skep_close_one(void *self)
{
    (void)self;
}

static void skep_end(void *shared)
{
    must(skep_store_close(shared), "close");
}

const store_side store_skep = {"skep",       skep_begin,     skep_open, skep_put_one,
                               skep_get_one, skep_close_one, skep_end};
