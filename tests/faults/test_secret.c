/* SPDX-License-Identifier: MIT */
/*
 * F07: nothing of the plain text of an encrypted database reaches a file, whatever a process does
 * with it and wherever it is stopped. It is stopped with SIGSTOP first, while its files without a
 * name are still there to be read, then killed; and all that it leaves is read once more.
 */
#include "faults/faults.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skep/skep.h>

#include "harness/crash.h"

#include "faults/tools.h"

#define CANARY "canary-7f3a91-in-the-coal-mine"

static skep_key *key_of(char fill)
{
    uint8_t raw[SKEP_KEY_BYTES];
    skep_key *key = NULL;
    memset(raw, fill, sizeof(raw));
    assert_ok(skep_key_raw(raw, sizeof(raw), &key));
    return key;
}

/* ---- the process ---- */

typedef struct worker {
    skep_db *db;
    const char *path;
} worker;

static bool tells; /* in the process that is to be killed */

static void step_done(void)
{
    if (tells)
        crash_ack("", 1);
}

/* Rows of one and a half kilobytes, 25 a statement; the text of the statements has the canary too.
 */
static int fill(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "CREATE TABLE IF NOT EXISTS t(a INTEGER PRIMARY KEY, b TEXT)");
    for (int i = 0; rc >= 0 && i < 40; i++) {
        rc = skep_exec(tx, "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE "
                           "i<25) INSERT INTO t(b) SELECT replace(hex(zeroblob(25)), '00', '" CANARY
                           " ') || random() || hex(randomblob(300)) FROM n");
        step_done();
    }
    return rc;
}

static int drop_half(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "DELETE FROM t WHERE a % 2 = 0 OR a > 3000");
    return rc < 0 ? rc
                  : skep_exec(tx, "UPDATE t SET b = substr(b, 1, 1000) || '" CANARY
                                  "' WHERE a % 3 = 0 AND a < 300");
}

/* More than the cache holds, so that pages reach the WAL before COMMIT; with a rollback journal
 * they reach the file, and what they were the journal. */
static int write_much(const worker *w)
{
    int rc = skep_write(w->db, fill, NULL);
    return rc < 0 ? rc : skep_write(w->db, drop_half, NULL);
}

static int sort(skep_tx *tx, void *arg)
{
    skep_rows *rows = NULL;
    (void)arg;
    int rc = skep_query(tx, &rows,
                        "SELECT DISTINCT b || x.a FROM t, (VALUES(1), (2)) AS v, (SELECT 7 AS a) "
                        "AS x ORDER BY substr(b, 800), b");
    while (rc >= 0 && (rc = skep_next(rows)) > 0)
        continue;
    skep_rows_close(rows);
    step_done();
    return rc;
}

static int index_it(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "CREATE INDEX i ON t(b, a)");
    step_done();
    return rc < 0 ? rc : skep_exec(tx, "DROP INDEX i");
}

static int sort_much(const worker *w)
{
    int rc = skep_read(w->db, sort, NULL);
    return rc < 0 ? rc : skep_write(w->db, index_it, NULL);
}

static int vacuum(const worker *w)
{
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    opts.flags = SKEP_MAINTAIN_VACUUM;
    int rc = skep_write(w->db, drop_half, NULL);
    step_done();
    if (rc >= 0)
        rc = skep_db_optimize(w->db, &opts, NULL);
    step_done();
    return rc < 0 ? rc : skep_write(w->db, fill, NULL);
}

static int rekey_to(const worker *w, char from, char to, int32_t cipher)
{
    skep_rekey_opts opts = SKEP_REKEY_OPTS_INIT;
    skep_key *old = from != 0 ? key_of(from) : NULL;
    skep_key *next = to != 0 ? key_of(to) : NULL;
    opts.key = old;
    opts.to = next;
    opts.cipher = cipher;
    int rc = skep_db_rekey(w->path, &opts);
    skep_key_free(old);
    skep_key_free(next);
    return rc;
}

/* In place, and to another cipher. */
static int rekey_both(const worker *w)
{
    int rc = rekey_to(w, 'k', 'j', 0);
    step_done();
    if (rc >= 0)
        rc = rekey_to(w, 'j', 'k', SKEP_CIPHER_CHACHA20);
    step_done();
    return rc < 0 ? rc : rekey_to(w, 'k', 'k', SKEP_CIPHER_AEGIS);
}

/* Encrypt, and decrypt again. */
static int to_and_fro(const worker *w)
{
    int rc = rekey_to(w, 0, 'k', 0);
    step_done();
    return rc < 0 ? rc : rekey_to(w, 'k', 0, 0);
}

static int open_as(const char *path, char fill_of_key, uint32_t flags, skep_db **out)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_key *key = fill_of_key != 0 ? key_of(fill_of_key) : NULL;
    opts.key = key;
    opts.flags = flags;
    opts.cache_bytes = 1 << 20;
    opts.readers = 1;
    opts.checkpoint_pages = 200;
    opts.slow_statement_ms = 1;
    int rc = skep_db_open(path, &opts, out);
    skep_key_free(key);
    return rc;
}

/* PATH MODE KEY: 'k', or '-' for none. Works until it is killed. */
int role_secret(int argc, char **argv)
{
    static int (*const works[])(const worker *w) = {
        ['w'] = write_much, ['j'] = write_much, ['s'] = sort_much,
        ['v'] = vacuum,     ['r'] = rekey_both, ['p'] = to_and_fro,
    };
    if (argc < 4)
        return 2;
    char mode = argv[2][0];
    worker w = {.path = argv[1]};
    bool closed = mode == 'r' || mode == 'p';
    tells = true;
    int rc = closed ? 0
                    : open_as(w.path, argv[3][0] == '-' ? 0 : argv[3][0],
                              mode == 'j' ? SKEP_DB_FOREIGN : 0, &w.db);
    while (rc >= 0)
        rc = works[(unsigned char)mode](&w);
    (void)fprintf(stderr, "%c: %s: %s\n", mode, skep_code_name(rc), skep_last_error()->text);
    return 3;
}

/* ---- what is looked at ---- */

static bool holds_canary(int fd)
{
    static char data[1 << 20];
    size_t kept = 0;
    off_t at = 0;
    for (;;) {
        ssize_t n = pread(fd, data + kept, sizeof(data) - kept, at);
        if (n <= 0)
            return false;
        at += n;
        kept += (size_t)n;
        if (memmem(data, kept, CANARY, strlen(CANARY)) != NULL)
            return true;
        size_t tail = kept < strlen(CANARY) ? kept : strlen(CANARY); /* it may lie across */
        memmove(data, data + kept - tail, tail);
        kept = tail;
    }
}

/* How many plain files of a directory hold the canary; `what` gets the name of one. */
static int count_plain(const char *dir, bool links, char what[512])
{
    int found = 0;
    const struct dirent *entry;
    DIR *files = opendir(dir);
    ck_assert_ptr_nonnull(files);
    while ((entry = readdir(files)) != NULL) {
        char path[4096];
        struct stat st;
        if (links && strtol(entry->d_name, NULL, 10) <= 2)
            continue; /* not what the tests themselves write */
        int n = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        ck_assert_int_lt(n, (int)sizeof(path));
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
            continue; /* a socket; gone */
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && holds_canary(fd)) {
            found++;
            ssize_t len = links ? readlink(path, what, 511) : -1;
            if (len > 0)
                what[len] = '\0';
            else
                (void)snprintf(what, 512, "%s", entry->d_name);
        }
        (void)close(fd);
    }
    (void)closedir(files);
    return found;
}

typedef struct place {
    const char *dir;  /* of the database */
    const char *temp; /* where temporary files go */
    const char *path;
} place;

static place make_place(void)
{
    place p = {harness_path("db"), harness_path("temp"), harness_path("db/t.db")};
    ck_assert_int_eq(mkdir(p.dir, 0700), 0);
    ck_assert_int_eq(mkdir(p.temp, 0700), 0);
    ck_assert_int_eq(setenv("TMPDIR", p.temp, 1), 0); /* of this test's process and its children */
    ck_assert_int_eq(setenv("SQLITE_TMPDIR", p.temp, 1), 0);
    return p;
}

static void assert_nothing_plain(const place *p, char mode)
{
    char what[512] = "";
    ck_assert_msg(count_plain(p->dir, false, what) == 0, "mode %c: %s holds plain text", mode,
                  what);
    ck_assert_msg(count_plain(p->temp, false, what) == 0, "mode %c: temporary %s holds plain text",
                  mode, what);
}

static void stop(pid_t pid)
{
    int status = 0;
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
    ck_assert_msg(WIFSTOPPED(status), "the child ended by itself: status %d", status);
}

/* Let a process work, stop it somewhere, and see what it has open; then kill it. How many of its
 * files held plain text? */
static int look_and_kill(const place *p, char mode, const char *key, rng *chance)
{
    char fds[64];
    char what[512] = "";
    char word[2] = {mode, '\0'};
    char ack;
    const char *const args[] = {p->path, word, key, NULL};
    crash_child child = crash_start("secret", args);
    for (uint64_t acks = 1 + rng_below(chance, mode == 'w' || mode == 'j' ? 90 : 6); acks > 0;
         acks--)
        ck_assert(crash_next_ack(&child, &ack, 1));
    for (uint64_t looks = rng_below(chance, 3000); looks > 0; looks--) /* up to some milliseconds */
        (void)harness_exists(p->path);
    stop(child.pid);
    (void)snprintf(fds, sizeof(fds), "/proc/%d/fd", (int)child.pid);
    int found = count_plain(fds, true, what);
    crash_kill(&child);
    ck_assert_int_eq(crash_wait(&child), 128 + SIGKILL);
    if (key[0] != '-')
        ck_assert_msg(found == 0, "mode %c: %s holds plain text", mode, what);
    return found;
}

/* Opening it recovers what the death left; and it is whole. */
static void assert_opens(const place *p, char mode)
{
    skep_db *db = NULL;
    uint32_t flags = SKEP_DB_UNATTENDED | (mode == 'j' ? SKEP_DB_FOREIGN : 0);
    int rc = open_as(p->path, 'k', flags, &db);
    if (rc == SKEP_EAUTH && mode == 'r')
        rc = open_as(p->path, 'j', flags, &db);
    assert_ok(rc);
    assert_ok(skep_db_check(db, NULL));
    assert_ok(skep_db_close(db));
}

static void make_file(const place *p, char key, uint32_t flags)
{
    skep_db *db = NULL;
    assert_ok(open_as(p->path, key, flags | SKEP_DB_UNATTENDED, &db));
    assert_ok(skep_write(db, fill, NULL));
    assert_ok(skep_db_close(db));
}

/* ---- the tests ---- */

static void kill_in_mode(char mode)
{
    place p = make_place();
    rng chance = rng_of(harness_seed());
    make_file(&p, 'k', mode == 'j' ? SKEP_DB_FOREIGN : 0);
    for (uint64_t round = 0; round < harness_size(SIZE_KILLS) / 4; round++) {
        (void)look_and_kill(&p, mode, "k", &chance);
        assert_nothing_plain(&p, mode);
        assert_opens(&p, mode);
        assert_nothing_plain(&p, mode);
    }
}

TEST(F07_killed_in_a_transaction_larger_than_the_cache)
{
    kill_in_mode('w');
}
TEST(F07_killed_in_one_with_a_rollback_journal)
{
    kill_in_mode('j');
}
TEST(F07_killed_while_it_sorts)
{
    kill_in_mode('s');
}
TEST(F07_killed_in_a_vacuum)
{
    kill_in_mode('v');
}
TEST(F07_killed_in_a_change_of_the_key)
{
    kill_in_mode('r');
}

/* Without a key all of it is found, so that the tests above could fail. */
TEST(plain_text_is_found_where_it_is)
{
    place p = make_place();
    char what[512] = "";
    rng chance = rng_of(harness_seed());
    make_file(&p, 0, 0);
    ck_assert_int_gt(look_and_kill(&p, 'w', "-", &chance), 0);
    ck_assert_int_gt(count_plain(p.dir, false, what), 0);
}

/* What was plain is nowhere any more once the file is encrypted: neither in pages that rows were
 * deleted from nor in what a killed process had left beside the file. */
TEST(F07_nothing_plain_is_left_when_a_file_was_encrypted)
{
    place p = make_place();
    char what[512] = "";
    skep_db *db = NULL;
    worker w = {.path = p.path};
    rng chance = rng_of(harness_seed());
    make_file(&p, 0, 0);
    (void)look_and_kill(&p, 'w', "-", &chance); /* its -wal and -shm stay */
    assert_ok(open_as(p.path, 0, SKEP_DB_UNATTENDED, &db));
    assert_ok(skep_write(db, drop_half, NULL));
    assert_ok(skep_db_close(db));
    ck_assert_int_gt(count_plain(p.dir, false, what), 0);
    assert_ok(rekey_to(&w, 0, 'k', 0));
    assert_nothing_plain(&p, 'p');
    assert_opens(&p, 'p');
}

/* Killed on the way to a key or back, then finished. */
TEST(F07_nothing_plain_is_left_when_a_killed_change_is_finished)
{
    place p = make_place();
    worker w = {.path = p.path};
    rng chance = rng_of(harness_seed());
    make_file(&p, 0, 0);
    for (uint64_t round = 0; round < harness_size(SIZE_KILLS) / 4; round++) {
        (void)look_and_kill(&p, 'p', "-", &chance);
        assert_ok(rekey_to(&w, 0, 'k', 0));
        assert_nothing_plain(&p, 'p');
        assert_opens(&p, 'p');
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(F07_killed_in_a_transaction_larger_than_the_cache),
    HARNESS_TEST(F07_killed_in_one_with_a_rollback_journal),
    HARNESS_TEST(F07_killed_while_it_sorts),
    HARNESS_TEST(F07_killed_in_a_vacuum),
    HARNESS_TEST(F07_killed_in_a_change_of_the_key),
    HARNESS_TEST(plain_text_is_found_where_it_is),
    HARNESS_TEST(F07_nothing_plain_is_left_when_a_file_was_encrypted),
    HARNESS_TEST(F07_nothing_plain_is_left_when_a_killed_change_is_finished),
};
const harness_suite secret_suite = HARNESS_SUITE("secret", tests);
