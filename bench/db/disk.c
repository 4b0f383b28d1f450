/* SPDX-License-Identifier: MIT */

/* The floor under every durable commit: fdatasync of 4 KiB on the same disk, in the same run. */

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 4000 }; /* as long as the WAL that the writing runs start with */

static void put(int fd, const void *block, uint64_t number, const char *path)
{
    if (pwrite(fd, block, BLOCK, (off_t)(number * BLOCK)) != BLOCK)
        bench_die("%s: %m", path);
}

/* "overwrite": blocks that the file has already, as a recycled WAL does; "append": new ones. */
void bench_run_sync(const bench_job *job, bench_result *out)
{
    bool append = strcmp(job->mode, "append") == 0;
    bench_hist *hist = bench_calloc(1, sizeof(*hist));
    char *block = bench_calloc(1, BLOCK);
    int fd = open(job->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        bench_die("%s: %m", job->path);
    for (uint64_t i = 0; !append && i < BLOCKS; i++)
        put(fd, block, i, job->path);
    if (fsync(fd) != 0)
        bench_die("%s: %m", job->path);
    bench_wait_for_go();
    uint64_t start = bench_now();
    uint64_t now = start;
    while (now < start + (uint64_t)(job->seconds * 1e9)) {
        memset(block, (int)(hist->count & 0xff), BLOCK);
        put(fd, block, append ? hist->count : hist->count % BLOCKS, job->path);
        uint64_t before = bench_now();
        if (fdatasync(fd) != 0)
            bench_die("%s: %m", job->path);
        now = bench_now();
        bench_hist_add(hist, now - before);
    }
    out->done = hist->count;
    out->per_s = (double)hist->count * 1e9 / (double)(now - start);
    bench_hist_result(hist, out);
    close(fd);
    unlink(job->path);
    free(block);
    free(hist);
}
