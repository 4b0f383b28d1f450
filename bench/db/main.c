/* SPDX-License-Identifier: MIT */

/* skep-bench-db: the database bench. The rounds are the outer loop and the sides of one row run one
 * after the other inside a round: disks drift within minutes, and only figures taken side by side
 * can be divided by each other. Who is first in a row changes with the round. */

#include "bench.h"
#include "json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct subject {
    const char *kind;
    const char *side;
    const char *mode;
    double share; /* of the length of a run */
    int clients;
    int row; /* the sides of one row are compared, so they run together */
} subject;

static const char node_side[] = "better-sqlite3";

/* clang-format off */
static const subject plan[] = {
    {"sync",  "disk",      "overwrite",  0.5,  1, 0},
    {"sync",  "disk",      "append",     0.5,  1, 0},
    {"write", "skep",      "full",       1.0,  1, 1},
    {"write", "pool",      "full",       1.0,  1, 1},
    {"write", "dedicated", "full",       1.0,  1, 1},
    {"write", node_side,   "full",       1.0,  1, 1},
    {"write", "skep",      "full",       1.0, 16, 2},
    {"write", "pool",      "full",       1.0, 16, 2},
    {"write", "dedicated", "full",       1.0, 16, 2},
    {"write", "skep",      "full",       1.0, 64, 2},
    {"write", "pool",      "full",       1.0, 64, 2},
    {"write", "dedicated", "full",       1.0, 64, 2},
    {"write", "skep",      "normal",     1.0,  1, 3},
    {"write", "pool",      "normal",     1.0,  1, 3},
    {"write", "dedicated", "normal",     1.0,  1, 3},
    {"write", node_side,   "normal",     1.0,  1, 3},
    {"write", "skep",      "normal",     1.0, 16, 4},
    {"write", "pool",      "normal",     1.0, 16, 4},
    {"write", "dedicated", "normal",     1.0, 16, 4},
    {"read",  "skep",      "autocommit", 1.0,  1, 5},
    {"read",  "raw",       "autocommit", 1.0,  1, 5},
    {"read",  node_side,   "autocommit", 1.0,  1, 5},
    {"read",  "skep",      "held",       1.0,  1, 6},
    {"read",  "raw",       "held",       1.0,  1, 6},
    {"read",  node_side,   "held",       1.0,  1, 6},
    {"read",  "skep",      "lease",      1.0,  1, 11},
    {"read",  "raw",       "lease",      1.0,  1, 11},
    {"open",  "skep",      "plain",      0.3,  1, 7},
    {"open",  "raw",       "plain",      0.3,  1, 7},
    {"open",  "skep-aegis", "raw key",   0.3,  1, 7},
    {"open",  "skep-aegis", "passphrase", 0.6, 1, 7},
    {"write", "skep",      "full",       1.0,  1, 8},
    {"write", "skep-aegis", "full",      1.0,  1, 8},
    {"write", "skep-async", "full",      1.0,  1, 9},
    {"write", "skep-batch", "full",      1.0,  1, 9},
    {"read",  "skep-aegis", "autocommit", 1.0, 1, 5},
    {"read",  "skep",      "scan",       1.0,  1, 10},
    {"read",  "skep-aegis", "scan",      1.0,  1, 10},
};
/* clang-format on */
enum { PLAN = sizeof(plan) / sizeof(plan[0]) };

typedef struct bench {
    const char *out;
    const char *dir;
    const char *peer; /* the folder of better-sqlite3, set up; NULL: skipped */
    const char *only; /* NULL, or the beginning of KIND/MODE/CLIENTS/SIDE */
    double seconds;
    int rounds;
    char program[4096];
    char script[4096];
    bench_files *files;
    FILE *results;
} bench;

static void record(const bench *b, const bench_job *job, const bench_result *r)
{
    json_t *line = json_pack(
        "{s:s, s:s, s:s, s:s, s:i, s:i, s:f, s:f, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "type",
        "run", "kind", job->kind, "mode", job->mode, "side", job->side, "clients", job->clients,
        "round", job->round, "seconds", job->seconds, "per_s", r->per_s, "done",
        (json_int_t)r->done, "busy", (json_int_t)r->busy, "group", r->group, "cpu_us", r->cpu,
        "p50_us", r->p50, "p99_us", r->p99, "p999_us", r->p999, "max_us", r->max);
    if (line == NULL)
        bench_die("out of memory");
    bench_json_line(b->results, line);
    (void)fprintf(stderr, "  %d/%d  %-5s %-10s %2d  %-14s %10.0f/s  p50 %8.1f  p99.9 %10.1f us\n",
                  job->round, b->rounds, job->kind, job->mode, job->clients, job->side, r->per_s,
                  r->p50, r->p999);
}

static bool wanted(const bench *b, const subject *s)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%s/%s/%d/%s", s->kind, s->mode, s->clients, s->side);
    if (b->only != NULL && strncmp(name, b->only, strlen(b->only)) != 0)
        return false;
    return b->peer != NULL || strcmp(s->side, node_side) != 0;
}

static void run_one(bench *b, const subject *s, int round)
{
    bench_job job = {
        .kind = s->kind,
        .side = s->side,
        .mode = s->mode,
        .clients = s->clients,
        .round = round,
        .seconds = b->seconds * s->share,
    };
    bench_child child = {.program = b->program};
    if (strcmp(s->side, node_side) == 0)
        child = (bench_child){.program = "node", .script = b->script};
    bench_result result = {.group = 1.0};
    if (strcmp(s->kind, "write") == 0) {
        job.path = bench_files_accounts(b->files, &job);
        bench_child_run(&child, &job, bench_files_prepare, b->files, &result);
        bench_files_verify(b->files, &result, &job);
    } else {
        if (strcmp(s->kind, "read") == 0)
            job.path = bench_files_items(b->files, &job);
        else if (strcmp(s->kind, "open") == 0)
            job.path = bench_files_accounts(b->files, &job);
        else
            job.path = bench_files_scratch(b->files);
        bench_child_run(&child, &job, NULL, NULL, &result);
    }
    record(b, &job, &result);
}

static void run_round(bench *b, int round)
{
    int first = 0;
    while (first < PLAN) {
        int count = 0;
        while (first + count < PLAN && plan[first + count].row == plan[first].row)
            count++;
        for (int i = 0; i < count; i++) {
            const subject *s = &plan[first + (i + round) % count];
            if (wanted(b, s))
                run_one(b, s, round);
        }
        first += count;
    }
}

/* The set-up of the peer leaves a file with its versions, or one with the reason why it is not. */
static void find_peer(bench *b)
{
    char name[4200];
    char reason[256] = "it was not set up";
    json_t *line = NULL;
    if (b->peer != NULL) {
        (void)snprintf(name, sizeof(name), "%s/peer.json", b->peer);
        line = json_load_file(name, 0, NULL);
        (void)snprintf(name, sizeof(name), "%s/skipped", b->peer);
        FILE *f = fopen(name, "re");
        if (f != NULL && fgets(reason, sizeof(reason), f) != NULL)
            reason[strcspn(reason, "\n")] = '\0';
        if (f != NULL)
            (void)fclose(f);
        (void)snprintf(b->script, sizeof(b->script), "%s/bench.js", b->peer);
    }
    if (line == NULL) {
        b->peer = NULL;
        line = json_pack("{s:s, s:s}", "type", "skip", "reason", reason);
        (void)fprintf(stderr, "bench: %s is skipped: %s\n", node_side, reason);
    } else {
        json_object_set_new(line, "type", json_string("peer"));
    }
    json_object_set_new(line, "side", json_string(node_side));
    bench_json_line(b->results, line);
}

static int run(bench *b)
{
    ssize_t length = readlink("/proc/self/exe", b->program, sizeof(b->program) - 1);
    if (length < 0)
        bench_die("/proc/self/exe: %m");
    b->results = fopen(b->out, "we");
    if (b->results == NULL)
        bench_die("%s: %m", b->out);
    b->files = bench_files_new(b->dir);
    bench_machine_write(b->results, b->dir, b->seconds, b->rounds);
    find_peer(b);
    for (int round = 1; round <= b->rounds; round++)
        run_round(b, round);
    bench_files_free(b->files);
    if (fclose(b->results) != 0)
        bench_die("%s: %m", b->out);
    return bench_report(b->out, stdout);
}

static int usage(void)
{
    (void)fputs(
        "usage: skep-bench-db run --out FILE --dir DIR [--rounds N] [--seconds S]\n"
        "                         [--better-sqlite3 DIR] [--only KIND[/MODE[/CLIENTS[/SIDE]]]]\n"
        "       skep-bench-db report FILE\n",
        stderr);
    return 2;
}

static int run_command(int argc, char **argv)
{
    bench b = {.rounds = 7, .seconds = 1.0};
    for (int i = 0; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--out") == 0)
            b.out = value;
        else if (strcmp(argv[i], "--dir") == 0)
            b.dir = value;
        else if (strcmp(argv[i], "--rounds") == 0)
            b.rounds = (int)strtol(value, NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            b.seconds = strtod(value, NULL);
        else if (strcmp(argv[i], "--better-sqlite3") == 0)
            b.peer = value;
        else if (strcmp(argv[i], "--only") == 0)
            b.only = value;
        else
            return usage();
    }
    bool complete = argc % 2 == 0 && b.out != NULL && b.dir != NULL;
    if (!complete || b.rounds < 1 || b.rounds > 1000 || !(b.seconds > 0.0 && b.seconds <= 60.0))
        return usage();
    return run(&b);
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "child") == 0)
        return bench_child_main(argc - 2, argv + 2);
    if (argc >= 2 && strcmp(argv[1], "run") == 0)
        return run_command(argc - 2, argv + 2);
    if (argc == 3 && strcmp(argv[1], "report") == 0)
        return bench_report(argv[2], stdout);
    return usage();
}
