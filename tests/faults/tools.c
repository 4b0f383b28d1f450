/* SPDX-License-Identifier: MIT */
#include "faults/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"

static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

static void copy_file(const char *from, const char *to)
{
    char block[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) {
        ck_assert_int_eq(errno, ENOENT);
        ck_assert(unlink(to) == 0 || errno == ENOENT);
        return;
    }
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_msg(out >= 0, "open %s: errno %d", to, errno);
    for (ssize_t n = read(in, block, sizeof(block)); n != 0; n = read(in, block, sizeof(block))) {
        ck_assert_int_gt(n, 0);
        ck_assert_int_eq(write(out, block, (size_t)n), n);
    }
    (void)close(in);
    (void)close(out);
}

static void join(char *out, size_t size, const char *path, const char *suffix)
{
    int n = snprintf(out, size, "%s%s", path, suffix);
    ck_assert(n > 0 && (size_t)n < size);
}

void copy_database(const char *path, const char *copy)
{
    char from[4096];
    char to[4096];
    remove_database(copy);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (strcmp(suffixes[i], "-shm") == 0)
            continue;
        join(from, sizeof(from), path, suffixes[i]);
        join(to, sizeof(to), copy, suffixes[i]);
        copy_file(from, to);
    }
}

void remove_database(const char *path)
{
    char name[4096];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        join(name, sizeof(name), path, suffixes[i]);
        ck_assert(unlink(name) == 0 || errno == ENOENT);
    }
}

const char *path_with(const char *path, const char *suffix)
{
    char name[4096];
    join(name, sizeof(name), path, suffix);
    const char *base = strrchr(name, '/');
    ck_assert_ptr_nonnull(base);
    size_t dir = strlen(harness_dir());
    ck_assert(strncmp(name, harness_dir(), dir) == 0);
    return harness_path(name + dir + 1);
}

/* ---- file systems ---- */

const char *small_fs(const char *name, const char *size)
{
    char options[64];
    const char *path = harness_path(name);
    if (geteuid() != 0)
        harness_skip_test(SKIP_NOT_ROOT, "mounting a file system");
    /* Mounts of our own: they end with this process, however it ends. */
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        harness_skip_test(SKIP_NOT_ROOT, "mounts of our own are not allowed");
    (void)snprintf(options, sizeof(options), "size=%s", size);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    if (mount("tmpfs", path, "tmpfs", 0, options) != 0)
        harness_skip_test(SKIP_NOT_ROOT, "mounting is not allowed");
    return path;
}

void fs_make_readonly(const char *path)
{
    ck_assert_int_eq(mount("none", path, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
}

void fs_fill(const char *path, size_t spare)
{
    static const char block[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    off_t size = 0;
    ssize_t n;
    while ((n = write(fd, block, sizeof(block))) > 0)
        size += n;
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_int_ge(size, (off_t)spare);
    ck_assert_int_eq(ftruncate(fd, size - (off_t)spare), 0);
    (void)close(fd);
}

/* ---- programs ---- */

static _Noreturn void become(const char *const *argv, int in, int out)
{
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    /* execvp() promises not to change what its arguments point to. */
    char *const *words = NULL;
    memcpy(&words, &argv, sizeof(words));
    (void)execvp(argv[0], words);
    _exit(127);
}

typedef struct talk {
    int in; /* -1: it has heard all */
    int out;
    const char *input;
    size_t left;
    char *output;
    size_t size;
    size_t have;
} talk;

static void feed(talk *t)
{
    ssize_t n = t->left > 0 ? write(t->in, t->input, t->left) : 0;
    if (n > 0) {
        t->input += n;
        t->left -= (size_t)n;
    }
    if (n < 0 || t->left == 0) {
        (void)close(t->in);
        t->in = -1;
    }
}

/* False at the end. What does not fit is read all the same, or the program would wait. */
static bool drain(talk *t)
{
    char sink[4096];
    bool room = t->have + 1 < t->size;
    ssize_t n = room ? read(t->out, t->output + t->have, t->size - 1 - t->have)
                     : read(t->out, sink, sizeof(sink));
    if (n > 0 && room)
        t->have += (size_t)n;
    return n > 0;
}

/* Feed and drain at the same time: neither pipe may fill up while the other waits. */
static void talk_all(talk *t)
{
    bool more = true;
    while (more) {
        struct pollfd p[2] = {{.fd = t->out, .events = POLLIN}, {.fd = t->in, .events = POLLOUT}};
        ck_assert_int_gt(poll(p, t->in >= 0 ? 2 : 1, 60000), 0);
        if (t->in >= 0 && p[1].revents != 0)
            feed(t);
        if (p[0].revents != 0)
            more = drain(t);
    }
    if (t->in >= 0)
        (void)close(t->in);
    t->output[t->have] = '\0';
}

int run_program(const char *const *argv, const char *input, char *output, size_t size)
{
    int in[2];
    int out[2];
    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(argv, in[0], out[1]);
    ck_assert_int_gt(pid, 0);
    (void)close(in[0]);
    (void)close(out[1]);
    talk t = {.in = in[1],
              .out = out[0],
              .input = input,
              .left = strlen(input),
              .output = output,
              .size = size};
    talk_all(&t);
    (void)close(out[0]);
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        harness_skip_test(SKIP_TOOL, argv[0]);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void stock_sqlite(const char *path, const char *sql, char *output, size_t size)
{
    const char *const argv[] = {"/usr/bin/sqlite3", "-batch", "-bail", path, NULL};
    int status = run_program(argv, sql, output, size);
    ck_assert_msg(status == 0, "sqlite3 %s: status %d: %s", path, status, output);
}
