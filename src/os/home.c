/* SPDX-License-Identifier: MIT */
#include "os/home.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "os/calls.h"

int skep__home_init(skep__home *home)
{
    home->process = getpid();
    home->bytes = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *page = skep__os()->map(home->bytes);
    if (page == NULL)
        return SKEP__FAIL_ERRNO(errno, "a page of memory");
    if (madvise(page, home->bytes, MADV_WIPEONFORK) != 0) { /* before Linux 4.14 */
        (void)skep__os()->unmap(page, home->bytes);
        return SKEP_OK;
    }
    *page = 1;
    home->mark = page;
    return SKEP_OK;
}

void skep__home_dispose(skep__home *home)
{
    if (home->mark != NULL)
        (void)skep__os()->unmap((void *)(uintptr_t)home->mark, home->bytes);
    home->mark = NULL;
}

bool skep__home_ask(const skep__home *home)
{
    return getpid() == home->process;
}
