/* SPDX-License-Identifier: MIT */
#ifndef SKEP__OS_HOME_H
#define SKEP__OS_HOME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which process this is. A child by fork() has a copy of the memory, but neither the threads nor
 * the file locks: what needs them must not go on there, and what a library keeps of them for the
 * whole process is wrong there for good.
 *
 * Threads: shared, but for init. No locks: a child could inherit one that a thread holds which it
 * does not have. */

/* Of a whole process; in memory that lives as long as it does, and zeroed before init. */
typedef struct skep__process {
    /* What this process is: its id in the high half, a number, bits. In a page that the kernel
     * empties in a child; or in `own`, where it cannot do that, and then the id tells. */
    _Atomic uint64_t *told;
    _Atomic uint64_t own;
    _Atomic uint32_t numbers; /* given so far: none has that of an ancestor */
    _Atomic uint32_t users;   /* of what no child may go on with; a child has those of its parent */
} skep__process;

void skep__process_init(skep__process *process);
/* One more user; false: there were some in the parent when this process was forked, and what they
 * used is not to be touched. */
bool skep__process_enter(skep__process *process);
void skep__process_leave(skep__process *process);
uint32_t skep__process_users(const skep__process *process);

/* The process in which something was made. Zeroed: in none. */
typedef struct skep__home {
    const _Atomic uint64_t *told;
    uint64_t value;
} skep__home;

#define SKEP__HOME_ASKS 2u /* a bit of `value`: a child does not see it by `told` alone */

skep__home skep__process_home(skep__process *process);
bool skep__home_ask(const skep__home *home);
/* Is this still that process? A few loads. */
static inline bool skep__home_here(const skep__home *home)
{
    return home->told != NULL &&
           atomic_load_explicit(home->told, memory_order_relaxed) == home->value &&
           ((home->value & SKEP__HOME_ASKS) == 0 || skep__home_ask(home));
}

#endif
