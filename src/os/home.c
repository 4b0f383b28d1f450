/* SPDX-License-Identifier: MIT */
#include "os/home.h"

#include <sys/mman.h>
#include <unistd.h>

#include "os/calls.h"

enum {
    FOREIGN = 1u, /* a child of a process that had users */
    NUMBER_SHIFT = 2,
    NUMBER_BITS = 30,
    ID_SHIFT = 32
};

void skep__process_init(skep__process *process)
{
    const size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    process->told = &process->own;
    void *page = skep__os()->map(bytes);
    if (page == NULL)
        return;
    if (madvise(page, bytes, MADV_WIPEONFORK) == 0)
        process->told = page;
    else /* before Linux 4.14 */
        (void)skep__os()->unmap(page, bytes);
}

static uint64_t this_id(void)
{
    return (uint64_t)(uint32_t)getpid() << ID_SHIFT;
}

/* Made up in the first call of each process. Users come after that only: who reads too late that
 * there are some, and takes them for the parent's, does not get its word in. */
static uint64_t what_it_is(skep__process *process)
{
    const bool asks = process->told == &process->own;
    uint64_t seen = atomic_load(process->told);
    if (asks ? seen != 0 && seen >> ID_SHIFT == this_id() >> ID_SHIFT : seen != 0)
        return seen;
    uint32_t number = (atomic_fetch_add(&process->numbers, 1) + 1) & ((1u << NUMBER_BITS) - 1);
    uint64_t is = this_id() | (uint64_t)number << NUMBER_SHIFT | (asks ? SKEP__HOME_ASKS : 0u) |
                  (atomic_load(&process->users) != 0 ? FOREIGN : 0u);
    return atomic_compare_exchange_strong(process->told, &seen, is) ? is : seen;
}

bool skep__process_enter(skep__process *process)
{
    if ((what_it_is(process) & FOREIGN) != 0)
        return false;
    (void)atomic_fetch_add(&process->users, 1);
    return true;
}

void skep__process_leave(skep__process *process)
{
    (void)atomic_fetch_sub(&process->users, 1);
}

uint32_t skep__process_users(const skep__process *process)
{
    return atomic_load(&process->users);
}

skep__home skep__process_home(skep__process *process)
{
    return (skep__home){process->told, what_it_is(process)};
}

bool skep__home_ask(const skep__home *home)
{
    return this_id() >> ID_SHIFT == home->value >> ID_SHIFT;
}
