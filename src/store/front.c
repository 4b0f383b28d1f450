/* SPDX-License-Identifier: MIT */
/* What every call on a store has in common. */
#include <string.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/front_private.h"

int skep_fail(int code, const char *room, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = skep__vfail(code < 0 ? code : SKEP_EINTERNAL, room, format, args);
    va_end(args);
    return rc;
}

void skep_fail_outcome(skep_outcome outcome)
{
    skep__err_outcome(outcome);
}

int skep__front_adopt(skep_store *store, const skep_store_opts *opts)
{
    skep__front *front = skep__calloc(1, sizeof(*front));
    if (front == NULL) {
        int rc = skep__oom();
        skep_err err;
        skep__err_save(&err);
        (void)store->engine->close(store);
        (void)skep__err_install(&err);
        return rc;
    }
    front->readonly = (opts->flags & SKEP_STORE_READONLY) != 0;
    front->retry_ms = opts->retry_ms;
    store->front = front;
    return SKEP_OK;
}

int skep_store_adopt(skep_store *store)
{
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(store->engine != NULL);
    SKEP__REQUIRE(store->front == NULL);
    if (store->engine->abi != SKEP_STORE_ENGINE_ABI) {
        unsigned abi = store->engine->abi;
        (void)store->engine->close(store);
        return SKEP__FAIL(SKEP_EUNSUPPORTED,
                          "an engine for version %u of the interface, which is "
                          "%u here: build it with this skep's headers",
                          abi, SKEP_STORE_ENGINE_ABI);
    }
    skep_store_opts opts = {.retry_ms = -1}; /* what it stands on tries again, or nobody does */
    return skep__front_adopt(store, &opts);
}

const skep__front *skep__front_of(const skep_store *store)
{
    ASSERT(store->front != NULL); /* skep_store_adopt() */
    return store->front;
}

void skep__store_allow_own(skep_store *store)
{
    skep__front *front = store->front;
    ASSERT(front != NULL);
    atomic_store(&front->own, true);
}

/* For engines, filters and servers outside, which have the public headers only. */
void skep_store_allow_own(skep_store *store)
{
    skep__store_allow_own(store);
}

void skep__front_hand_copies(skep_store *store)
{
    skep__front *front = store->front;
    ASSERT(front != NULL);
    atomic_store(&front->hands_copies, true);
}

int skep__front_opts(void *out, size_t size, const void *given, const char *what)
{
    uint32_t said = 0;
    if (given == NULL)
        return SKEP_OK;
    memcpy(&said, given, sizeof(said));
    if (said < sizeof(said))
        return skep__misuse(what, "size, as the _INIT macro sets it,");
    const char *bytes = given;
    for (size_t i = size; i < said; i++)
        if (bytes[i] != 0)
            return SKEP__FAIL(SKEP_EUNSUPPORTED,
                              "%s sets a field that this version of skep does not have", what);
    memcpy(out, given, said < size ? said : size);
    return SKEP_OK;
}

int skep__front_io(const skep_io_opts *opts, skep_io *io, skep__progress *progress)
{
    skep_io_opts taken = SKEP_IO_OPTS_INIT;
    if (opts != NULL && opts->size == 0) /* within other options, whose size says all */
        taken = *opts;
    else
        SKEP__TRY(skep__front_opts(&taken, sizeof(taken), opts, "skep_io_opts"));
    if (taken.timeout_ms < 0)
        return SKEP__FAIL(SKEP_EINVALID, "timeout_ms is %lld; 0 means no limit",
                          (long long)taken.timeout_ms);
    if (progress != NULL)
        *progress = (skep__progress){.fn = taken.progress, .ctx = taken.ctx};
    *io = (skep_io){
        .deadline_ns = taken.timeout_ms == 0 ? 0 : skep__deadline_ns(taken.timeout_ms),
        .cancel = taken.cancel,
    };
    return skep__io_check(io);
}

void skep__front_progress(const skep__progress *progress, uint64_t done)
{
    if (progress->fn != NULL)
        progress->fn(done, progress->total, progress->ctx);
}

skep_io_opts skep__io_opts(const skep_io *io)
{
    skep_io_opts opts = SKEP_IO_OPTS_INIT;
    opts.cancel = io->cancel;
    if (io->deadline_ns != 0) {
        uint64_t now = skep__now_ns();
        uint64_t left = io->deadline_ns > now ? io->deadline_ns - now : 0;
        left = left / SKEP__NS_PER_MS + 1; /* never 0, which is no limit */
        opts.timeout_ms = left > INT64_MAX ? INT64_MAX : (int64_t)left;
    }
    return opts;
}

int skep__io_check(const skep_io *io)
{
    if (io->cancel != NULL && skep__cancel_fired(io->cancel))
        return SKEP__FAIL(SKEP_ECANCELLED, "the call was cancelled");
    if (io->deadline_ns != 0 && skep__now_ns() >= io->deadline_ns)
        return SKEP__FAIL(SKEP_ETIMEOUT, "the time of the call is up");
    return SKEP_OK;
}

int skep__front_key(const skep_store *store, const char *key)
{
    return skep__store_key_check(key, atomic_load(&skep__front_of(store)->own));
}

int skep__front_writable(const skep_store *store)
{
    if (skep__front_of(store)->readonly)
        return SKEP__FAIL(SKEP_EREADONLY, "%s was opened for reading", skep_store_name(store));
    return SKEP_OK;
}

int skep__front_object_asked(const skep_object *out)
{
    SKEP__REQUIRE(out == NULL || out->size >= sizeof(out->size));
    return SKEP_OK;
}

void skep__front_object(const skep_object *object, skep_object *out)
{
    if (out == NULL)
        return;
    uint32_t size = out->size;
    memcpy(out, object, size < sizeof(*object) ? size : sizeof(*object));
    out->size = size;
}
