/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child process records the files into a second database and says through a pipe, after each
 * answer, which file it was. It is killed in the middle. What stands in the pipe then was
 * acknowledged: each of those rows must be there, as it was written, in a database that is whole.
 *
 * The child is this program again, by fork and exec: a database does not survive a fork. It dies
 * with its parent (PR_SET_PDEATHSIG), whatever that dies of. */

#define ACKS_READ 4096
#define LOOK_EVERY_MS 50

typedef struct crash {
    const tour *t;
    const tour_files *files;
    tour_crash *out;
    unsigned char *acked; /* one flag a file */
    pid_t child;
    int fd; /* of the pipe that acknowledgements come through */
    uint64_t begun_ns;
    uint64_t target;                      /* acknowledgements after which to kill */
    unsigned char held[sizeof(uint32_t)]; /* the beginning of a number */
    size_t held_len;
} crash;

static void second_path(char *path, size_t size, const char *dir)
{
    (void)snprintf(path, size, "%s/second.db", dir);
}

/* ---- the child ---- */

static int read_work(skep_tx *tx, void *arg)
{
    tour_files *files = arg;
    skep_rows *rows = NULL;
    tour_files_dispose(files);
    int rc = skep_query(tx, &rows, "SELECT path, size, mtime, mode FROM file ORDER BY id");
    if (rc < 0)
        return rc;
    while ((rc = skep_next(rows)) > 0) {
        char path[PATH_MAX];
        skep_slice text = skep_column_text(rows, 0);
        tour_file file = {path, (uint64_t)skep_column_int(rows, 1), skep_column_int(rows, 2),
                          (uint32_t)skep_column_int(rows, 3)};
        (void)snprintf(path, sizeof(path), "%.*s", (int)text.len, (const char *)text.data);
        if (!tour_files_add(files, &file)) {
            rc = SKEP_ENOMEM;
            break;
        }
    }
    skep_rows_close(rows);
    return rc;
}

static cli_exit take_work(const cli_call *call, const char *dir, tour_files *files)
{
    skep_db_opts opts = tour_opts();
    char path[PATH_MAX];
    skep_db *db = NULL;
    opts.flags = SKEP_DB_READONLY;
    (void)snprintf(path, sizeof(path), "%s/inventory.db", dir);
    cli_exit status = skep_db_open(path, &opts, &db) < 0 || skep_read(db, read_work, files) < 0
                          ? cli_fail(call->ui)
                          : CLI_DONE;
    (void)skep_db_close(db);
    return status;
}

/* Everything is recorded, and the kill has not come yet. */
static _Noreturn void wait_for_the_end(void)
{
    for (;;)
        (void)pause();
}

static cli_exit record_all(const cli_call *call, const char *dir, const tour_files *files)
{
    char path[PATH_MAX];
    skep_db *db = NULL;
    skep_db_opts opts = tour_opts();
    tour_figures figures;
    second_path(path, sizeof(path), dir);
    cli_exit status = skep_db_open(path, &opts, &db) < 0 || tour_create_table(db) < 0
                          ? cli_fail(call->ui)
                          : CLI_DONE;
    tour_job job = {&db, 1, files, files->count, TOUR_TAKE_NS, STDOUT_FILENO, ""};
    if (status == CLI_DONE)
        status = tour_crew(call->ui, &job, &figures);
    if (status == CLI_DONE)
        wait_for_the_end();
    (void)skep_db_close(db);
    return status;
}

cli_exit tour_crash_child(const cli_call *call, const char *dir)
{
    tour_files files = {0};
    cli_exit status = take_work(call, dir, &files);
    if (status == CLI_DONE)
        status = record_all(call, dir, &files);
    tour_files_dispose(&files);
    return status;
}

/* Between fork and exec: nothing that takes a lock. */
static void become_child(const tour *t, pid_t parent, int out)
{
    char option_quiet[] = "-q";
    char noun[] = "tour";
    char option_child[] = "--crash-child";
    char program[] = "skep";
    char dir[TOUR_DIR_MAX];
    memcpy(dir, t->dir, sizeof(dir));
    char *argv[] = {program, option_quiet, noun, option_child, dir, NULL};
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
        dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(CLI_FAILED);
    (void)execv("/proc/self/exe", argv);
    _exit(CLI_FAILED);
}

/* ---- the parent ---- */

static cli_exit start_child(crash *c)
{
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0)
        return cli_fail_errno(c->t->ui, errno, "make", "a pipe");
    c->child = fork();
    if (c->child == 0)
        become_child(c->t, parent, ends[1]);
    int why = errno;
    (void)close(ends[1]);
    c->fd = ends[0];
    if (c->child < 0)
        return cli_fail_errno(c->t->ui, why, "start", "a process");
    return CLI_DONE;
}

static void take_acks(crash *c, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        c->held[c->held_len++] = bytes[i];
        if (c->held_len < sizeof(c->held))
            continue;
        uint32_t number;
        memcpy(&number, c->held, sizeof(number));
        c->held_len = 0;
        if (number < c->files->count && c->acked[number] == 0) {
            c->acked[number] = 1;
            c->out->acknowledged++;
        }
    }
}

/* Read what is there: 1 something, 0 the end of the pipe, -1 nothing within the time. */
static int read_acks(crash *c, int wait_ms)
{
    unsigned char bytes[ACKS_READ];
    struct pollfd ready = {.fd = c->fd, .events = POLLIN};
    if (poll(&ready, 1, wait_ms) <= 0)
        return -1;
    ssize_t len = read(c->fd, bytes, sizeof(bytes));
    if (len <= 0)
        return len == 0 ? 0 : -1;
    take_acks(c, bytes, (size_t)len);
    return 1;
}

/* Somewhere between a third and two thirds, never twice the same place. */
static uint64_t choose_target(const tour_files *files)
{
    uint32_t dice = 0;
    if (getrandom(&dice, sizeof(dice), 0) != (ssize_t)sizeof(dice))
        dice = (uint32_t)cli_now_ns();
    uint64_t third = files->count / 3;
    return third + (third > 0 ? dice % third : 0) + 1;
}

/* Returns false if the child ended by itself. */
static bool follow(crash *c)
{
    cli_progress progress;
    int got = 1;
    cli_progress_begin(&progress, c->t->ui, "a second run, to be killed", "answered", 0);
    progress.delay_ns = 0;
    c->begun_ns = cli_now_ns(); /* the first look may bring answers already */
    while (got != 0 && !tour_stopping() && c->out->acknowledged < c->target &&
           (c->out->acknowledged == 0 || cli_now_ns() - c->begun_ns < TOUR_CRASH_NS)) {
        got = read_acks(c, LOOK_EVERY_MS);
        if (c->out->acknowledged == 0)
            c->begun_ns = cli_now_ns(); /* it still prepares */
        cli_progress_at(&progress, c->out->acknowledged);
    }
    cli_progress_end(&progress);
    return got != 0;
}

/* The kill, and what the pipe still holds after it. */
static cli_exit end_child(crash *c, bool alive)
{
    int how = 0;
    (void)kill(c->child, SIGKILL);
    c->out->ran_ns = cli_now_ns() - c->begun_ns;
    while (waitpid(c->child, &how, 0) < 0 && errno == EINTR)
        continue;
    while (alive && read_acks(c, 0) > 0)
        continue;
    if (tour_stopping())
        return CLI_DONE;
    if (!alive || !WIFSIGNALED(how) || WTERMSIG(how) != SIGKILL) {
        cli_say(c->t->ui, "the second run ended by itself before it was killed; try again");
        return CLI_FAILED;
    }
    return CLI_DONE;
}

/* ---- the proof ---- */

static bool same(skep_rows *rows, const tour_file *file)
{
    skep_slice path = skep_column_text(rows, 1);
    return path.len == strlen(file->path) && memcmp(path.data, file->path, path.len) == 0 &&
           (uint64_t)skep_column_int(rows, 2) == file->size &&
           skep_column_int(rows, 3) == file->mtime &&
           (uint32_t)skep_column_int(rows, 4) == file->mode;
}

/* Flags: bit 0 acknowledged, bit 1 found. */
static int compare(skep_tx *tx, void *arg)
{
    crash *c = arg;
    skep_rows *rows = NULL;
    c->out->found = 0;
    c->out->different = 0;
    c->out->missing = 0;
    for (size_t i = 0; i < c->files->count; i++)
        c->acked[i] &= 1;
    int rc = skep_query(tx, &rows, "SELECT id, path, size, mtime, mode FROM file");
    if (rc < 0)
        return rc;
    while ((rc = skep_next(rows)) > 0) {
        uint64_t i = (uint64_t)skep_column_int(rows, 0) - 1;
        c->out->found++;
        if (i >= c->files->count || !same(rows, &c->files->list[i]))
            c->out->different++;
        else
            c->acked[i] |= 2;
    }
    skep_rows_close(rows);
    for (size_t i = 0; i < c->files->count; i++)
        c->out->missing += c->acked[i] == 1;
    return rc;
}

static int check(skep_tx *tx, void *arg)
{
    crash *c = arg;
    skep_rows *rows = NULL;
    c->out->integrity[0] = '\0';
    int rc = skep_query(tx, &rows, "PRAGMA integrity_check(1)");
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    if (rc > 0) {
        skep_slice text = skep_column_text(rows, 0);
        (void)snprintf(c->out->integrity, sizeof(c->out->integrity), "%.*s", (int)text.len,
                       (const char *)text.data);
    }
    skep_rows_close(rows);
    return rc;
}

static cli_exit prove(crash *c)
{
    char path[PATH_MAX];
    skep_db *db = NULL;
    skep_db_opts opts = tour_opts();
    second_path(path, sizeof(path), c->t->dir);
    uint64_t begun = cli_now_ns();
    cli_exit status = CLI_DONE;
    if (skep_db_open(path, &opts, &db) < 0)
        return cli_fail(c->t->ui);
    c->out->reopen_ns = cli_now_ns() - begun;
    if (skep_read(db, compare, c) < 0 || skep_read(db, check, c) < 0)
        status = cli_fail(c->t->ui);
    (void)skep_db_close(db);
    return status;
}

cli_exit tour_crash_run(const tour *t, const tour_files *files, tour_crash *out)
{
    crash c = {.t = t, .files = files, .out = out, .fd = -1, .target = choose_target(files)};
    memset(out, 0, sizeof(*out));
    c.acked = calloc(files->count + 1, 1);
    if (c.acked == NULL)
        return cli_fail_memory(t->ui);
    cli_exit status = start_child(&c);
    if (status == CLI_DONE)
        status = end_child(&c, follow(&c));
    if (c.fd >= 0)
        (void)close(c.fd);
    if (status == CLI_DONE && !tour_stopping())
        status = prove(&c);
    free(c.acked);
    return status;
}
