/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"

#define TERMINAL_MAX ((size_t)1 << 20)

const char *run_skep_path(void)
{
    const char *path = getenv("SKEP_PROGRAM");
    ck_assert_msg(path != NULL, "SKEP_PROGRAM names no program");
    return path;
}

static int open_or_die(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    if (fd < 0)
        _exit(126);
    return fd;
}

/* In the child: never returns. exec's type promises less than it keeps: it changes no argument. */
static _Noreturn void become(const char *path, const char *const argv[])
{
    union {
        const char *const *in;
        char *const *out;
    } args = {argv};
    struct sigaction normal = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGPIPE, &normal, NULL);
    (void)execv(path, args.out);
    _exit(127);
}

static void redirect_out(const char *out, unsigned how)
{
    int pipe_ends[2];
    if (how & RUN_CLOSED_OUT) {
        (void)close(STDOUT_FILENO);
        return;
    }
    if (how & RUN_GONE_OUT) {
        if (pipe(pipe_ends) != 0 || dup2(pipe_ends[1], STDOUT_FILENO) < 0)
            _exit(126);
        (void)close(pipe_ends[0]);
        (void)close(pipe_ends[1]);
        return;
    }
    int fd = how & RUN_FULL_OUT ? open_or_die("/dev/full", O_WRONLY)
                                : open_or_die(out, O_WRONLY | O_CREAT | O_TRUNC);
    (void)dup2(fd, STDOUT_FILENO);
}

static int status_of(int how)
{
    return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

ran run_program(const char *path, const char *const argv[], unsigned how)
{
    const char *out = harness_path("stdout");
    const char *err = harness_path("stderr");
    ran r = {0};
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)dup2(open_or_die("/dev/null", O_RDONLY), STDIN_FILENO);
        (void)dup2(open_or_die(err, O_WRONLY | O_CREAT | O_TRUNC), STDERR_FILENO);
        redirect_out(out, how);
        become(path, argv);
    }
    int ended = 0;
    struct rusage usage;
    ck_assert_int_eq(wait4(pid, &ended, 0, &usage), pid);
    r.status = status_of(ended);
    r.max_rss_kb = usage.ru_maxrss;
    r.out = how == 0 ? harness_read_file(out, &r.out_len) : NULL;
    r.err = harness_read_file(err, NULL);
    return r;
}

/* What a terminal got, without the carriage returns that its driver adds to newlines. */
static size_t read_terminal(int fd, char *text)
{
    size_t len = 0;
    for (;;) {
        ssize_t got = read(fd, text + len, TERMINAL_MAX - 1 - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    size_t kept = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] != '\r' || i + 1 >= len || text[i + 1] != '\n')
            text[kept++] = text[i];
    text[kept] = '\0';
    return kept;
}

ran run_on_terminal(int columns, const char *const argv[])
{
    static char text[TERMINAL_MAX]; /* one terminal at a time; a test is a process */
    struct winsize size = {.ws_row = 50, .ws_col = (unsigned short)columns};
    ran r = {.out = text};
    int terminal = -1;
    ck_assert_int_eq(setenv("TERM", "xterm-256color", 1), 0);
    pid_t pid = forkpty(&terminal, NULL, NULL, &size);
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        become(run_skep_path(), argv);
    r.out_len = read_terminal(terminal, text);
    int ended = 0;
    ck_assert_int_eq(waitpid(pid, &ended, 0), pid);
    (void)close(terminal);
    r.status = status_of(ended);
    return r;
}

running run_start(const char *const argv[])
{
    running r = {-1, -1};
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    r.pid = fork();
    ck_assert_int_ge(r.pid, 0);
    if (r.pid == 0) {
        (void)dup2(open_or_die("/dev/null", O_RDONLY), STDIN_FILENO);
        (void)dup2(ends[1], STDOUT_FILENO);
        become(run_skep_path(), argv);
    }
    (void)close(ends[1]);
    r.out = ends[0];
    return r;
}

bool run_read_until(running *r, const char *text)
{
    char seen[65536];
    size_t len = 0;
    while (len < sizeof(seen) - 1) {
        ssize_t got = read(r->out, seen + len, sizeof(seen) - 1 - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        len += (size_t)got;
        seen[len] = '\0';
        if (strstr(seen, text) != NULL)
            return true;
    }
    return false;
}

bool run_ended(const running *r)
{
    siginfo_t info = {0};
    ck_assert_int_eq(waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    return info.si_pid == r->pid;
}

int run_wait(running *r)
{
    int ended = 0;
    ck_assert_int_eq(waitpid(r->pid, &ended, 0), r->pid);
    (void)close(r->out);
    return status_of(ended);
}

json_t *parse_json(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    ck_assert_msg(value != NULL, "no JSON: %s in: %s", error.text, text);
    return value;
}

void assert_json(const char *text, const char *expected)
{
    json_t *have = parse_json(text);
    json_t *want = parse_json(expected);
    ck_assert_msg(json_equal(have, want), "%s is not %s", text, expected);
    json_decref(have);
    json_decref(want);
}

bool contains(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

void check_one_line(const char *text, const char *const parts[])
{
    const char *end = strchr(text, '\n');
    ck_assert_msg(end != NULL && end[1] == '\0', "not one line: %s", text);
    ck_assert_msg(strncmp(text, "skep: ", 6) == 0, "not from skep: %s", text);
    for (; *parts != NULL; parts++)
        ck_assert_msg(contains(text, *parts), "`%s` is not in: %s", *parts, text);
}

const char *run_key_file(const char *name)
{
    const char *path = harness_path(name);
    unsigned char key[32];
    memset(key, name[0], sizeof(key));
    harness_write_file(path, key, sizeof(key));
    ck_assert_int_eq(chmod(path, 0600), 0);
    return path;
}
