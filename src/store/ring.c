/* SPDX-License-Identifier: MIT */
#include "store/ring.h"

#include <string.h>

#include "base/mem.h"
#include "base/point.h"

skep__ring *skep__ring_new(void)
{
    return skep__calloc(1, sizeof(skep__ring));
}

void skep__ring_freep(skep__ring **ring)
{
    skep__free(*ring); /* nothing in it is secret */
}

/* ---- reading ---- */

static void closep(skep_get **get)
{
    skep_get_close(*get);
}

/* The failure that is being passed up, with where it was. */
static int name_it(skep_store *store, int rc)
{
    skep_err err = *skep_last_error();
    (void)SKEP__FAIL(rc, "%.120s/%s: %.200s", skep_store_name(store), SKEP__RING_KEY, err.text);
    skep__err_outcome((skep_outcome)err.outcome);
    return rc;
}

static int get_bytes(skep_store *store, const skep_io *io, skep__buf *out, skep_object *info)
{
    SKEP__CLEANUP(closep) skep_get *get = NULL;
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    opts.io = skep__io_opts(io);
    SKEP__TRY(skep_get_open(store, SKEP__RING_KEY, &opts, &get, info));
    for (size_t got = 1; got > 0;) {
        void *at = NULL;
        SKEP__TRY(skep__buf_reserve(out, 4096, &at));
        SKEP__TRY(skep_get_read(get, at, 4096, &got));
        skep__buf_commit(out, got);
    }
    return SKEP_OK;
}

static int read_ring(skep_store *store, const skep_io *io, skep__buf *bytes, skep__ring *out)
{
    skep_object info = SKEP_OBJECT_INIT;
    int rc = get_bytes(store, io, bytes, &info);
    if (rc == SKEP_ENOTFOUND)
        return SKEP__FAIL(rc, "%.200s holds no key ring (%s)", skep_store_name(store),
                          SKEP__RING_KEY);
    SKEP__TRY(rc);
    rc = skep__keyring_decode(skep__buf_slice(bytes), &out->keys);
    if (rc < 0)
        return name_it(store, rc);
    memcpy(out->etag, info.etag, sizeof(out->etag));
    return SKEP_OK;
}

int skep__ring_read(skep_store *store, const skep_io *io, skep__ring *out)
{
    SKEP__CLEANUP(skep__buf_dispose) skep__buf bytes = SKEP__BUF_INIT(SKEP__RING_BYTES_MAX);
    return read_ring(store, io, &bytes, out);
}

/* ---- writing ---- */

/* Is what lies there what was put? 1 or 0. */
static int is_there(skep_store *store, const skep_io *io, skep_slice want, skep__ring *ring)
{
    SKEP__CLEANUP(skep__buf_dispose) skep__buf bytes = SKEP__BUF_INIT(SKEP__RING_BYTES_MAX);
    skep_object info = SKEP_OBJECT_INIT;
    int rc = get_bytes(store, io, &bytes, &info);
    if (rc == SKEP_ENOTFOUND)
        return 0;
    SKEP__TRY(rc);
    memcpy(ring->etag, info.etag, sizeof(ring->etag));
    return bytes.len == want.len && memcmp(bytes.data, want.data, want.len) == 0;
}

/* An answer that was lost may have been a yes. `rc` is what the put said. */
static int after_put(skep_store *store, const skep_io *io, skep_slice bytes, skep__ring *ring,
                     int rc)
{
    skep_err err = *skep_last_error();
    if (rc != SKEP_OK && err.outcome != SKEP_OUTCOME_UNKNOWN)
        return rc;
    int there = is_there(store, io, bytes, ring);
    if (rc == SKEP_OK && there == 0)
        return SKEP__FAIL(SKEP_ECONFLICT, "somebody else replaced the key ring of %.200s",
                          skep_store_name(store));
    if (rc == SKEP_OK)
        return there < 0 ? there : SKEP_OK;
    return there > 0 ? SKEP_OK : skep__err_install(&err);
}

/* SKEP_ECONFLICT: somebody else came before. */
static int write_ring(skep_store *store, const skep_io *io, skep__ring *ring)
{
    uint32_t caps = 0;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object info = SKEP_OBJECT_INIT;
    SKEP__CLEANUP(skep__buf_dispose) skep__buf bytes = SKEP__BUF_INIT(SKEP__RING_BYTES_MAX);
    skep_io_opts call = skep__io_opts(io);
    SKEP__TRY(skep_store_caps(store, &call, &caps));
    SKEP__TRY(skep__keyring_encode(&ring->keys, &bytes));
    bool first = ring->etag[0] == '\0';
    bool sure = (caps & (first ? SKEP_STORE_CAN_CREATE : SKEP_STORE_CAN_SWAP)) != 0;
    opts.create = sure && first;
    opts.if_etag = sure && !first ? ring->etag : NULL;
    opts.io = skep__io_opts(io);
    SKEP__POINT("store.ring_put");
    int rc = skep_store_put(store, SKEP__RING_KEY, skep__buf_slice(&bytes), &opts, &info);
    SKEP__POINT("store.ring_was_put");
    if (rc == SKEP_EEXISTS)
        return SKEP_ECONFLICT;
    if (rc == SKEP_OK && sure) {
        memcpy(ring->etag, info.etag, sizeof(ring->etag));
        return SKEP_OK;
    }
    return after_put(store, io, skep__buf_slice(&bytes), ring, rc);
}

/* ---- changing ---- */

static int try_once(skep_store *store, const skep_io *io, skep__ring_fn *fn, void *ctx,
                    skep__ring *ring)
{
    int rc = skep__ring_read(store, io, ring);
    if (rc == SKEP_ENOTFOUND) {
        ring->etag[0] = '\0';
        rc = skep__keyring_init(&ring->keys, NULL);
    }
    SKEP__TRY(rc);
    int changed = fn(&ring->keys, ring->etag[0] != '\0', ctx);
    SKEP__TRY(changed);
    if (changed > 0)
        SKEP__TRY(write_ring(store, io, ring));
    return changed;
}

int skep__ring_change(skep_store *store, const skep_io *io, skep__ring_fn *fn, void *ctx,
                      skep__ring *out)
{
    SKEP__CLEANUP(skep__ring_freep) skep__ring *ring = skep__ring_new();
    if (ring == NULL)
        return skep__oom();
    for (int i = 0; i < SKEP__RING_TRIES_MAX; i++) {
        int rc = try_once(store, io, fn, ctx, ring);
        if (rc >= 0 && out != NULL)
            *out = *ring;
        if (rc != SKEP_ECONFLICT)
            return rc;
    }
    return SKEP__FAIL(SKEP_ECONFLICT,
                      "others changed the key ring of %.200s all the time, %d times",
                      skep_store_name(store), SKEP__RING_TRIES_MAX);
}

/* ---- copies ---- */

/* 1: the two are the same, byte by byte. */
static int is_same(const skep__keyring *a, const skep__keyring *b)
{
    SKEP__CLEANUP(skep__buf_dispose) skep__buf x = SKEP__BUF_INIT(SKEP__RING_BYTES_MAX);
    SKEP__CLEANUP(skep__buf_dispose) skep__buf y = SKEP__BUF_INIT(SKEP__RING_BYTES_MAX);
    SKEP__TRY(skep__keyring_encode(a, &x));
    SKEP__TRY(skep__keyring_encode(b, &y));
    return x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
}

static int take_over(skep__keyring *ring, bool there, void *ctx)
{
    const skep__keyring *source = ctx;
    if (there && memcmp(ring->lineage, source->lineage, sizeof(ring->lineage)) != 0)
        return SKEP__FAIL(SKEP_EEXISTS,
                          "there is a key ring (%s) already, another one: what is sealed here does "
                          "not open there. Copy it with the keys of both, or into an empty store",
                          SKEP__RING_KEY);
    int same = there ? is_same(ring, source) : 0;
    SKEP__TRY(same);
    *ring = *source;
    return same == 0;
}

int skep__ring_carry(skep_store *from, skep_store *to, const skep_io *io)
{
    SKEP__CLEANUP(skep__ring_freep) skep__ring *source = skep__ring_new();
    if (source == NULL)
        return skep__oom();
    skep__store_allow_own(from);
    int rc = skep__ring_read(from, io, source);
    if (rc == SKEP_ENOTFOUND)
        return SKEP_OK;
    SKEP__TRY(rc);
    skep__store_allow_own(to);
    rc = skep__ring_change(to, io, take_over, &source->keys, NULL);
    return rc == SKEP_EINVALID ? SKEP_OK : rc; /* a sealed store, which has its own */
}
