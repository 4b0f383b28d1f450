/* SPDX-License-Identifier: MIT */

/* Every run is a fresh process, so that no side finds a heap, a page cache or an SQLite that the
 * side before it has set up. The same four lines go over the pipes for skep, for the peers in C and
 * for the script of better-sqlite3:
 *
 *   child:  ready
 *   parent: go
 *   child:  result PER_S DONE SUM BUSY GROUP CPU P50 P99 P999 MAX
 *   child:  (ends with status 0)
 */

#include "bench.h"

#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char ready_line[] = "ready\n";
static const char go_line[] = "go\n";

void bench_wait_for_go(void)
{
    char line[16];
    (void)fputs(ready_line, stdout);
    (void)fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL || strcmp(line, go_line) != 0)
        bench_die("the parent has gone");
}

static double number(const char *text, const char *what)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0')
        bench_die("%s: '%s' is not a number", what, text);
    return value;
}

/* KIND SIDE MODE CLIENTS ROUND SECONDS PATH */
int bench_child_main(int argc, char **argv)
{
    if (argc != 7)
        bench_die("a child takes seven arguments");
    const bench_job job = {
        .kind = argv[0],
        .side = argv[1],
        .mode = argv[2],
        .clients = (int)number(argv[3], "clients"),
        .round = (int)number(argv[4], "round"),
        .seconds = number(argv[5], "seconds"),
        .path = argv[6],
    };
    if (job.clients < 1 || job.clients > BENCH_CLIENTS_MAX)
        bench_die("clients: 1 to %d", BENCH_CLIENTS_MAX);
    bench_result r = {.group = 1.0};
    if (strcmp(job.kind, "write") == 0 &&
        (strcmp(job.side, "skep-async") == 0 || strcmp(job.side, "skep-batch") == 0))
        bench_run_async(&job, &r);
    else if (strcmp(job.kind, "write") == 0)
        bench_run_write(&job, &r);
    else if (strcmp(job.kind, "read") == 0)
        bench_run_read(&job, &r);
    else if (strcmp(job.kind, "open") == 0)
        bench_run_open(&job, &r);
    else
        bench_run_sync(&job, &r);
    printf("result %.3f %" PRIu64 " %" PRId64 " %" PRIu64 " %.3f %.3f %.3f %.3f %.3f %.3f\n",
           r.per_s, r.done, r.sum, r.busy, r.group, r.cpu, r.p50, r.p99, r.p999, r.max);
    return fflush(stdout) == 0 ? 0 : 1;
}

typedef struct pipes {
    pid_t pid;
    FILE *to;
    FILE *from;
} pipes;

static void start(const bench_child *child, const bench_job *job, pipes *out)
{
    char clients[16];
    char round[16];
    char seconds[32];
    (void)snprintf(clients, sizeof(clients), "%d", job->clients);
    (void)snprintf(round, sizeof(round), "%d", job->round);
    (void)snprintf(seconds, sizeof(seconds), "%.3f", job->seconds);
    const char *first = child->script != NULL ? child->script : "child";
    const char *args[] = {child->program, first, job->kind, job->side, job->mode,
                          clients,        round, seconds,   job->path, NULL};
    char *argv[sizeof(args) / sizeof(args[0])];
    memcpy(argv, args, sizeof(args));

    int down[2];
    int up[2];
    if (pipe(down) != 0 || pipe(up) != 0)
        bench_die("pipe: %m");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, down[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, up[1], STDOUT_FILENO);
    for (int i = 0; i < 2; i++) {
        posix_spawn_file_actions_addclose(&actions, down[i]);
        posix_spawn_file_actions_addclose(&actions, up[i]);
    }
    int rc = posix_spawnp(&out->pid, child->program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    errno = rc;
    if (rc != 0)
        bench_die("%s: %m", child->program);
    close(down[0]);
    close(up[1]);
    out->to = fdopen(down[1], "w");
    out->from = fdopen(up[0], "r");
    if (out->to == NULL || out->from == NULL)
        bench_die("fdopen: %m");
}

static void expect(const pipes *p, const bench_job *job, char *line, int size)
{
    if (fgets(line, size, p->from) == NULL)
        bench_die("%s %s, %s, %d clients: it ended early", job->side, job->kind, job->mode,
                  job->clients);
}

void bench_child_run(const bench_child *child, const bench_job *job, void (*prepare)(void *ctx),
                     void *ctx, bench_result *out)
{
    pipes p;
    char line[512];
    start(child, job, &p);
    expect(&p, job, line, sizeof(line));
    if (strcmp(line, ready_line) != 0)
        bench_die("%s: said '%s' instead of ready", job->side, line);
    if (prepare != NULL)
        prepare(ctx);
    (void)fputs(go_line, p.to);
    (void)fflush(p.to);
    expect(&p, job, line, sizeof(line));
    int fields =
        sscanf(line, "result %lf %" SCNu64 " %" SCNd64 " %" SCNu64 " %lf %lf %lf %lf %lf %lf",
               &out->per_s, &out->done, &out->sum, &out->busy, &out->group, &out->cpu, &out->p50,
               &out->p99, &out->p999, &out->max);
    if (fields != 10)
        bench_die("%s: result not understood: %s", job->side, line);
    int status = 0;
    if (waitpid(p.pid, &status, 0) != p.pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bench_die("%s %s, %s: it ended badly after its result", job->side, job->kind, job->mode);
    (void)fclose(p.to);
    (void)fclose(p.from);
}
