/* SPDX-License-Identifier: MIT */
/* What `skep tour` does, as an application: sixteen threads record the files below a directory,
 * each file in a durable transaction of its own, then three questions are asked.
 *
 *     inventory DATABASE [DIRECTORY]
 *
 * Kill it when you like and start it again: every file that was recorded is there, and it goes on.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <skep/skep.h>

#define THREADS 16

typedef struct file {
    char *path;
    int64_t size;
    int64_t mtime;
    int64_t mode;
} file;

/* nftw() takes no argument for its function, so what it finds stands here. */
static file *files;
static size_t file_count;

static skep_db *db;
static _Atomic size_t next_file;
static _Atomic size_t recorded;

static int fail(void)
{
    const skep_err *err = skep_last_error();
    (void)fprintf(stderr, "inventory: %s (%s)\n", err->text, skep_code_name(err->code));
    return 1;
}

static int find(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)where;
    if (type != FTW_F || !S_ISREG(st->st_mode))
        return 0;
    if ((file_count & (file_count - 1)) == 0) {
        size_t room = file_count == 0 ? 1 : 2 * file_count;
        file *grown = realloc(files, room * sizeof(*grown));
        if (grown == NULL)
            return -1;
        files = grown;
    }
    char *copy = strdup(path);
    if (copy == NULL)
        return -1;
    file *found = &files[file_count++];
    *found = (file){NULL, st->st_size, st->st_mtime, st->st_mode};
    found->path = copy;
    return 0;
}

static int create(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY,"
                         " size INTEGER, mtime INTEGER, mode INTEGER) WITHOUT ROWID");
}

/* A transaction function touches `tx` and its argument, and nothing else: it may run in any thread,
 * and more than once. Here it also tells its caller whether the file was new. */
typedef struct entry {
    const file *file;
    int64_t added;
} entry;

static int record(skep_tx *tx, void *arg)
{
    entry *e = arg;
    e->added = 0;
    int rc = skep_exec(tx, "INSERT OR IGNORE INTO file VALUES (?, ?, ?, ?)", SKEP_V(e->file->path),
                       SKEP_V(e->file->size), SKEP_V(e->file->mtime), SKEP_V(e->file->mode));
    e->added = skep_tx_changes(tx);
    return rc;
}

static void *work(void *arg)
{
    int *status = arg;
    for (size_t i; (i = atomic_fetch_add(&next_file, 1)) < file_count;) {
        entry e = {&files[i], 0};
        if (skep_write(db, record, &e) < 0) {
            *status = fail(); /* the detail of a failure belongs to the thread that saw it */
            break;
        }
        atomic_fetch_add(&recorded, (size_t)e.added); /* now it is on the disk */
    }
    return NULL;
}

static int record_all(void)
{
    pthread_t threads[THREADS];
    int status[THREADS] = {0};
    int failed = 0;
    int started = 0;
    while (started < THREADS &&
           pthread_create(&threads[started], NULL, work, &status[started]) == 0)
        started++;
    for (int i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
        failed |= status[i];
    }
    return failed | (started == 0);
}

static double seconds(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

typedef struct answer {
    const char *sql;
    int count;
    struct {
        char name[256];
        int64_t bytes;
    } rows[5];
} answer;

/* It could be run again, so it prints nothing: it fills its argument, from the start. */
static int collect(skep_tx *tx, void *arg)
{
    answer *a = arg;
    skep_rows *rows = NULL;
    a->count = 0;
    int rc = skep_query(tx, &rows, a->sql);
    if (rc < 0)
        return rc;
    while (a->count < 5 && (rc = skep_next(rows)) > 0) {
        skep_slice name = skep_column_text(rows, 0);
        (void)snprintf(a->rows[a->count].name, sizeof(a->rows[0].name), "%.*s", (int)name.len,
                       (const char *)name.data);
        a->rows[a->count++].bytes = skep_column_int(rows, 1);
    }
    skep_rows_close(rows);
    return rc;
}

static int ask(const char *question, const char *sql)
{
    answer a = {.sql = sql};
    if (skep_read(db, collect, &a) < 0)
        return fail();
    (void)printf("%s\n", question);
    for (int i = 0; i < a.count; i++)
        (void)printf("  %12lld  %s\n", (long long)a.rows[i].bytes, a.rows[i].name);
    return 0;
}

static int ask_all(void)
{
    return ask("biggest directories, bytes",
               "SELECT rtrim(path, replace(path, '/', '')) AS dir, sum(size) AS bytes"
               " FROM file GROUP BY dir ORDER BY bytes DESC LIMIT 5") |
           ask("newest files, bytes",
               "SELECT path, size FROM file ORDER BY mtime DESC, path LIMIT 5") |
           ask("by extension, bytes",
               "SELECT CASE WHEN path LIKE '%.gz' THEN '.gz' WHEN path LIKE '%.mo' THEN '.mo'"
               " ELSE 'other' END AS kind, sum(size) FROM file GROUP BY kind");
}

static int run(void)
{
    if (skep_write(db, create, NULL) < 0)
        return fail();
    double begun = seconds();
    if (record_all() != 0)
        return 1;
    double took = seconds() - begun;
    skep_db_stats stats = {.size = (uint32_t)sizeof(stats)};
    if (skep_db_get_stats(db, &stats) < 0)
        return fail();
    (void)printf(
        "%zu files, %zu of them new, in %.2f s: %.0f durable transactions/s, %.1f a sync\n",
        file_count, (size_t)recorded, took, (double)file_count / took,
        (double)stats.writes / (double)stats.groups);
    return ask_all();
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3)
        return fprintf(stderr, "Usage: inventory DATABASE [DIRECTORY]\n"), 2;
    const char *directory = argc > 2 ? argv[2] : "/usr/share";
    if (nftw(directory, find, 32, FTW_PHYS | FTW_MOUNT) != 0)
        return perror(directory), 1;
    if (skep_db_open(argv[1], NULL, &db) < 0)
        return fail();
    int status = run();
    if (skep_db_close(db) < 0)
        status = fail();
    for (size_t i = 0; i < file_count; i++)
        free(files[i].path);
    free(files);
    return status;
}
