/* SPDX-License-Identifier: MIT */
#ifndef SKEP__OS_HOME_H
#define SKEP__OS_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The process in which something was made. A child of it by fork() has a copy of the memory, but
 * neither the threads nor the file locks: whatever needs them must not go on there.
 *
 * Threads: init and dispose one at a time, asking is shared. Zeroed means never made. */
typedef struct skep__home {
    const unsigned char *mark; /* a page of its own, which the kernel empties in a child */
    size_t bytes;
    pid_t process; /* asked instead, where the kernel cannot do that */
} skep__home;

int skep__home_init(skep__home *home);
void skep__home_dispose(skep__home *home);

bool skep__home_ask(const skep__home *home);
/* Is this still that process? One load. */
static inline bool skep__home_here(const skep__home *home)
{
    return home->mark != NULL ? *home->mark != 0 : skep__home_ask(home);
}

#endif
