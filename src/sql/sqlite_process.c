/* SPDX-License-Identifier: MIT */
/*
 * What SQLite has for the whole process, and we beside it.
 *
 * SQLite keeps the POSIX locks of a process in memory, in one table for all connections. A child by
 * fork() has the table, and whatever mutex another thread held then, but none of the locks: it
 * would write beside the parent without noticing, or hang. So we count our connections. In a child
 * of a process that had any nothing is asked of SQLite any more, not even a mutex.
 */
#include <pthread.h>

#include "base/mem.h"
#include "sql/sqlite_private.h"

static void *mem_malloc(int n)
{
    return skep__alloc((size_t)n);
}
static void mem_free(void *p)
{
    skep__free(p);
}
static void *mem_realloc(void *p, int n)
{
    return skep__realloc(p, (size_t)n);
}
static int mem_size(void *p)
{
    const skep_allocator *a = skep__allocator();
    return p == NULL ? 0 : (int)a->usable(p, a->ctx);
}
static int mem_roundup(int n)
{
    return (n + 7) & ~7;
}
static int mem_init(void *ctx)
{
    (void)ctx;
    return SQLITE_OK;
}
static void mem_shutdown(void *ctx)
{
    (void)ctx;
}

/* That it recovered something SQLite tells nobody but its log, in the thread that did it. */
static _Thread_local uint32_t recoveries;

uint32_t skep__sqlite_recoveries(void)
{
    return recoveries;
}

static void on_log(void *ctx, int code, const char *text)
{
    (void)ctx;
    (void)text;
    recoveries += code == SQLITE_NOTICE_RECOVER_WAL || code == SQLITE_NOTICE_RECOVER_ROLLBACK;
}

static struct {
    pthread_once_t once;
    skep__process process;
} here = {.once = PTHREAD_ONCE_INIT};

static void configure(void)
{
    static const sqlite3_mem_methods methods = {mem_malloc,  mem_free, mem_realloc,  mem_size,
                                                mem_roundup, mem_init, mem_shutdown, NULL};
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    (void)sqlite3_config(SQLITE_CONFIG_LOG, on_log, NULL);
    skep__process_init(&here.process);
}

void skep__sqlite_configure(void)
{
    (void)pthread_once(&here.once, configure);
}

/* ---- which process this is ---- */

skep__home skep__sqlite_home(void)
{
    skep__sqlite_configure();
    return skep__process_home(&here.process);
}

/* Before SQLite is asked for anything, so that a fork() meanwhile finds it counted. */
int skep__sqlite_enter(const char *path)
{
    skep__sqlite_configure();
    if (skep__process_enter(&here.process))
        return SKEP_OK;
    return SKEP__FAIL(SKEP_EMISUSE,
                      "%s is not opened in a child process: as it was forked, %u connections were "
                      "open, whose locks SQLite would take for its own here; run another program "
                      "(exec), or open databases after fork() only",
                      path, skep__process_users(&here.process));
}

void skep__sqlite_leave(void)
{
    skep__process_leave(&here.process);
}

int skep__sqlite_allowed(const char *path)
{
    SKEP__TRY(skep__sqlite_enter(path));
    skep__sqlite_leave();
    return SKEP_OK;
}
