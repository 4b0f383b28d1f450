/* SPDX-License-Identifier: MIT */
#include "harness/harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/world.h"

#define NOBODY 65534

/* What lives until the test ends, newest first. */
typedef struct keepsake {
    struct keepsake *next;
    void *block;
} keepsake;

/* Short, because a test builds paths below it, and a socket or a WAL name must still fit. */
static char run_dir[512];
static char test_dir[640];
static keepsake *kept;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- directories ---- */

static bool keep_files(void)
{
    const char *keep = getenv("SKEP_TEST_KEEP");
    return keep != NULL && strcmp(keep, "1") == 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (type == FTW_DP)
        (void)rmdir(path);
    else
        (void)unlink(path);
    return 0;
}

static int open_up(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    /* A test may have taken its own rights away; a directory without them cannot be emptied. */
    if (type == FTW_D || type == FTW_DNR)
        (void)chmod(path, st->st_mode | 0700);
    return 0;
}

void harness_remove_tree(const char *path)
{
    (void)nftw(path, open_up, 16, FTW_PHYS);
    (void)nftw(path, remove_entry, 16, FTW_PHYS | FTW_DEPTH);
}

bool world_open(void)
{
    const char *base = getenv("SKEP_TEST_DIR");
    if (base == NULL || *base == '\0')
        base = getenv("TMPDIR");
    if (base == NULL || *base == '\0')
        base = "/tmp";
    char where[PATH_MAX];
    if (realpath(base, where) == NULL)
        return false;
    int len = snprintf(run_dir, sizeof(run_dir), "%s/skep-test-XXXXXX", where);
    if (len < 0 || (size_t)len >= sizeof(run_dir)) {
        errno = ENAMETOOLONG;
        return false;
    }
    /* 0711: a test that goes on as nobody must still reach its own directory. */
    return mkdtemp(run_dir) != NULL && chmod(run_dir, 0711) == 0;
}

void world_close(bool passed)
{
    if (keep_files())
        printf("harness: files kept in %s%s\n", run_dir, passed ? "" : " (something failed)");
    else
        harness_remove_tree(run_dir);
}

void world_begin(const char *name)
{
    (void)snprintf(test_dir, sizeof(test_dir), "%s/%.100s", run_dir, name);
    int rc = mkdir(test_dir, 0700);
    if (rc != 0 && errno == EEXIST) { /* one of that name in another suite has failed */
        (void)snprintf(test_dir, sizeof(test_dir), "%s/%.100s-%d", run_dir, name, (int)getpid());
        rc = mkdir(test_dir, 0700);
    }
    if (rc != 0)
        ck_abort_msg("mkdir %s: errno %d", test_dir, errno);
}

void world_end(void)
{
    if (!keep_files())
        harness_remove_tree(test_dir);
    while (kept != NULL) {
        keepsake *next = kept->next;
        free(kept->block);
        free(kept);
        kept = next;
    }
}

void *harness_keep(void *block)
{
    keepsake *k = malloc(sizeof(*k));
    if (block == NULL || k == NULL)
        ck_abort_msg("the harness is out of memory");
    k->block = block;
    (void)pthread_mutex_lock(&kept_lock);
    k->next = kept;
    kept = k;
    (void)pthread_mutex_unlock(&kept_lock);
    return block;
}

const char *harness_dir(void)
{
    return test_dir;
}

const char *harness_path(const char *name)
{
    size_t size = strlen(test_dir) + strlen(name) + 2;
    char *path = harness_keep(malloc(size));
    (void)snprintf(path, size, "%s/%s", test_dir, name);
    return path;
}

void harness_drop_root(void)
{
    if (geteuid() != 0)
        return;
    if (chown(test_dir, NOBODY, NOBODY) != 0 || setgroups(0, NULL) != 0 ||
        setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
        ck_abort_msg("cannot go on as nobody: errno %d", errno);
}

/* ---- files ---- */

void harness_write_file(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        ck_abort_msg("open %s: errno %d", path, errno);
    const char *at = data;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n <= 0)
            ck_abort_msg("write %s: errno %d", path, errno);
        at += n;
        size -= (size_t)n;
    }
    (void)close(fd);
}

void *harness_read_file(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        ck_abort_msg("open %s: errno %d", path, errno);
    size_t want = (size_t)st.st_size;
    char *data = harness_keep(malloc(want + 1));
    size_t have = 0;
    while (have < want) {
        ssize_t n = read(fd, data + have, want - have);
        if (n < 0)
            ck_abort_msg("read %s: errno %d", path, errno);
        if (n == 0)
            break;
        have += (size_t)n;
    }
    (void)close(fd);
    data[have] = '\0';
    if (size != NULL)
        *size = have;
    return data;
}

bool harness_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

void harness_copy_dir(const char *from, const char *to)
{
    if (mkdir(to, 0700) != 0)
        ck_abort_msg("mkdir %s: errno %d", to, errno);
    DIR *dir = opendir(from);
    if (dir == NULL)
        ck_abort_msg("opendir %s: errno %d", from, errno);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char source[PATH_MAX];
        char target[PATH_MAX];
        struct stat st;
        (void)snprintf(source, sizeof(source), "%s/%s", from, e->d_name);
        (void)snprintf(target, sizeof(target), "%s/%s", to, e->d_name);
        if (lstat(source, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        size_t size = 0;
        const void *data = harness_read_file(source, &size);
        harness_write_file(target, data, size);
    }
    (void)closedir(dir);
}

/* ---- time, threads, chance ---- */

uint64_t harness_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

typedef struct worker {
    pthread_t thread;
    size_t index;
    void (*fn)(size_t index, void *ctx);
    void *ctx;
    pthread_barrier_t *start;
} worker;

static void *work(void *arg)
{
    const worker *w = arg;
    (void)pthread_barrier_wait(w->start);
    w->fn(w->index, w->ctx);
    return NULL;
}

void harness_threads(size_t count, void (*fn)(size_t index, void *ctx), void *ctx)
{
    worker *workers = calloc(count, sizeof(*workers));
    pthread_barrier_t start;
    if (workers == NULL || pthread_barrier_init(&start, NULL, (unsigned)count) != 0)
        ck_abort_msg("cannot prepare %zu threads", count);
    for (size_t i = 0; i < count; i++) {
        workers[i] = (worker){.index = i, .fn = fn, .ctx = ctx, .start = &start};
        int err = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
        if (err != 0)
            ck_abort_msg("thread %zu: errno %d", i, err);
    }
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(workers[i].thread, NULL);
    (void)pthread_barrier_destroy(&start);
    free(workers);
}

rng rng_of(uint64_t seed)
{
    return (rng){seed};
}

uint64_t rng_next(rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t rng_below(rng *r, uint64_t n)
{
    return rng_next(r) % n;
}

void rng_fill(rng *r, void *out, size_t size)
{
    unsigned char *at = out;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = rng_next(r);
        memcpy(at + i, &word, size - i < 8 ? size - i : 8);
    }
}
