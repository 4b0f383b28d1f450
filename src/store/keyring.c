/* SPDX-License-Identifier: MIT */
/* The key ring of a store for people: who opens it, who shall. */
#include <string.h>

#include "base/mem.h"
#include "store/front_private.h"
#include "store/ring.h"

struct skep_keyring {
    skep__ring ring;
};

_Static_assert((int)SKEP_WRAP_RAW == SKEP__WRAP_RAW, "one number for each");
_Static_assert((int)SKEP_WRAP_PASSPHRASE == SKEP__WRAP_PASSPHRASE, "one number for each");
_Static_assert((int)SKEP_WRAP_RECIPIENT == SKEP__WRAP_RECIPIENT, "one number for each");
_Static_assert((int)SKEP_WRAP_DATA == SKEP__USE_DATA, "one number for each");
_Static_assert((int)SKEP_WRAP_IDENTITY == SKEP__USE_IDENTITY, "one number for each");
_Static_assert(SKEP_WRAP_ID_BYTES == SKEP__KEY_ID_BYTES, "the same ids");

/* ---- reading ---- */

static void keyring_freep(skep_keyring **ring)
{
    skep__free(*ring);
}

int skep_keyring_read(skep_store *store, const skep_io_opts *io, skep_keyring **out)
{
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(out != NULL);
    skep_io call;
    SKEP__TRY(skep__front_io(io, &call, NULL));
    SKEP__CLEANUP(keyring_freep) skep_keyring *ring = skep__calloc(1, sizeof(*ring));
    if (ring == NULL)
        return skep__oom();
    skep__store_allow_own(store);
    SKEP__TRY(skep__ring_read(store, &call, &ring->ring));
    *out = SKEP__TAKE(ring);
    return SKEP_OK;
}

void skep_keyring_free(skep_keyring *ring)
{
    skep__free(ring);
}

size_t skep_keyring_count(const skep_keyring *ring)
{
    return ring->ring.keys.count;
}

static int check_index(const skep_keyring *ring, size_t index)
{
    if (index < ring->ring.keys.count)
        return SKEP_OK;
    return SKEP__FAIL(SKEP_ENOTFOUND, "the key ring has %zu wrapped keys, there is no number %zu",
                      ring->ring.keys.count, index);
}

/* What tells who can open it from others. */
static void name_owner(const skep__wrap *wrap, char out[SKEP_RECIPIENT_TEXT_MAX + 1])
{
    _Static_assert(SKEP__HASH_TEXT <= SKEP_RECIPIENT_TEXT_MAX + 1, "room for both");
    skep__recipient r;
    if (wrap->kind == SKEP__WRAP_RAW) {
        skep__hash_text(wrap->who, out);
    } else if (wrap->kind == SKEP__WRAP_RECIPIENT) {
        memcpy(r.bytes, wrap->who, sizeof(r.bytes));
        skep__recipient_text(&r, out);
    }
}

int skep_keyring_get(const skep_keyring *ring, size_t index, skep_wrap *out)
{
    SKEP__REQUIRE(ring != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__REQUIRE(out->size == sizeof(*out));
    SKEP__TRY(check_index(ring, index));
    const skep__wrap *wrap = &ring->ring.keys.wraps[index];
    *out = (skep_wrap){
        .size = out->size, .kind = wrap->kind, .use = wrap->use, .created_us = wrap->created_us};
    memcpy(out->id, wrap->id, sizeof(out->id));
    name_owner(wrap, out->by);
    return SKEP_OK;
}

int skep_keyring_opens(const skep_keyring *ring, size_t index, const skep_key *key)
{
    SKEP__REQUIRE(ring != NULL);
    SKEP__REQUIRE(key != NULL);
    SKEP__TRY(check_index(ring, index));
    return skep__keyring_opens(&ring->ring.keys, index, key);
}

/* ---- changing ---- */

typedef struct change {
    const skep_rewrap_opts *opts;
    const skep__recipient *recipient;
    const char *store; /* its name */
    bool rotate;
} change;

/* The first data key of a store. */
static int make(skep__keyring *ring, const change *c)
{
    SKEP__CLEANUP(skep__data_key_freep) skep__data_key *key = NULL;
    SKEP__TRY(skep__data_key_new(ring->lineage, &key));
    SKEP__TRY(c->opts->to != NULL ? skep__keyring_wrap(ring, key, c->opts->to)
                                  : skep__keyring_wrap_for(ring, key, c->recipient));
    return 1;
}

static int apply(skep__keyring *ring, bool there, void *ctx)
{
    const change *c = ctx;
    const skep_key *key = c->opts->key;
    if (!there && key == NULL)
        return make(ring, c);
    if (!there)
        return SKEP__FAIL(SKEP_ENOTFOUND,
                          "%.200s holds no key ring (%s): nothing was sealed there with a key",
                          c->store, SKEP__RING_KEY);
    if (key == NULL)
        return SKEP__FAIL(SKEP_EAUTH,
                          "%.200s has a key ring (%s): give a key that opens it, to let another "
                          "one open it too",
                          c->store, SKEP__RING_KEY);
    return c->rotate ? skep__keyring_rotate(ring, key, c->opts->to, c->recipient)
                     : skep__keyring_share(ring, key, c->opts->to, c->recipient);
}

static int rewrap(skep_store *store, const skep_rewrap_opts *opts, bool rotate)
{
    skep__recipient recipient;
    change c = {.opts = opts, .store = skep_store_name(store), .rotate = rotate};
    skep_io io;
    if ((opts->to == NULL) == (opts->recipient == NULL))
        return SKEP__FAIL(SKEP_EINVALID, "either a new key or a recipient is to be given");
    if (rotate && opts->key == NULL)
        return SKEP__FAIL(SKEP_EINVALID, "to rotate, the present key is to be given");
    if (opts->recipient != NULL) {
        SKEP__TRY(skep__recipient_parse(opts->recipient, &recipient));
        c.recipient = &recipient;
    }
    SKEP__TRY(skep__front_io(&opts->io, &io, NULL));
    skep__store_allow_own(store);
    return skep__ring_change(store, &io, apply, &c, NULL);
}

int skep_keyring_wrap(skep_store *store, const skep_rewrap_opts *opts)
{
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(opts != NULL);
    SKEP__REQUIRE(opts->size == sizeof(*opts));
    return rewrap(store, opts, false);
}

int skep_keyring_rotate(skep_store *store, const skep_rewrap_opts *opts)
{
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(opts != NULL);
    SKEP__REQUIRE(opts->size == sizeof(*opts));
    return rewrap(store, opts, true);
}
