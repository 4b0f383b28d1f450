/* SPDX-License-Identifier: MIT */
/* F07: what the program has of an encrypted database, and of its key, while it works. */
#include "suites.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define CANARY "canary-7f3a91-in-the-coal-mine"
#define ENOUGH ((off_t)1 << 16) /* bytes of a file that is looked at */
#define PATIENCE_S 60

static const char *key_file(void)
{
    const char *path = harness_path("k.key");
    harness_write_file(path, "0123456789abcdefghijklmnopqrstuv", 32);
    ck_assert_int_eq(chmod(path, 0600), 0);
    return path;
}

static const char *encrypted(void)
{
    const char *path = FIXTURE("e.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)");
    ck_assert_int_eq(SKEP("db", "rekey", path, "--new-key-file", key_file()).status, 0);
    return path;
}

/* ---- files that a process has open ---- */

/* One of its descriptors: 1 if it is a file on a disk that holds the canary, 0 if it does not;
 * `*there`: a file without a name, on a disk or in memory, that much is in already. */
static int look_at(const char *link, bool *there)
{
    static char data[1 << 20];
    char name[4096] = "";
    struct stat st;
    int fd = open(link, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0; /* closed meanwhile */
    int found = 0;
    ssize_t len = readlink(link, name, sizeof(name) - 1);
    if (len > 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        bool memory = strncmp(name, "/memfd:", 7) == 0;
        /* Sanitizers have nameless files too, of other names. */
        bool nameless = memory || (contains(name, "/skep-") && contains(name, " (deleted)"));
        ssize_t n = pread(fd, data, sizeof(data), 0);
        *there = *there || (nameless && n >= ENOUGH);
        found = !memory && n > 0 && memmem(data, (size_t)n, CANARY, strlen(CANARY)) != NULL;
    }
    (void)close(fd);
    return found;
}

/* Look at all that it has open until it has a file without a name. True if a disk had the canary.
 */
static bool plain_text_on_disk(pid_t pid)
{
    char dir[64];
    bool found = false;
    bool there = false;
    uint64_t until = harness_now_ns() + PATIENCE_S * 1000000000ull;
    (void)snprintf(dir, sizeof(dir), "/proc/%d/fd", (int)pid);
    while (!there) {
        /* No ck_assert() in here: each of them writes to a nameless file that the child has too. */
        if (harness_now_ns() >= until)
            ck_abort_msg("it keeps nothing in a file without a name");
        const struct dirent *entry;
        DIR *fds = opendir(dir);
        if (fds == NULL)
            harness_skip_test(SKIP_NOT_ROOT, "looking into a process that hides");
        while ((entry = readdir(fds)) != NULL) {
            char link[512];
            (void)snprintf(link, sizeof(link), "%s/%s", dir, entry->d_name);
            if (strtol(entry->d_name, NULL, 10) > 2) /* the output of the tests is its business */
                found = look_at(link, &there) || found;
        }
        (void)closedir(fds);
    }
    return found;
}

static const char rows_of_canary[] =
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n LIMIT "
    "3000000) SELECT '" CANARY "' || i FROM n";

/* The rows of a statement that writes, which wait for its commit. */
static bool rows_of_a_write_on_disk(const char *db, const char *key)
{
    const char *argv[] = {"skep",
                          "db",
                          "query",
                          db,
                          rows_of_canary,
                          "--write",
                          "--json",
                          key != NULL ? "--key-file" : NULL,
                          key,
                          NULL};
    running r = run_start(argv);
    bool found = plain_text_on_disk(r.pid);
    (void)kill(r.pid, SIGKILL);
    (void)run_wait(&r);
    return found;
}

TEST(F07_rows_that_wait_for_a_commit_lie_on_no_disk)
{
    const char *plain = FIXTURE("p.db", "CREATE TABLE t (a)");
    ck_assert(rows_of_a_write_on_disk(plain, NULL)); /* so they would be seen */
    ck_assert(!rows_of_a_write_on_disk(encrypted(), key_file()));
}

/* An import that makes its table out of what comes through a pipe, and is not at its end. */
static bool import_on_disk(const char *db, const char *key)
{
    int ends[2];
    char rows[4096];
    const char *argv[] = {"skep",     "db",      "import", db,
                          "-",        "--table", "u",      "--create",
                          "--format", "csv",     "-q",     key != NULL ? "--key-file" : NULL,
                          key,        NULL};
    int len = snprintf(rows, sizeof(rows), "a\n");
    for (int i = 0; i < 100; i++)
        len += snprintf(rows + len, sizeof(rows) - (size_t)len, CANARY "\n");
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        union {
            const char **in;
            char *const *out;
        } args = {argv};
        (void)dup2(ends[0], STDIN_FILENO);
        (void)execv(run_skep_path(), args.out);
        _exit(127);
    }
    (void)close(ends[0]);
    /* More than the pipe takes: when the last is written, most has been read. */
    for (int i = 0; i < 400; i++)
        ck_assert_int_eq(write(ends[1], rows, (size_t)len), len);
    bool found = plain_text_on_disk(pid);
    (void)kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    (void)close(ends[1]);
    return found;
}

TEST(F07_what_is_imported_from_a_pipe_lies_on_no_disk)
{
    const char *plain = FIXTURE("p.db", "CREATE TABLE t (a)");
    ck_assert(import_on_disk(plain, NULL));
    ck_assert(!import_on_disk(encrypted(), key_file()));
}

/* ---- core dumps ---- */

/* What a limit reads, "soft hard" in bytes. */
static void core_limit(pid_t pid, char *out, size_t size)
{
    char path[64];
    char line[256];
    (void)snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
    FILE *limits = fopen(path, "re");
    ck_assert_ptr_nonnull(limits);
    out[0] = '\0';
    while (fgets(line, sizeof(line), limits) != NULL) {
        char soft[32];
        char hard[32];
        if (sscanf(line, "Max core file size %31s %31s", soft, hard) == 2)
            (void)snprintf(out, size, "%s %s", soft, hard);
    }
    (void)fclose(limits);
}

/* The kernel gives what belongs to a process that may not be dumped to root. */
static bool is_dumpable(pid_t pid)
{
    char path[64];
    struct stat st;
    (void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_uid == geteuid();
}

static const char endless_rows[] = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n) "
                                   "SELECT 'row ' || i AS a FROM n";

/* Start a query that does not end, and look at it once its first rows are there. Then it gets a
 * signal that makes a core. */
static void check_query(const char *db, const char *key, bool protected)
{
    const char *argv[] = {
        "skep", "db", "query", db, endless_rows, "--json", key != NULL ? "--key-file" : NULL,
        key,    NULL};
    char limit[80];
    int status = 0;
    running r = run_start(argv);
    ck_assert(run_read_until(&r, "row 2"));
    core_limit(r.pid, limit, sizeof(limit));
    ck_assert_msg((strcmp(limit, "0 0") == 0) == protected, "core limit: %s", limit);
    ck_assert_int_eq(is_dumpable(r.pid), !protected);
    (void)kill(r.pid, protected ? SIGABRT : SIGKILL);
    ck_assert_int_eq(waitpid(r.pid, &status, 0), r.pid);
    (void)close(r.out);
    ck_assert(WIFSIGNALED(status));
    ck_assert(!WCOREDUMP(status));
}

TEST(F07_the_program_leaves_no_core_once_it_has_a_key)
{
    struct rlimit most;
    harness_drop_root();
    ck_assert_int_eq(getrlimit(RLIMIT_CORE, &most), 0);
    most.rlim_cur = most.rlim_max; /* somebody wants cores */
    ck_assert_int_eq(setrlimit(RLIMIT_CORE, &most), 0);
    const char *plain = FIXTURE("p.db", "CREATE TABLE t (a)");
    const char *db = encrypted();
    check_query(db, key_file(), true);
    if (most.rlim_max != 0) /* so it would be seen */
        check_query(plain, NULL, false);
    ck_assert_int_eq(setenv("SKEP_KEY", "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=", 1), 0);
    check_query(db, NULL, true);
}

static const harness_test tests[] = {
    HARNESS_TEST(F07_rows_that_wait_for_a_commit_lie_on_no_disk),
    HARNESS_TEST(F07_what_is_imported_from_a_pipe_lies_on_no_disk),
    HARNESS_TEST(F07_the_program_leaves_no_core_once_it_has_a_key),
};
const harness_suite secret_suite = HARNESS_SUITE("secret", tests);
