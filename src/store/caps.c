/* SPDX-License-Identifier: MIT */
/*
 * What a store can do. Servers differ in the conditions of a put that they keep, and one that
 * ignores a condition answers as if it had kept it: so a condition is tried once, with an object
 * of our own, before anything depends on it.
 */
#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "store/front_private.h"

#define PROBED (SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP)

typedef struct probe {
    skep_store *store;
    const skep_io *io;
    char key[64];
    char etag[SKEP_STORE_ETAG_MAX + 1];
} probe;

/* Put a few bytes at the probe's key, as the front would. */
static int put(probe *p, const char *text, uint32_t create, const char *if_etag)
{
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    const skep_store_engine *engine = p->store->engine;
    skep_object object = SKEP_OBJECT_INIT;
    skep_put *to = NULL;
    skep__hash128_plain(text, strlen(text), hash);
    const skep_put_how how = {
        .create = create, .if_etag = if_etag, .bytes = strlen(text), .hash = hash, .io = *p->io};
    SKEP__TRY(engine->put_begin(p->store, p->key, &how, &to));
    int rc = engine->put_write(to, text, strlen(text));
    if (rc < 0) {
        engine->put_abort(to);
        return rc;
    }
    SKEP__TRY(engine->put_commit(to, hash, &object));
    memcpy(p->etag, object.etag, sizeof(p->etag));
    return SKEP_OK;
}

/* Must fail with `code`: 1 if it does, 0 if it succeeds or the server does not know the condition;
 * any other failure tells nothing. */
static int refused(int rc, int code)
{
    if (rc == code)
        return 1;
    return rc >= 0 || rc == SKEP_EUNSUPPORTED ? 0 : rc;
}

static int try_create(probe *p)
{
    int rc = put(p, "one", 1, NULL);
    if (rc == SKEP_EUNSUPPORTED)
        return 0;
    SKEP__TRY(rc);
    return refused(put(p, "two", 1, NULL), SKEP_EEXISTS);
}

/* The wrong one has the form of the right one, so that it is not refused for its form. */
static int try_swap(probe *p)
{
    char right[sizeof(p->etag)];
    char wrong[sizeof(p->etag)];
    SKEP__TRY(put(p, "three", 0, NULL));
    memcpy(right, p->etag, sizeof(right));
    memcpy(wrong, right, sizeof(wrong));
    for (size_t i = 0; wrong[i] != '\0'; i++)
        wrong[i] = wrong[i] == '0' ? '1' : wrong[i] >= '0' && wrong[i] <= '9' ? '0' : wrong[i];
    if (strcmp(right, wrong) == 0)
        wrong[0] = wrong[0] == 'a' ? 'b' : 'a';
    int rc = refused(put(p, "four", 0, wrong), SKEP_ECONFLICT);
    if (rc <= 0)
        return rc;
    rc = put(p, "five", 0, right);
    return rc == SKEP_EUNSUPPORTED || rc == SKEP_ECONFLICT ? 0 : rc < 0 ? rc : 1;
}

static int try_all(probe *p, uint32_t asked, uint32_t *kept)
{
    *kept = 0;
    if ((asked & SKEP_STORE_CAN_CREATE) != 0) {
        int rc = try_create(p);
        SKEP__TRY(rc);
        *kept |= rc > 0 ? (uint32_t)SKEP_STORE_CAN_CREATE : 0;
    }
    if ((asked & SKEP_STORE_CAN_SWAP) != 0) {
        int rc = try_swap(p);
        SKEP__TRY(rc);
        *kept |= rc > 0 ? (uint32_t)SKEP_STORE_CAN_SWAP : 0;
    }
    return SKEP_OK;
}

/* The bits of `asked` that hold. */
static int try_them(skep_store *store, const skep_io *io, uint32_t asked, uint32_t *kept)
{
    uint64_t dice[2];
    probe p = {.store = store, .io = io};
    SKEP__TRY(skep__random(dice, sizeof(dice)));
    (void)snprintf(p.key, sizeof(p.key), ".skep/probe-%016llx%016llx", (unsigned long long)dice[0],
                   (unsigned long long)dice[1]);
    int rc = try_all(&p, asked, kept);
    skep_err err;
    skep__err_save(&err);
    const char *key = p.key;
    int result = SKEP_OK;
    int gone = store->engine->remove(store, &key, 1, io, &result);
    return rc < 0 ? skep__err_install(&err) : gone;
}

int skep__front_caps(skep_store *store, const skep_io *io, uint32_t *caps)
{
    skep__front *front = store->front;
    ASSERT(front != NULL);
    uint32_t known = atomic_load(&front->caps);
    if (known == 0) {
        uint32_t asked = 0;
        SKEP__TRY(store->engine->caps(store, io, &known, &asked));
        asked &= PROBED;
        uint32_t kept = 0;
        /* Where nothing may be changed nothing is tried, and no condition is needed. */
        if (asked != 0 && !front->readonly)
            SKEP__TRY(try_them(store, io, asked, &kept));
        known = (known & ~asked) | kept | SKEP__CAPS_KNOWN;
        atomic_store(&front->caps, known);
    }
    *caps = known & ~SKEP__CAPS_KNOWN;
    return SKEP_OK;
}

int skep_store_caps(skep_store *store, const skep_io_opts *opts, uint32_t *caps)
{
    skep_io io;
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(caps != NULL);
    SKEP__TRY(skep__front_io(opts, &io, NULL));
    return skep__front_caps(store, &io, caps);
}

int skep__front_condition(skep_store *store, const skep_put_opts *opts, uint64_t bytes,
                          const skep_io *io)
{
    uint32_t caps = 0;
    if (opts->create == 0 && opts->if_etag == NULL)
        return SKEP_OK;
    if (opts->create > 1 || (opts->create == 1 && opts->if_etag != NULL))
        return SKEP__FAIL(SKEP_EINVALID, "a put has one condition at most: create (1) or if_etag");
    if (opts->if_etag != NULL &&
        (opts->if_etag[0] == '\0' ||
         strnlen(opts->if_etag, SKEP_STORE_ETAG_MAX + 1) > SKEP_STORE_ETAG_MAX))
        return SKEP__FAIL(SKEP_EINVALID, "if_etag has to have 1 to %d bytes", SKEP_STORE_ETAG_MAX);
    if (bytes != SKEP_BYTES_UNKNOWN && bytes > SKEP_STORE_SINGLE_MAX)
        return SKEP__FAIL(SKEP_EUNSUPPORTED,
                          "a put with a condition of %llu bytes; stores keep one on %llu at most",
                          (unsigned long long)bytes, (unsigned long long)SKEP_STORE_SINGLE_MAX);
    SKEP__TRY(skep__front_caps(store, io, &caps));
    uint32_t need = opts->create != 0 ? SKEP_STORE_CAN_CREATE : SKEP_STORE_CAN_SWAP;
    if ((caps & need) == 0)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "%s does not keep the condition %s",
                          skep_store_name(store), opts->create != 0 ? "create" : "if_etag");
    return SKEP_OK;
}
