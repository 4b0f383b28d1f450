/* SPDX-License-Identifier: MIT */
/*
 * Objects lie in one array, sorted by key, under one mutex. An object never changes: a put makes a
 * new one, and whoever reads holds a reference to the one that he began with. So a get is whole
 * while its key is replaced, and its pages of a list are looked up anew behind the last key.
 */
#include "store/memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <skep/sys/store_engine.h>

#define ROOM "memory"

typedef struct object {
    size_t refs;
    skep_object info; /* with its key */
    size_t len;
    char data[];
} object;

typedef struct memory {
    skep_store base;
    uint32_t caps;
    pthread_mutex_t mutex;
    object **objects;
    size_t count;
    size_t room;
    uint64_t puts; /* ETags count them */
} memory;

typedef struct memory_put {
    skep_put base;
    memory *store;
    skep_put_how how;
    object *object; /* grows */
    size_t room;
} memory_put;

typedef struct memory_get {
    skep_get base;
    memory *store;
    object *object;
    size_t at;
    size_t end;
    skep_io io;
} memory_get;

typedef struct memory_list {
    skep_list base;
    memory *store;
    skep_list_how how;
    char last[SKEP_STORE_KEY_MAX + 1];
} memory_list;

static int out_of_memory(void)
{
    return skep_fail(SKEP_ENOMEM, ROOM, "no memory left");
}

static int io_check(const skep_io *io)
{
    struct timespec now;
    if (skep_cancel_fired(io->cancel))
        return skep_fail(SKEP_ECANCELLED, ROOM, "the call was cancelled");
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    if (io->deadline_ns != 0 && ns >= io->deadline_ns)
        return skep_fail(SKEP_ETIMEOUT, ROOM, "the deadline of the call passed");
    return SKEP_OK;
}

/* ---- objects; all under the mutex ---- */

static void unref(object *o)
{
    if (o != NULL && --o->refs == 0)
        free(o);
}

/* Where the key is, or would be. */
static size_t lower_bound(const memory *m, const char *key)
{
    size_t low = 0;
    for (size_t high = m->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(m->objects[middle]->info.key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static object *find(const memory *m, const char *key)
{
    size_t at = lower_bound(m, key);
    return at < m->count && strcmp(m->objects[at]->info.key, key) == 0 ? m->objects[at] : NULL;
}

static int not_found(const char *key)
{
    return skep_fail(SKEP_ENOTFOUND, ROOM, "there is no %s", key);
}

static int check_condition(const object *old, const char *key, const skep_put_how *how)
{
    if (how->create && old != NULL)
        return skep_fail(SKEP_EEXISTS, ROOM, "%s is there already", key);
    if (how->if_etag != NULL && (old == NULL || strcmp(old->info.etag, how->if_etag) != 0))
        return skep_fail(SKEP_ECONFLICT, ROOM, "%s is not the one with ETag %s", key, how->if_etag);
    return SKEP_OK;
}

static int make_room(memory *m)
{
    if (m->count < m->room)
        return SKEP_OK;
    size_t room = m->room == 0 ? 64 : m->room * 2;
    object **objects = realloc(m->objects, room * sizeof(object *));
    if (objects == NULL)
        return out_of_memory();
    m->objects = objects;
    m->room = room;
    return SKEP_OK;
}

/* The object is in, or it is still the caller's. */
static int insert(memory *m, object *o, const skep_put_how *how)
{
    size_t at = lower_bound(m, o->info.key);
    bool there = at < m->count && strcmp(m->objects[at]->info.key, o->info.key) == 0;
    int rc = check_condition(there ? m->objects[at] : NULL, o->info.key, how);
    if (rc == SKEP_OK && !there)
        rc = make_room(m);
    if (rc < 0)
        return rc;
    if (there) {
        unref(m->objects[at]);
    } else {
        memmove(&m->objects[at + 1], &m->objects[at], (m->count - at) * sizeof(object *));
        m->count++;
    }
    m->objects[at] = o;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    o->info.modified_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    (void)snprintf(o->info.etag, sizeof(o->info.etag), "%llu", (unsigned long long)++m->puts);
    return SKEP_OK;
}

/* An empty one of that key with room for so many bytes. */
static object *make_object(const char *key, size_t room)
{
    object *o = calloc(1, sizeof(*o) + room);
    if (o != NULL) {
        o->refs = 1;
        o->info.size = (uint32_t)sizeof(o->info);
        (void)snprintf(o->info.key, sizeof(o->info.key), "%s", key);
    }
    return o;
}

/* ---- the store ---- */

static int memory_close(skep_store *store)
{
    memory *m = (memory *)store;
    for (size_t i = 0; i < m->count; i++)
        unref(m->objects[i]);
    free(m->objects);
    (void)pthread_mutex_destroy(&m->mutex);
    free(m);
    return SKEP_OK;
}

static const char *memory_describe(const skep_store *store)
{
    (void)store;
    return "memory:";
}

static int memory_caps(skep_store *store, const skep_io *io, uint32_t *caps, uint32_t *probe)
{
    (void)io;
    *caps = ((const memory *)store)->caps;
    *probe = 0;
    return SKEP_OK;
}

static int memory_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
{
    memory *m = (memory *)store;
    int rc = io_check(io);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&m->mutex);
    const object *o = find(m, key);
    if (o != NULL)
        *out = o->info;
    (void)pthread_mutex_unlock(&m->mutex);
    return o != NULL ? SKEP_OK : not_found(key);
}

static int memory_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                         int *results)
{
    memory *m = (memory *)store;
    int rc = io_check(io);
    for (size_t i = 0; i < n; i++)
        results[i] = rc;
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&m->mutex);
    for (size_t i = 0; i < n; i++) {
        size_t at = lower_bound(m, keys[i]);
        if (at == m->count || strcmp(m->objects[at]->info.key, keys[i]) != 0)
            continue;
        unref(m->objects[at]);
        m->count--;
        memmove(&m->objects[at], &m->objects[at + 1], (m->count - at) * sizeof(object *));
    }
    (void)pthread_mutex_unlock(&m->mutex);
    return SKEP_OK;
}

static int memory_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                       skep_object *out)
{
    memory *m = (memory *)store;
    int rc = io_check(&how->io);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&m->mutex);
    const object *source = find(m, from);
    object *o = NULL;
    if (source == NULL) {
        rc = not_found(from);
    } else if ((o = make_object(to, source->len)) == NULL) {
        rc = out_of_memory();
    } else {
        memcpy(o->data, source->data, source->len);
        memcpy(o->info.hash, source->info.hash, sizeof(o->info.hash));
        o->info.flags = source->info.flags;
        o->info.bytes = o->len = source->len;
        rc = insert(m, o, how);
        if (rc == SKEP_OK)
            *out = o->info;
        else
            unref(o);
    }
    (void)pthread_mutex_unlock(&m->mutex);
    return rc;
}

/* ---- put ---- */

static int memory_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                            skep_put **out)
{
    memory_put *put = calloc(1, sizeof(*put));
    object *o = make_object(key, 0);
    if (put == NULL || o == NULL) {
        free(put);
        free(o);
        return out_of_memory();
    }
    put->base.engine = store->engine;
    put->store = (memory *)store;
    put->how = *how;
    put->object = o;
    *out = &put->base;
    return SKEP_OK;
}

static int memory_put_write(skep_put *base, const void *data, size_t len)
{
    memory_put *put = (memory_put *)base;
    object *o = put->object;
    int rc = io_check(&put->how.io);
    if (rc < 0)
        return rc;
    if (len > put->room - o->len) {
        size_t room = (o->len + len) * 2;
        o = realloc(o, sizeof(*o) + room);
        if (o == NULL)
            return out_of_memory();
        put->object = o;
        put->room = room;
    }
    memcpy(o->data + o->len, data, len);
    o->len += len;
    return SKEP_OK;
}

static void memory_put_abort(skep_put *base)
{
    memory_put *put = (memory_put *)base;
    free(put->object);
    free(put);
}

static int memory_put_commit(skep_put *base, const uint8_t *hash, skep_object *out)
{
    memory_put *put = (memory_put *)base;
    memory *m = put->store;
    object *o = put->object;
    int rc = io_check(&put->how.io);
    if (rc == SKEP_OK) {
        o->info.bytes = o->len;
        if (m->caps & SKEP_STORE_KEEPS_HASH) {
            o->info.flags |= SKEP_OBJECT_HASHED;
            memcpy(o->info.hash, hash, sizeof(o->info.hash));
        }
        (void)pthread_mutex_lock(&m->mutex);
        rc = insert(m, o, &put->how);
        if (rc == SKEP_OK) {
            *out = o->info;
            put->object = NULL;
        }
        (void)pthread_mutex_unlock(&m->mutex);
    }
    memory_put_abort(base);
    return rc;
}

/* ---- get ---- */

static int get_range(memory_get *get, const char *key, const skep_get_how *how)
{
    const object *o = get->object;
    if (how->if_etag != NULL && strcmp(how->if_etag, o->info.etag) != 0)
        return skep_fail(SKEP_ECONFLICT, ROOM, "%s is not the one with ETag %s", key, how->if_etag);
    if (how->offset > o->len)
        return skep_fail(SKEP_EINVALID, ROOM, "offset %llu is beyond the %zu bytes of %s",
                         (unsigned long long)how->offset, o->len, key);
    get->at = (size_t)how->offset;
    get->end =
        how->bytes == 0 || how->bytes > o->len - get->at ? o->len : get->at + (size_t)how->bytes;
    return SKEP_OK;
}

static void memory_get_close(skep_get *base)
{
    memory_get *get = (memory_get *)base;
    (void)pthread_mutex_lock(&get->store->mutex);
    unref(get->object);
    (void)pthread_mutex_unlock(&get->store->mutex);
    free(get);
}

static int memory_get_open(skep_store *store, const char *key, const skep_get_how *how,
                           skep_get **out, skep_object *info)
{
    memory *m = (memory *)store;
    int rc = io_check(&how->io);
    if (rc < 0)
        return rc;
    memory_get *get = calloc(1, sizeof(*get));
    if (get == NULL)
        return out_of_memory();
    get->base.engine = store->engine;
    get->store = m;
    get->io = how->io;
    (void)pthread_mutex_lock(&m->mutex);
    get->object = find(m, key);
    if (get->object != NULL)
        get->object->refs++;
    (void)pthread_mutex_unlock(&m->mutex);
    rc = get->object == NULL ? not_found(key) : get_range(get, key, how);
    if (rc < 0 || get->object == NULL) {
        memory_get_close(&get->base);
        return rc;
    }
    *info = get->object->info;
    *out = &get->base;
    return SKEP_OK;
}

static int memory_get_read(skep_get *base, void *data, size_t len, size_t *got)
{
    memory_get *get = (memory_get *)base;
    int rc = io_check(&get->io);
    if (rc < 0)
        return rc;
    size_t n = len < get->end - get->at ? len : get->end - get->at;
    memcpy(data, get->object->data + get->at, n);
    get->at += n;
    *got = n;
    return SKEP_OK;
}

/* ---- list ---- */

static int memory_list_open(skep_store *store, const skep_list_how *how, skep_list **out)
{
    memory_list *list = calloc(1, sizeof(*list));
    if (list == NULL)
        return out_of_memory();
    list->base.engine = store->engine;
    list->store = (memory *)store;
    list->how = *how;
    (void)snprintf(list->last, sizeof(list->last), "%s", how->after);
    *out = &list->base;
    return SKEP_OK;
}

static int memory_list_next(skep_list *base, skep_object *out)
{
    memory_list *list = (memory_list *)base;
    memory *m = list->store;
    const char *prefix = list->how.prefix;
    int rc = io_check(&list->how.io);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&m->mutex);
    size_t at = lower_bound(m, strcmp(list->last, prefix) < 0 ? prefix : list->last);
    if (at < m->count && strcmp(m->objects[at]->info.key, list->last) == 0)
        at++;
    if (at < m->count && strncmp(m->objects[at]->info.key, prefix, strlen(prefix)) == 0) {
        *out = m->objects[at]->info;
        memcpy(list->last, out->key, sizeof(list->last));
        rc = 1;
    }
    (void)pthread_mutex_unlock(&m->mutex);
    return rc;
}

static void memory_list_close(skep_list *base)
{
    free((memory_list *)base);
}

static const skep_store_engine memory_engine = {
    .abi = SKEP_STORE_ENGINE_ABI,
    .name = "memory",
    .close = memory_close,
    .describe = memory_describe,
    .caps = memory_caps,
    .head = memory_head,
    .remove = memory_remove,
    .copy = memory_copy,
    .put_begin = memory_put_begin,
    .put_write = memory_put_write,
    .put_commit = memory_put_commit,
    .put_abort = memory_put_abort,
    .get_open = memory_get_open,
    .get_read = memory_get_read,
    .get_close = memory_get_close,
    .list_open = memory_list_open,
    .list_next = memory_list_next,
    .list_close = memory_list_close,
};

int memory_store_open(uint32_t caps, skep_store **out)
{
    memory *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return out_of_memory();
    m->base.engine = &memory_engine;
    m->caps = caps;
    (void)pthread_mutex_init(&m->mutex, NULL);
    int rc = skep_store_adopt(&m->base);
    if (rc == SKEP_OK)
        *out = &m->base;
    return rc;
}
