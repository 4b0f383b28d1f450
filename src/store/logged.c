/* SPDX-License-Identifier: MIT */
/* A filter that tells of each call by an event. */
#include <skep/filter.h>

#include "base/event.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/around.h"

static int enter(skep__around *around, const skep_io *io)
{
    (void)around;
    (void)io;
    return SKEP_OK;
}

static int move(skep__around *around, uint64_t bytes, const skep_io *io)
{
    (void)around;
    (void)bytes;
    (void)io;
    return SKEP_OK;
}

static void leave(skep__around *around, const skep__around_call *call)
{
    /* What is asked for and not there is an answer like others. */
    bool fine = call->rc >= 0 || call->rc == SKEP_ENOTFOUND;
    SKEP__EVENT(fine ? SKEP_INFO : SKEP_WARNING, "store.call",
                {"store", skep_text(skep_store_name(around->next))},
                {"call", skep_text(skep__around_names[call->kind])}, {"key", skep_text(call->key)},
                {"count", skep_uint(call->count)}, {"bytes", skep_uint(call->bytes)},
                {"us", skep_uint((skep__now_ns() - call->begun_ns) / SKEP__NS_PER_US)},
                {"code", skep_text(call->rc >= 0 ? "SKEP_OK" : skep_code_name(call->rc))});
}

static void dispose(skep__around *around)
{
    (void)around;
}

static const skep__around_hooks hooks = {
    .name = "logged", .enter = enter, .move = move, .leave = leave, .dispose = dispose};

int skep_store_logged(skep_store *next, skep_store **out)
{
    SKEP__REQUIRE(next != NULL);
    SKEP__REQUIRE(out != NULL);
    skep__around *around = skep__calloc(1, sizeof(*around));
    if (around == NULL)
        return skep__oom();
    SKEP__TRY(skep__around_adopt(around, &hooks, next));
    *out = &around->base;
    return SKEP_OK;
}
