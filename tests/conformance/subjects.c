/* SPDX-License-Identifier: MIT */
/* The stores that are tried, and the filters over each of them. */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skep/filter.h>
#include <skep/key.h>
#include <skep/seal.h>

#include "harness/crash.h"

#include "store/faulty.h"
#include "store/memory.h"
#include "store/s3_server.h"

#define SUBJECTS_MAX 96
#define ALL_CAPS MEMORY_CAPS

/* ---- stores ---- */

static skep_store *open_memory(const subject *s, const char *dir, const char *id)
{
    skep_store *store = NULL;
    (void)dir;
    (void)id;
    assert_ok(memory_store_open(s->caps, &store));
    return store;
}

static skep_store *open_dir(const char *scheme, const char *dir)
{
    char uri[SKEP_STORE_URI_MAX];
    skep_store *store = NULL;
    int n = snprintf(uri, sizeof(uri), "%s:%s", scheme, dir);
    ck_assert_uint_lt((size_t)n, sizeof(uri));
    assert_ok(skep_store_open(uri, NULL, &store));
    return store;
}

static skep_store *open_disk(const subject *s, const char *dir, const char *id)
{
    (void)s;
    (void)id;
    return open_dir("file", dir);
}

static skep_store *open_tree(const subject *s, const char *dir, const char *id)
{
    (void)s;
    (void)id;
    return open_dir("tree", dir);
}

/* A prefix of its own in a bucket of the tests, always of the same length: keys have the rest. */
#define S3_PREFIX_BYTES 80 /* with the slash behind it */
static skep_store *open_s3(const subject *s, const char *dir, const char *id)
{
    char prefix[S3_PREFIX_BYTES];
    (void)s;
    (void)dir;
    memset(prefix, '-', sizeof(prefix));
    memcpy(prefix, id, strnlen(id, sizeof(prefix) - 1));
    prefix[sizeof(prefix) - 1] = '\0';
    return s3_store_at(prefix, NULL, "&part_bytes=5MiB");
}

/* A process that serves the directory, which ends with this one. */
#define SERVERS_MAX 512 /* a model that shrinks opens many */
static skep_store *open_remote(const subject *s, const char *dir, const char *id)
{
    static struct {
        const char *dir;
        char url[REMOTE_URL_BYTES];
        crash_child child;
    } servers[SERVERS_MAX];
    skep_store *store = NULL;
    (void)s;
    (void)id;
    size_t i = 0;
    while (i < SERVERS_MAX && servers[i].dir != NULL && strcmp(servers[i].dir, dir) != 0)
        i++;
    ck_assert_uint_lt(i, SERVERS_MAX);
    if (servers[i].dir == NULL) {
        servers[i].child = crash_start("serve", (const char *const[]){dir, NULL});
        ck_assert(crash_next_ack(&servers[i].child, servers[i].url, REMOTE_URL_BYTES));
        servers[i].dir = dir; /* a path of the harness: it lives until the test ends */
    }
    assert_ok(skep_store_open(servers[i].url, NULL, &store));
    return store;
}

/* A mirror of two directories beside `dir`. */
static skep_store *open_mirror(const char *dir, bool queued)
{
    char paths[3][1100];
    skep_store *members[2];
    skep_store *store = NULL;
    skep_mirror_opts opts = SKEP_MIRROR_OPTS_INIT;
    for (size_t i = 0; i < LENGTH(paths); i++)
        (void)snprintf(paths[i], sizeof(paths[i]), "%s.%zu", dir, i);
    for (size_t i = 0; i < LENGTH(members); i++)
        members[i] = open_dir("file", paths[i]);
    opts.mode = queued ? SKEP_MIRROR_ASYNC : SKEP_MIRROR_SYNC;
    opts.queue = queued ? paths[2] : NULL;
    assert_ok(skep_store_mirror(members, LENGTH(members), &opts, &store));
    return store;
}

static skep_store *open_sync(const subject *s, const char *dir, const char *id)
{
    (void)s;
    (void)id;
    return open_mirror(dir, false);
}

static skep_store *open_async(const subject *s, const char *dir, const char *id)
{
    (void)s;
    (void)id;
    return open_mirror(dir, true);
}

static void flush_mirror(skep_store *store)
{
    if (skep_mirror_flush(store, NULL) < 0) /* or it is a filter over one */
        ck_assert_int_eq(skep_last_error()->code, SKEP_EUNSUPPORTED);
}

/* ---- filters ---- */

static skep_store *open_filter(const subject *s, const char *dir, const char *id)
{
    return s->filter(s->over->open(s->over, dir, id));
}

static skep_store *filter_faulty(skep_store *next)
{
    skep_store *store = NULL;
    assert_ok(faulty_store_open(next, &store));
    return store;
}

static skep_store *sealed(skep_store *next, uint32_t padded)
{
    static const uint8_t secret[32] = "32 bytes that are a secret here";
    skep_seal_opts opts = SKEP_SEAL_OPTS_INIT;
    skep_store *store = NULL;
    skep_key *key = NULL;
    uint32_t caps = 0;
    assert_ok(skep_key_raw(secret, sizeof(secret), &key));
    assert_ok(skep_store_caps(next, NULL, &caps));
    if ((caps & SKEP_STORE_CAN_CREATE) == 0) { /* where two could make a ring, one makes it first */
        skep_rewrap_opts ring = SKEP_REWRAP_OPTS_INIT;
        ring.to = key;
        (void)assert_ok(skep_keyring_wrap(next, &ring));
    }
    opts.key = key;
    opts.padded = padded;
    assert_ok(skep_store_sealed(next, &opts, &store));
    skep_key_free(key);
    return store;
}

static skep_store *filter_sealed(skep_store *next)
{
    return sealed(next, 0);
}

static skep_store *filter_padded(skep_store *next)
{
    return sealed(next, 1);
}

static skep_store *filter_limited(skep_store *next)
{
    skep_limit_opts opts = SKEP_LIMIT_OPTS_INIT;
    skep_store *store = NULL;
    opts.in_flight = 8;
    opts.bytes_per_second = UINT64_C(1) << 40;
    opts.calls_per_second = 1000000;
    assert_ok(skep_store_limited(next, &opts, &store));
    return store;
}

static skep_store *filter_counted(skep_store *next)
{
    skep_store *store = NULL;
    assert_ok(skep_store_counted(next, &store));
    return store;
}

static skep_store *filter_logged(skep_store *next)
{
    skep_store *store = NULL;
    assert_ok(skep_store_logged(next, &store));
    return store;
}

/* ---- the table ---- */

typedef struct filter {
    const char *name;
    skep_store *(*open)(skep_store *next);
    uint32_t takes; /* capabilities that it takes away */
    uint32_t gives; /* and has whatever is below */
    uint32_t adds;  /* traits */
} filter;

#define SEAL_TAKES (SKEP_STORE_CAN_COPY | SKEP_STORE_LISTS_BYTES | SKEP_STORE_HASH_FIRST)

static const subject stores[] = {
    {.name = "memory", .caps = ALL_CAPS, .key_max = SKEP_STORE_KEY_MAX, .open = open_memory},
    {.name = "memory, plain",
     .caps = SKEP_STORE_LISTS_BYTES,
     .key_max = SKEP_STORE_KEY_MAX,
     .open = open_memory},
    {.name = "disk",
     .caps = ALL_CAPS & ~SKEP_STORE_CAN_COPY,
     .traits = TRAIT_KEEPS,
     .key_max = SKEP_STORE_KEY_MAX,
     .open = open_disk},
    {.name = "tree",
     .caps = SKEP_STORE_CAN_CREATE | SKEP_STORE_LISTS_BYTES,
     .traits = TRAIT_KEEPS | TRAIT_TREE,
     .key_max = SKEP_STORE_KEY_MAX,
     .open = open_tree},
    {.name = "remote",
     .caps = ALL_CAPS,
     .traits = TRAIT_SLOW | TRAIT_KEEPS,
     .key_max = SKEP_STORE_KEY_MAX,
     .open = open_remote},
    {.name = "mirror, sync",
     .caps = ALL_CAPS & ~SKEP_STORE_CAN_COPY,
     .traits = TRAIT_KEEPS | TRAIT_SLOW,
     .key_max = SKEP_STORE_KEY_MAX,
     .open = open_sync},
    {.name = "mirror, async",
     .caps = ALL_CAPS & ~SKEP_STORE_CAN_COPY,
     .traits = TRAIT_KEEPS | TRAIT_SLOW,
     .key_max = SKEP_STORE_KEY_MAX,
     .open = open_async,
     .flush = flush_mirror},
};

/* Only where S3_ENDPOINT names one. */
static const subject s3 = {.name = "s3",
                           .caps = SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP |
                                   SKEP_STORE_CAN_COPY | SKEP_STORE_KEEPS_HASH |
                                   SKEP_STORE_HASH_FIRST | SKEP_STORE_LISTS_BYTES,
                           .traits = TRAIT_SLOW | TRAIT_KEEPS,
                           .key_max = SKEP_STORE_KEY_MAX - S3_PREFIX_BYTES,
                           .open = open_s3,
                           .wipe = s3_empty};

static const filter filters[] = {
    {.name = "sealed", .open = filter_sealed, .takes = SEAL_TAKES, .gives = SKEP_STORE_KEEPS_HASH},
    {.name = "padded", .open = filter_padded, .takes = SEAL_TAKES, .gives = SKEP_STORE_KEEPS_HASH},
    {.name = "limited", .open = filter_limited},
    {.name = "counted", .open = filter_counted},
    {.name = "logged", .open = filter_logged},
    {.name = "faulty", .open = filter_faulty, .adds = TRAIT_FAULTY},
};

const subject *subjects(size_t *count)
{
    static subject all[SUBJECTS_MAX];
    static size_t n;
    if (n == 0) {
        for (size_t i = 0; i < LENGTH(stores); i++)
            all[n++] = stores[i];
        if (getenv("S3_ENDPOINT") != NULL) /* NOLINT(concurrency-mt-unsafe): one thread */
            all[n++] = s3;
        size_t bases = n;
        for (size_t f = 0; f < LENGTH(filters); f++) {
            for (size_t i = 0; i < bases; i++) {
                subject *s = &all[n++];
                *s = all[i];
                (void)snprintf(s->name, sizeof(s->name), "%.12s(%.24s)", filters[f].name,
                               all[i].name);
                s->over = &all[i];
                s->filter = filters[f].open;
                s->open = open_filter;
                s->caps = (s->caps & ~filters[f].takes) | filters[f].gives;
                s->traits |= filters[f].adds;
                if (s->traits & TRAIT_KEEPS) /* it syncs: once in full without the filters */
                    s->traits |= TRAIT_SLOW;
            }
        }
    }
    *count = n;
    return all;
}
