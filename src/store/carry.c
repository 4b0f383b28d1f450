/* SPDX-License-Identifier: MIT */
#include "store/carry.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/front_private.h"

static void get_closep(skep_get **get)
{
    skep_get_close(*get);
}

static void put_abortp(skep_put **put)
{
    skep_put_abort(*put);
}

static int open_get(skep_store *store, const char *key, const skep_io *io, skep_get **get,
                    skep_object *info)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    opts.io = skep__io_opts(io);
    *info = (skep_object)SKEP_OBJECT_INIT;
    return skep_get_open(store, key, &opts, get, info);
}

/* Fill `data`; less only at the end, which is verified when this tells of it. */
static int read_up_to(skep_get *get, char *data, size_t size, size_t *len)
{
    *len = 0;
    while (*len < size) {
        size_t got = 0;
        SKEP__TRY(skep_get_read(get, data + *len, size - *len, &got));
        if (got == 0)
            return SKEP_OK;
        *len += got;
    }
    return SKEP_OK;
}

typedef struct hop {
    const skep__carry *carry;
    skep_get *get;
    char *block;
    skep_object info;
    skep_put_opts opts;
    bool reading;
} hop;

static void tell(const hop *h, uint64_t bytes)
{
    if (h->carry->moved != NULL && bytes > 0)
        h->carry->moved(h->carry->ctx, bytes);
}

/* All that fits in one block goes in one call, which a store may repeat by itself. */
static int carry_small(hop *h, size_t len, skep_object *written)
{
    const skep__carry *c = h->carry;
    h->reading = false;
    SKEP__TRY(skep_store_put(c->to, c->to_key, skep_slice_of(h->block, len), &h->opts, written));
    tell(h, len);
    return SKEP_OK;
}

static int carry_large(hop *h, size_t len, skep_object *written)
{
    SKEP__CLEANUP(put_abortp) skep_put *put = NULL;
    const skep__carry *c = h->carry;
    h->reading = false;
    h->opts.bytes = h->info.bytes;
    const bool plain =
        (h->info.flags & (SKEP_OBJECT_HASHED | SKEP_OBJECT_SEALED)) == SKEP_OBJECT_HASHED;
    SKEP__TRY(skep__front_put(c->to, c->to_key, &h->opts, plain ? h->info.hash : NULL, &put));
    while (len > 0) {
        h->reading = false;
        SKEP__TRY(skep_put_write(put, h->block, len));
        tell(h, len);
        h->reading = true;
        SKEP__TRY(read_up_to(h->get, h->block, SKEP__CARRY_BLOCK, &len));
    }
    h->reading = false;
    return skep_put_commit(SKEP__TAKE(put), written);
}

static int carry_once(hop *h, skep_object *written)
{
    SKEP__CLEANUP(get_closep) skep_get *get = NULL;
    const skep__carry *c = h->carry;
    size_t len = 0;
    h->reading = true;
    SKEP__TRY(open_get(c->from, c->from_key, &c->io, &get, &h->info));
    h->get = get;
    SKEP__TRY(read_up_to(get, h->block, SKEP__CARRY_BLOCK, &len));
    return len < SKEP__CARRY_BLOCK ? carry_small(h, len, written) : carry_large(h, len, written);
}

int skep__carry_object(const skep__carry *carry, skep_object *read, skep_object *written,
                       bool *reading)
{
    SKEP__CLEANUP(skep__freep) char *block = skep__alloc(SKEP__CARRY_BLOCK);
    skep_object made = SKEP_OBJECT_INIT;
    hop h = {.carry = carry, .block = block, .opts = SKEP_PUT_OPTS_INIT};
    if (block == NULL)
        return skep__oom();
    h.opts.create = carry->create ? 1 : 0;
    h.opts.if_etag = carry->if_etag;
    h.opts.io = skep__io_opts(&carry->io);
    int rc = SKEP_ECONFLICT;
    for (int i = 0; i < SKEP__CARRY_TRIES && rc == SKEP_ECONFLICT; i++) {
        rc = carry_once(&h, &made);
        if (!h.reading)
            break;
    }
    if (reading != NULL)
        *reading = h.reading;
    if (read != NULL && h.info.size != 0)
        *read = h.info;
    if (rc < 0)
        return rc;
    if (written != NULL)
        *written = made;
    return SKEP_OK;
}

int skep__carry_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
{
    skep_io_opts opts = skep__io_opts(io);
    *out = (skep_object)SKEP_OBJECT_INIT;
    int rc = skep_store_head(store, key, &opts, out);
    return rc == SKEP_ENOTFOUND ? 0 : rc < 0 ? rc : 1;
}

int skep__carry_hash(skep_store *store, const char *key, const skep_io *io, skep_object *info)
{
    SKEP__CLEANUP(get_closep) skep_get *get = NULL;
    SKEP__CLEANUP(skep__freep) char *block = NULL;
    if ((info->flags & SKEP_OBJECT_HASHED) != 0)
        return SKEP_OK;
    block = skep__alloc(SKEP__CARRY_BLOCK);
    if (block == NULL)
        return skep__oom();
    skep_object read = SKEP_OBJECT_INIT;
    SKEP__TRY(open_get(store, key, io, &get, &read));
    if ((read.flags & SKEP_OBJECT_HASHED) == 0) {
        skep__hasher hasher;
        size_t len = 0;
        skep__hasher_begin(&hasher);
        do {
            SKEP__TRY(read_up_to(get, block, SKEP__CARRY_BLOCK, &len));
            skep__hasher_add(&hasher, block, len);
        } while (len > 0);
        skep__hasher_end(&hasher, read.hash);
        read.flags |= SKEP_OBJECT_HASHED;
    }
    *info = read;
    return SKEP_OK;
}

int skep__carry_verify(skep_store *store, const char *key, const skep_io *io)
{
    SKEP__CLEANUP(get_closep) skep_get *get = NULL;
    SKEP__CLEANUP(skep__freep) char *block = skep__alloc(SKEP__CARRY_BLOCK);
    skep_object info;
    size_t len = 0;
    if (block == NULL)
        return skep__oom();
    SKEP__TRY(open_get(store, key, io, &get, &info));
    do {
        SKEP__TRY(read_up_to(get, block, SKEP__CARRY_BLOCK, &len));
    } while (len > 0);
    return SKEP_OK;
}

int skep__carry_equal(const skep__carry *c)
{
    SKEP__CLEANUP(get_closep) skep_get *a = NULL;
    SKEP__CLEANUP(get_closep) skep_get *b = NULL;
    SKEP__CLEANUP(skep__freep) char *block = skep__alloc(SKEP__CARRY_BLOCK);
    const size_t half = SKEP__CARRY_BLOCK / 2;
    skep_object info = SKEP_OBJECT_INIT;
    if (block == NULL)
        return skep__oom();
    SKEP__TRY(open_get(c->from, c->from_key, &c->io, &a, &info));
    SKEP__TRY(open_get(c->to, c->to_key, &c->io, &b, &info));
    for (;;) {
        size_t in_a = 0;
        size_t in_b = 0;
        SKEP__TRY(read_up_to(a, block, half, &in_a));
        SKEP__TRY(read_up_to(b, block + half, half, &in_b));
        if (in_a != in_b || memcmp(block, block + half, in_a) != 0)
            return 0;
        if (c->moved != NULL && in_a > 0)
            c->moved(c->ctx, in_a);
        if (in_a == 0)
            return 1;
    }
}
