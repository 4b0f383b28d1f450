/* SPDX-License-Identifier: MIT */
#include "base/point.h"

#ifdef SKEP_TEST_BUILD

#include <stdatomic.h>
#include <stddef.h>

typedef void hook_fn(const char *name, void *ctx);

static _Atomic(hook_fn *) hook;
static _Atomic(void *) hook_ctx;

void skep__point_set(hook_fn *fn, void *ctx)
{
    atomic_store(&hook, NULL);
    atomic_store(&hook_ctx, ctx);
    atomic_store(&hook, fn);
}

void skep__point_hit(const char *name)
{
    hook_fn *fn = atomic_load(&hook);
    if (fn != NULL)
        fn(name, atomic_load(&hook_ctx));
}

#else

/* C forbids an empty file. */
typedef int skep__no_points;

#endif
