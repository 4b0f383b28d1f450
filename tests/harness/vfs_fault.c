/* SPDX-License-Identifier: MIT */
#include "harness/vfs_fault.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sqlite3.h"

#include "harness/harness.h"
#include "harness/shim.h"

/* A thread that is under way may still look at the last fault while the next is armed. */
static vfs_fault faults[64];
static _Atomic unsigned fault_next;
static const vfs_fault *_Atomic present;
static _Atomic uint64_t counted;
static _Atomic uint64_t failed;

static int fault_before(shim_call *call)
{
    const vfs_fault *f = atomic_load(&present);
    if ((f->ops & VFS_OPS(call->op)) == 0 || (f->files & call->file) == 0)
        return SQLITE_OK;
    uint64_t n = atomic_fetch_add(&counted, 1) + 1;
    if (f->nth == 0 || n < f->nth || (n > f->nth && !f->persistent))
        return SQLITE_OK;
    if (f->instead != NULL) {
        f->instead(f->ctx);
        return SQLITE_OK;
    }
    atomic_fetch_add(&failed, 1);
    call->torn = f->torn;
    errno = f->code == SQLITE_FULL ? ENOSPC : EIO; /* as a system call would have left it */
    return f->code != 0 ? f->code : shim_natural_code(call->op);
}

void vfs_arm(const vfs_fault *fault)
{
    static const shim_layer layer = {.before = fault_before};
    shim_set(SHIM_FAULT, NULL);
    vfs_fault *slot = &faults[atomic_fetch_add(&fault_next, 1) % 64];
    *slot = *fault;
    atomic_store(&present, slot);
    atomic_store(&counted, 0);
    atomic_store(&failed, 0);
    shim_set(SHIM_FAULT, &layer);
}

uint64_t vfs_disarm(uint64_t *injected)
{
    shim_set(SHIM_FAULT, NULL);
    if (injected != NULL)
        *injected = atomic_load(&failed);
    return atomic_load(&counted);
}

static void source_arm(void *self, uint64_t nth, bool persistent)
{
    vfs_fault fault = *(const vfs_fault *)self;
    fault.nth = nth;
    fault.persistent = persistent;
    vfs_arm(&fault);
}

static uint64_t source_disarm(void *self, uint64_t *injected)
{
    (void)self;
    return vfs_disarm(injected);
}

sweep_result vfs_sweep(const sweep *s, const vfs_fault *fault)
{
    vfs_install();
    vfs_fault copy = *fault;
    const sweep_source source = {
        .what = "file operation",
        .arm = source_arm,
        .disarm = source_disarm,
        .self = &copy,
    };
    return sweep_over(s, &source);
}
